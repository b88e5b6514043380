import { expect } from 'chai';
import { extendManifest } from '../../../../src/core/model/extension.ts';
import type { ArtifactSigner } from '../../../../src/core/promotion/index.ts';
import { appendCosignLayer } from '../../../../src/core/promotion/records/cosign-tag.ts';
import { bundleArtifact } from '../../../../src/core/promotion/records/statement.ts';
import { quarantineFlag } from '../../../../src/core/promotion/records/marks.ts';
import { releaseStatement, type Release } from '../../../../src/core/promotion/records/release.ts';
import type { Artifact } from '../../../../src/core/promotion/records/artifact.ts';
import { digestOf, type Digest } from '../../../../src/core/model/index.ts';
import { authority, policyOf } from '../../../support/policies.ts';
import { signingKey } from '../../../support/signing.ts';
import { createBench, forever, LIMITS, shortly, type Bench } from '../../../support/verification.ts';
import { AT, attach, image, nowhere, run, signerWith, subject, written } from './made.ts';

const name = 'registry.example.com/golden/web';
const release: Release = {
  source: {
    registry: 'registry.example.com',
    repository: 'quarantine/web',
    tag: '1.4.0',
    digest: image.digest,
  },
  target: { ...image, tag: '1.4.0' },
  promotedAt: AT,
  run,
  gates: [
    { name: 'policy golden-candidates', result: 'Pass', versions: { policy: 'sha256:ab12' } },
    { name: 'scan', result: 'Block', versions: { trivy: '0.74.0' } },
  ],
  exceptions: [{ id: 'CVE-2026-2', reason: 'not reachable', until: new Date('2026-12-31T00:00:00Z') }],
  waived: ['CVE-2026-1'],
  approver: 'alice',
  approvalReason: 'behind a proxy',
  approvedUntil: new Date('2026-10-31T00:00:00Z'),
  reportDigest: digestOf('report'),
  databaseUpdatedAt: new Date('2026-06-15T06:00:00Z'),
};

describe('the statement that releases an image', () => {
  it('records why the image is at the target', () => {
    const statement = releaseStatement(release);
    expect(statement).to.deep.equal({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name, digest: { sha256: image.digest.slice('sha256:'.length) } }],
      predicateType: 'https://pratique.dev/release/v1',
      predicate: {
        source: {
          repository: 'registry.example.com/quarantine/web',
          tag: '1.4.0',
          digest: image.digest,
        },
        target: { repository: name, tag: '1.4.0', digest: image.digest },
        promotedAt: '2026-06-15T12:00:00Z',
        run: { name: run.name, id: run.id, url: run.url },
        gates: release.gates,
        exceptions: [{ id: 'CVE-2026-2', reason: 'not reachable', until: '2026-12-31T00:00:00Z' }],
        waived: ['CVE-2026-1'],
        approver: 'alice',
        approvalReason: 'behind a proxy',
        approvedUntil: '2026-10-31T00:00:00Z',
        reportDigest: release.reportDigest,
        databaseUpdatedAt: '2026-06-15T06:00:00Z',
      },
    });
  });

  it('leaves out empty fields', () => {
    const { source, target, promotedAt, gates } = release;
    const bare = { source, target, promotedAt, gates, run: nowhere, exceptions: [], waived: [] };
    const { predicate } = written(releaseStatement(bare));
    expect(predicate).not.to.have.any.keys('approver', 'approvalReason', 'reportDigest', 'databaseUpdatedAt');
    expect(predicate).to.deep.include({ exceptions: [], waived: [] });
    expect(predicate).not.to.have.nested.property('run.url');
  });

  it('is the same statement for the same release', () => {
    expect(JSON.stringify(releaseStatement(release))).to.equal(JSON.stringify(releaseStatement(release)));
  });

  describe('for a policy that names the signer', () => {
    const key = signingKey();
    const policy = policyOf({
      authorities: [authority('promotion', key)],
      require: { quarantine: { releasedBy: ['promotion'] } },
    });
    const flagged = (): { fixture: Bench; digest: Digest } => {
      const fixture = createBench();
      const digest = fixture.registry.push(name, { tag: '1.4.0' });
      attach(fixture.registry, name, quarantineFlag({ ...subject, digest }, AT));
      return { fixture, digest };
    };
    const releaseOf = async (digest: Digest, signer: ArtifactSigner): Promise<Artifact> => {
      const statement = releaseStatement({ ...release, target: { ...release.target, digest } });
      return bundleArtifact(await signer.signStatement(statement, forever()), {
        subject: { ...subject, digest },
        predicateType: statement.predicateType,
        signer: signer.name,
        at: AT,
      });
    };
    const judge = async (fixture: Bench) => shortly(await fixture.judge([`${name}:1.4.0`], [policy]));

    it('lifts the flag from its image', async () => {
      const { fixture, digest } = flagged();
      expect(await judge(fixture)).to.deep.equal(['deny Quarantined']);
      fixture.pass(LIMITS.foundMs + 1);
      attach(fixture.registry, name, await releaseOf(digest, await signerWith(key)));
      expect(await judge(fixture)).to.deep.equal(['allow']);
    });

    it('lifts the flag also under the tag of cosign 2', async () => {
      const { fixture, digest } = flagged();
      const signer = await signerWith(key);
      const statement = releaseStatement({ ...release, target: { ...release.target, digest } });
      const signed = await signer.signStatement(statement, forever());
      const appended = appendCosignLayer(undefined, { suffix: 'att', signed, signer: signer.name });
      if (!appended.ok || !appended.value) throw new Error('nothing was appended');
      const { blobs, extension } = appended.value;
      const content = extendManifest(extension);
      if (!content.ok) throw new Error('no manifest');
      for (const bytes of blobs) fixture.registry.putBlob(name, bytes, 'application/octet-stream');
      const { layers } = content.value.manifest;
      fixture.registry.push(name, { tag: `${digest.replace(':', '-')}.att`, layers });
      expect(await judge(fixture)).to.deep.equal(['allow']);
    });

    it('lifts no flag when another signer signed it, or when it is about another digest', async () => {
      const strange = flagged();
      attach(strange.fixture.registry, name, await releaseOf(strange.digest, await signerWith()));
      expect(await judge(strange.fixture)).to.deep.equal(['deny Quarantined']);
      const moved = flagged();
      const other = await releaseOf(digestOf('another image'), await signerWith(key));
      const { manifest } = other.content;
      attach(moved.fixture.registry, name, {
        ...other,
        content: {
          ...other.content,
          manifest: { ...manifest, subject: { ...subject, digest: moved.digest } },
        },
      });
      expect(await judge(moved.fixture)).to.deep.equal(['deny Quarantined']);
    });
  });
});
