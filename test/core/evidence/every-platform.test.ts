import { expect } from 'chai';
import { MEDIA_TYPE, type Descriptor, type Digest } from '../../../src/core/model/index.ts';
import { authority, policyOf } from '../../support/policies.ts';
import { signingKey, simpleSigning } from '../../support/signing.ts';
import { createBench, pushSignatures, shortly } from '../../support/verification.ts';

const WEB = 'registry.example.com/shop/web';
const annotations = { 'vnd.docker.reference.type': 'attestation-manifest' };
const AMD64 = { os: 'linux', architecture: 'amd64' };
const NOWHERE = { os: 'unknown', architecture: 'unknown' };
const key = signingKey();
const everyChild = (onUnknown = 'Deny') =>
  policyOf({
    authorities: [authority('ci', key)],
    onUnknown,
    require: { signatures: { from: ['ci'], platforms: 'EveryChild' } },
  });

describe('the message of a refusal', () => {
  const { registry, judge } = createBench();
  const signed = registry.push(WEB, { annotations: { salt: 'near' } });
  const of = (digest: Digest, mediaType: string = MEDIA_TYPE.ociManifest) =>
    ({ mediaType, digest, size: 1, annotations: {}, platform: AMD64 }) satisfies Descriptor;
  const foundOf = async (image: string) => {
    const policy = policyOf({
      authorities: [authority('ci', key)],
      require: { signatures: { from: ['ci'] } },
    });
    const [judged] = await judge([image], [policy]);
    expect(shortly(judged ? [judged] : [])).to.deep.equal(['deny Unsigned']);
    return judged?.verdict.findings[0]?.found;
  };

  it('names the platform of an unsigned index that is signed', async () => {
    pushSignatures(registry, WEB, signed, [simpleSigning({ digest: signed, key })]);
    const index = registry.push(WEB, { manifests: [of(signed)] });
    expect(await foundOf(`${WEB}@${index}`)).to.contain(
      'linux/amd64 in this index is signed, the index itself is not',
    );
  });

  it('names the signed index through which the tag leads to an unsigned image', async () => {
    const child = registry.push(WEB, { annotations: { salt: 'child' } });
    const index = registry.push(WEB, { manifests: [of(child)], tag: 'near' });
    pushSignatures(registry, WEB, index, [simpleSigning({ digest: index, key })]);
    expect(await foundOf(`${WEB}:near@${child}`)).to.contain(
      `the index ${index.slice(0, 19)}… that lists it is signed, this image itself is not`,
    );
  });

  it('is the same where nothing near can be read', async () => {
    const absent = of(`sha256:${'1'.repeat(64)}`, MEDIA_TYPE.ociIndex);
    const index = registry.push(WEB, { manifests: [absent, of(signed)] });
    expect(await foundOf(`${WEB}@${index}`)).to.contain('no signature by authority "ci"; none found');
  });
});

describe('a policy that requires signatures of every platform', () => {
  const { registry, judge } = createBench();
  const image = (salt: string, isSigned = false): Digest => {
    const digest = registry.push(WEB, { annotations: { salt } });
    if (isSigned) pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    return digest;
  };
  const list = (digest: Digest, more: Partial<Descriptor> = {}): Descriptor => {
    return { mediaType: MEDIA_TYPE.ociManifest, digest, size: 1, annotations: {}, ...more };
  };
  const clean = list(image('clean', true), { platform: { os: 'linux', architecture: 's390x' } });
  /** Judges a signed index with a signed platform and one more child. */
  const judged = async (child: Descriptor, policy = everyChild()) => {
    const index = registry.push(WEB, { manifests: [clean, child] });
    pushSignatures(registry, WEB, index, [simpleSigning({ digest: index, key })]);
    return shortly(await judge([`${WEB}@${index}`], [policy])).join();
  };
  const nested = (child: Descriptor): Descriptor =>
    list(registry.push(WEB, { manifests: [child] }), { mediaType: MEDIA_TYPE.ociIndex });

  const unsigned = image('evil');
  for (const [what, child] of [
    ['that calls itself statements and has no platform', list(unsigned, { annotations })],
    ['that calls itself statements and has one', list(unsigned, { annotations, platform: AMD64 })],
    ['without a platform', list(unsigned)],
    ['in a nested index', nested(list(unsigned, { platform: AMD64 }))],
    ['in a nested index that calls itself statements', { ...nested(list(unsigned)), annotations }],
    ['that is not there yet', list(`sha256:${'0'.repeat(64)}`, { platform: AMD64 })],
  ] as const)
    it(`W08: refuses an unsigned image ${what}`, async () => {
      expect(await judged(child)).to.equal('deny Unsigned');
    });

  for (const [what, child] of [
    ['a signed image in a nested index', nested(list(image('b', true), { platform: AMD64 }))],
    ['statements as BuildKit writes them', list(image('statements'), { annotations, platform: NOWHERE })],
    ['what no node can run, without a mark', list(image('unmarked'), { platform: NOWHERE })],
  ] as const)
    it(`admits ${what}`, async () => {
      expect(await judged(child)).to.equal('allow');
    });

  for (const onUnknown of ['Deny', 'Warn', 'Allow'])
    it(`W05: refuses an index that runtimes read in different ways, also with onUnknown ${onUnknown}`, async () => {
      const child = list(image('c', true), { platform: AMD64, mediaType: MEDIA_TYPE.ociIndex });
      expect(await judged(child, everyChild(onUnknown))).to.equal('deny AmbiguousIndex');
    });
});
