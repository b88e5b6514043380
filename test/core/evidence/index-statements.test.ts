import { expect } from 'chai';
import { MEDIA_TYPE, type Descriptor, type Digest } from '../../../src/core/model/index.ts';
import { authority, policyOf } from '../../support/policies.ts';
import { dsseBundle, signingKey, statement } from '../../support/signing.ts';
import type { RegistryTwin } from '../../support/twins/registry.ts';
import { createBench, shortly } from '../../support/verification.ts';

const WEB = 'registry.example.com/shop/web';
const PROVENANCE = 'https://slsa.dev/provenance/v1';
const IN_TOTO = 'application/vnd.in-toto+json';
const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const key = signingKey();
const attested = policyOf({
  authorities: [authority('ci', key)],
  require: { attestations: [{ predicateType: PROVENANCE, from: ['ci'] }] },
});
const signed = policyOf({
  authorities: [authority('ci', key)],
  require: { signatures: { from: ['ci'], platforms: 'EveryChild' } },
});

interface Carried {
  /** The subject that the attestation manifest names. */
  readonly about: Digest;
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

/** One platform and what BuildKit would put next to it. */
function pushIndex(registry: RegistryTwin, carriedOf: (platform: Digest) => readonly Carried[]) {
  const platform = registry.push(WEB, { annotations: { platform: 'linux/amd64' } });
  const carriers = carriedOf(platform).map(({ about, bytes, mediaType }): Descriptor => {
    const layers = [registry.putBlob(WEB, bytes, mediaType, { 'in-toto.io/predicate-type': PROVENANCE })];
    const annotations = {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': about,
    };
    const platform = { os: 'unknown', architecture: 'unknown' };
    return { ...child(registry.push(WEB, { layers }), annotations), platform };
  });
  const index = registry.push(WEB, { manifests: [child(platform), ...carriers] });
  return { platform, image: `${WEB}@${index}`, carriers };
}

function child(digest: Digest, annotations: Descriptor['annotations'] = {}): Descriptor {
  return { mediaType: MEDIA_TYPE.ociManifest, digest, size: 1, annotations };
}

function unsigned(platform: Digest): Carried {
  const bytes = statement({ digest: platform, predicateType: PROVENANCE });
  return { about: platform, bytes, mediaType: IN_TOTO };
}

describe('a statement of BuildKit inside an index', () => {
  it('is read, and shown as not signed; it proves nothing', async () => {
    const { registry, judge } = createBench();
    const { image, carriers } = pushIndex(registry, (platform) => [unsigned(platform)]);
    const [answer] = await judge([image], [attested]);
    expect(shortly([answer!])).to.deep.equal(['deny AttestationMissing']);
    const { signatures } = answer?.evidence ?? {};
    expect(signatures?.state === 'found' && signatures.value).to.deep.equal([
      {
        state: 'unsigned',
        digest: carriers[0]?.digest,
        says: { kind: 'statement', predicateType: PROVENANCE, predicate: {} },
      },
    ]);
  });

  it('is not read when a policy requires only signatures', async () => {
    const { registry, judge } = createBench();
    const { image, carriers } = pushIndex(registry, (platform) => [unsigned(platform)]);
    await judge([image], [signed]);
    expect(registry.calls).not.to.include(`manifest ${WEB}@${carriers[0]?.digest ?? ''}`);
  });

  it('S03: is never a proof, not even when it is signed and names its own digest', async () => {
    const { registry, judge } = createBench();
    const another = registry.push(WEB, { annotations: { a: 'good' } });
    const json = dsseBundle({
      payload: statement({ digest: another, predicateType: PROVENANCE }),
      key,
    });
    const { image } = pushIndex(registry, () => [{ about: another, bytes: json, mediaType: BUNDLE }]);
    expect(shortly(await judge([image], [attested]))).to.deep.equal(['deny AttestationMissing']);
  });

  it('S03: is never a proof, not even for the platform of another signer', async () => {
    const { registry, judge } = createBench();
    const { image } = pushIndex(registry, (platform) => {
      const json = dsseBundle({ payload: statement({ digest: platform, predicateType: PROVENANCE }), key });
      return [{ about: platform, bytes: json, mediaType: BUNDLE }];
    });
    expect(shortly(await judge([image], [attested]))).to.deep.equal(['deny AttestationMissing']);
  });

  it('S03: is ignored when it is about an image that is no platform of the index', async () => {
    const { registry, judge } = createBench();
    const another = registry.push(WEB, { annotations: { a: 'good' } });
    const { image } = pushIndex(registry, () => [unsigned(another)]);
    const [answer] = await judge([image], [attested]);
    const { signatures } = answer?.evidence ?? {};
    expect(signatures?.state === 'found' && signatures.value[0]?.state).to.equal('unproven');
  });

  it('H05: is reported when there are more than the limit, and does not count as absent', async () => {
    const { registry, judge } = createBench();
    const { image } = pushIndex(registry, (platform) =>
      Array.from({ length: 65 }, (_, n) => ({
        ...unsigned(platform),
        bytes: Buffer.concat([unsigned(platform).bytes, Buffer.from(' '.repeat(n))]),
      })),
    );
    expect(shortly(await judge([image], [attested]))).to.deep.equal(['unknown LimitExceeded']);
  });

  it('is no platform: it needs no signature when every platform needs one', async () => {
    const { registry, judge } = createBench();
    const { image, platform } = pushIndex(registry, (one) => [unsigned(one)]);
    const [answer] = await judge([image], [signed]);
    const { children } = answer?.evidence ?? {};
    expect(children?.state === 'found' && children.value.map(({ digest }) => digest)).to.deep.equal([
      platform,
    ]);
  });
});
