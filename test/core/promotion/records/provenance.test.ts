import { expect } from 'chai';
import {
  ACQUISITION_PREDICATE_TYPE,
  acquisitionRecord,
  acquisitionStatement,
  findAcquisition,
  type Acquisition,
} from '../../../../src/core/promotion/records/provenance.ts';
import { digestOf, type PinnedRef } from '../../../../src/core/model/index.ts';
import { AT, bodyOf, image, LATER, listed, nowhere, run, statementOf, subject, written } from './made.ts';

const source: PinnedRef = {
  registry: 'docker.io',
  repository: 'library/node',
  tag: '22.4.1',
  digest: digestOf('upstream'),
};
const acquisition: Acquisition = {
  source,
  destination: { ...image, tag: '22.4.1' },
  acquiredAt: AT,
  run,
  copyReferrers: true,
  sourceAuthenticated: false,
};

describe('the provenance of a mirrored image', () => {
  it('is a statement in the format of the public mirror workflows', () => {
    const artifact = acquisitionRecord(acquisition, subject);
    expect(statementOf(artifact)).to.deep.equal({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [
        { name: 'registry.example.com/golden/web', digest: { sha256: image.digest.slice('sha256:'.length) } },
      ],
      predicateType: ACQUISITION_PREDICATE_TYPE,
      predicate: {
        source: {
          reference: 'docker.io/library/node:22.4.1',
          registry: 'docker.io',
          repository: 'library/node',
          tag: '22.4.1',
          digest: source.digest,
        },
        destination: { reference: 'registry.example.com/golden/web:22.4.1', digest: image.digest },
        acquiredAt: '2026-06-15T12:00:00Z',
        runUrl: run.url,
        actor: run.actor,
        workflow: { name: run.name, runId: run.id, runAttempt: '1' },
        copyMethod: 'pratique',
        copyReferrers: true,
        sourceAuthenticated: false,
      },
    });
    expect(bodyOf(artifact)).to.deep.include({ artifactType: 'application/vnd.in-toto+json' });
    expect(artifact.content.manifest.annotations).to.include({
      'in-toto.io/predicate-type': ACQUISITION_PREDICATE_TYPE,
      'com.toddysm.acquisition.source': 'docker.io/library/node:22.4.1',
      'com.toddysm.acquisition.source-digest': source.digest,
      'com.toddysm.acquisition.timestamp': '2026-06-15T12:00:00Z',
      'com.toddysm.acquisition.run-url': run.url,
    });
  });

  it('names the digest of a platform at the source, and leaves out what is not known', () => {
    const { registry, repository, digest } = source;
    const platformSourceDigest = digestOf('amd64');
    const { predicate, subject: about } = written(
      acquisitionStatement({
        ...acquisition,
        source: { registry, repository, digest },
        run: nowhere,
        platform: { digest: platformSourceDigest, name: 'linux-amd64' },
      }),
    );
    expect(about[0]?.digest).to.deep.equal({ sha256: platformSourceDigest.slice('sha256:'.length) });
    expect(predicate).to.have.nested.property('destination.digest', image.digest);
    expect(predicate).to.deep.include({ platformSourceDigest });
    expect(predicate).not.to.have.property('runUrl');
    expect(predicate).to.have.nested.property('source.reference', `docker.io/library/node@${source.digest}`);
  });

  it('is pulled by oras under the file name that the public workflows write', () => {
    const platform = { digest: digestOf('amd64'), name: 'linux-arm-v7' };
    for (const [made, file] of [
      [acquisitionRecord(acquisition, subject), 'acquisition-provenance.json'],
      [acquisitionRecord({ ...acquisition, platform }, subject), 'acquisition-provenance-linux-arm-v7.json'],
    ] as const) {
      const { annotations, layers } = made.content.manifest;
      for (const each of [annotations, layers[0]?.annotations])
        expect(each).to.have.property('org.opencontainers.image.title', file);
    }
  });

  it('has the same bytes for the same mirrored image', () => {
    expect(acquisitionRecord(acquisition, subject)).to.deep.equal(acquisitionRecord(acquisition, subject));
  });

  it('is found again by source and digest, at whatever time it was written', () => {
    const referrers = [listed(acquisitionRecord({ ...acquisition, acquiredAt: LATER }, subject))];
    expect(findAcquisition(referrers, acquisition)).to.equal(referrers[0]);
    for (const other of [
      { ...source, tag: '22' },
      { ...source, digest: digestOf('newer') },
    ])
      expect(findAcquisition(referrers, { source: other })).to.equal(undefined);
  });
});
