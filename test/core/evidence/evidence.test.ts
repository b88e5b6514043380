import { expect } from 'chai';
import { digestOf } from '../../../src/core/model/index.ts';
import { authority, policyOf } from '../../support/policies.ts';
import { SIGN_PREDICATE_TYPE, simpleSigning, statementBundle } from '../../support/signing.ts';
import { faultOf } from '../../support/twins/registry.ts';
import { attachBundle, createBench, LIMITS, pushSignatures, shortly } from '../../support/verification.ts';
import { fixture, key, quarantine, signature, signed, WEB } from '../../support/twins/web-image.ts';

const FLAG_TYPE = 'application/vnd.pratique.quarantine.v1+json';
const LIFE_TYPE = 'application/vnd.pratique.lifecycle.v1+json';
const lifecycle = policyOf({ require: { lifecycle: {} } }, 'lifecycle');

describe('signatures found', () => {
  it('S11: in the .sig tag', async () => {
    const { registry, judge, digest, image } = fixture();
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
  });

  it('S11: in a referrer that carries cosign layers', async () => {
    const { registry, judge, digest, image } = fixture();
    const { payload, annotations } = simpleSigning({ digest, key });
    const type = 'application/vnd.dev.cosign.simplesigning.v1+json';
    registry.push(WEB, {
      subject: digest,
      artifactType: 'application/vnd.dev.cosign.artifact.sig.v1+json',
      layers: [registry.putBlob(WEB, payload, type, annotations)],
    });
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
  });

  for (const hint of [undefined, SIGN_PREDICATE_TYPE]) {
    it(`S11: in a bundle, its predicate type ${hint === undefined ? 'not annotated' : 'annotated'}`, async () => {
      const { registry, judge, digest, image } = fixture();
      attachBundle(registry, WEB, {
        subject: digest,
        json: signature(digest),
        ...(hint !== undefined && { hint }),
      });
      expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
    });
  }

  it('the .sig tag of a sha512 digest is read', async () => {
    const { registry, judge } = createBench();
    const digest = digestOf('image', 'sha512');
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    expect(shortly(await judge([`${WEB}@${digest}`], [signed]))).to.deep.equal(['deny ImageNotFound']);
    expect(registry.calls).to.include(`manifest ${WEB}:${digest.replace(':', '-')}.sig`);
  });

  it('a bundle with another type in its annotation is not fetched; the annotation itself is never trusted', async () => {
    const { registry, judge, digest, image } = fixture();
    const provenance = 'https://slsa.dev/provenance/v1';
    const good = signature(digest);
    const other = statementBundle({ digest, key, predicateType: provenance });
    attachBundle(registry, WEB, { subject: digest, json: good, hint: provenance });
    attachBundle(registry, WEB, { subject: digest, json: other, hint: SIGN_PREDICATE_TYPE });
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['deny Unsigned']);
    const fetched = registry.calls.filter((call) => call.startsWith('blob '));
    expect(fetched).to.include(`blob ${WEB}@${digestOf(other)}`);
    expect(fetched).not.to.include(`blob ${WEB}@${digestOf(good)}`);
  });

  it('a bundle whose annotation names a version of the wanted type is fetched', async () => {
    const { registry, judge, digest, image } = fixture();
    const predicateType = 'https://spdx.dev/Document/v2.3';
    attachBundle(registry, WEB, {
      subject: digest,
      json: statementBundle({ digest, key, predicateType }),
      hint: predicateType,
    });
    const wanting = (type: string) =>
      policyOf({
        authorities: [authority('release', key)],
        require: { attestations: [{ predicateType: type, from: ['release'] }] },
      });
    expect(shortly(await judge([image], [wanting('https://spdx.dev/Document')]))).to.deep.equal(['allow']);
    expect(shortly(await judge([image], [wanting('https://spdx.dev/Document/v2.2')]))).to.deep.equal([
      'deny AttestationMissing',
    ]);
  });

  it('S01: an unsigned in-toto referrer with the right predicate is never evidence', async () => {
    const { registry, judge, digest, image } = fixture();
    registry.push(WEB, {
      subject: digest,
      artifactType: 'application/vnd.in-toto+json',
      annotations: { 'in-toto.io/predicate-type': SIGN_PREDICATE_TYPE },
    });
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['deny Unsigned']);
  });
});

describe('one broken signature among good ones', () => {
  it('H12: a signature that cannot be read hides no good one', async () => {
    const { registry, judge, digest, image } = fixture();
    const broken = attachBundle(registry, WEB, { subject: digest, json: Buffer.from('broken') });
    attachBundle(registry, WEB, { subject: digest, json: signature(digest) });
    registry.fail(`manifest ${WEB}@${broken}`, faultOf('RegistryMisbehaved', false));
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
  });

  it('H12: a broken signature alone makes the image unknown', async () => {
    const { registry, judge, digest, image } = fixture();
    const broken = attachBundle(registry, WEB, { subject: digest, json: signature(digest) });
    registry.fail(`manifest ${WEB}@${broken}`, faultOf('RegistryMisbehaved', false));
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['unknown RegistryMisbehaved']);
  });

  it('H12: a signature whose content was deleted is unknown', async () => {
    const { registry, judge, digest, image } = fixture();
    const layer = simpleSigning({ digest, key });
    pushSignatures(registry, WEB, digest, [layer]);
    registry.remove(WEB, digestOf(layer.payload));
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['unknown UnreadableEvidence']);
  });

  it('H12: a broken referrer does not hide a flag, and may be a flag', async () => {
    const { registry, judge, digest, image, pass } = fixture();
    registry.listPoorly();
    const broken = registry.push(WEB, { subject: digest, artifactType: 'application/x' });
    registry.fail(`manifest ${WEB}@${broken}`, faultOf('RegistryMisbehaved', false));
    expect(shortly(await judge([image], [quarantine]))).to.deep.equal(['unknown RegistryMisbehaved']);
    registry.push(WEB, { subject: digest, artifactType: FLAG_TYPE });
    pass(LIMITS.unknownMs);
    expect(shortly(await judge([image], [quarantine]))).to.deep.equal(['deny Quarantined']);
  });
});

describe('a listing without annotations', () => {
  it('H11: has its manifests read, and their flag is found', async () => {
    const { registry, judge, digest, image } = fixture();
    registry.listPoorly();
    registry.push(WEB, { subject: digest, artifactType: FLAG_TYPE, annotations: { by: 'team' } });
    expect(shortly(await judge([image], [quarantine]))).to.deep.equal(['deny Quarantined']);
  });

  for (const type of [
    'application/vnd.oci.empty.v1+json',
    'application/vnd.oci.image.config.v1+json',
    LIFE_TYPE,
  ]) {
    it(`H11: has its manifests read when it lists ${type} and no annotations`, async () => {
      const { registry, judge, digest, image } = fixture();
      const annotations = { 'dev.pratique.lifecycle.end-of-life': '2026-01-01' };
      const referrer = registry.push(WEB, { subject: digest, artifactType: LIFE_TYPE, annotations });
      const poor = { mediaType: 'x', digest: referrer, size: 1, artifactType: type, annotations: {} };
      registry.list(WEB, digest, [poor]);
      expect(shortly(await judge([image], [lifecycle]))).to.deep.equal(['deny PastEndOfLife']);
    });
  }

  it('H11: is read alone when it has annotations', async () => {
    const { registry, judge, digest, image } = fixture();
    registry.push(WEB, { subject: digest, artifactType: LIFE_TYPE, annotations: { a: 'b' } });
    await judge([image], [lifecycle, quarantine]);
    expect(registry.count('manifest')).to.equal(1);
  });

  it('may have listed a flag that was deleted', async () => {
    const { registry, judge, digest, image } = fixture();
    registry.listPoorly();
    registry.remove(WEB, registry.push(WEB, { subject: digest, artifactType: 'application/x' }));
    expect(shortly(await judge([image], [quarantine]))).to.deep.equal(['unknown UnreadableEvidence']);
  });
});
