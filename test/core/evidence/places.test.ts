import { expect } from 'chai';
import type { Digest } from '../../../src/core/model/index.ts';
import { authority, policyOf } from '../../support/policies.ts';
import { SIGN_PREDICATE_TYPE, signingKey, simpleSigning, statementBundle } from '../../support/signing.ts';
import { faultOf } from '../../support/twins/registry.ts';
import {
  attachBundle,
  createBench,
  LIMITS,
  pushSignatures,
  shortly,
  type Bench,
} from '../../support/verification.ts';

const WEB = 'registry.example.com/shop/web';
const PROOFS = 'signatures.example.com/acme/proofs';
const OTHER_PROOFS = 'signatures.example.com/other/proofs';
const PROVENANCE = 'https://slsa.dev/provenance/v1';
const key = signingKey();

const signed = policyOf({
  authorities: [authority('release', key)],
  require: { signatures: { from: ['release'] } },
});
const signedIn = (repository: string) =>
  policyOf({
    authorities: [{ ...authority('release', key), repository }],
    require: { signatures: { from: ['release'] } },
  });
const attested = policyOf({
  authorities: [authority('release', key)],
  require: { attestations: [{ predicateType: PROVENANCE, from: ['release'] }] },
});
const quarantine = policyOf({ require: { quarantine: {} } }, 'held');

const fixture = () => {
  const made = createBench();
  const digest = made.registry.push(WEB, { tag: '1' });
  return { ...made, digest, image: `${WEB}@${digest}` };
};

const bundle = (digest: Digest, signer = key) =>
  statementBundle({ digest, key: signer, predicateType: SIGN_PREDICATE_TYPE });

/** Attaches a good signature that only the fallback tag lists. */
function hideUnderTag({ registry }: Pick<Bench, 'registry'>, name: string, digest: Digest): void {
  const carrier = attachBundle(registry, name, { subject: digest, json: bundle(digest) });
  registry.list(name, digest, []);
  registry.listUnderTag(name, digest, [
    { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: carrier, size: 1, annotations: {} },
  ]);
}

const asked = ({ registry }: Pick<Bench, 'registry'>, end: string) =>
  registry.calls.filter((call) => call.endsWith(end)).length;

describe('the repositories of signatures', () => {
  it('the .att tag is read only when a policy requires statements', async () => {
    const made = fixture();
    await made.judge([made.image], [signed]);
    expect([asked(made, '.sig') > 0, asked(made, '.att')]).to.deep.equal([true, 0]);
  });

  it('the .sig tag is read only when a policy requires signatures', async () => {
    const made = fixture();
    await made.judge([made.image], [attested]);
    expect([asked(made, '.sig'), asked(made, '.att') > 0]).to.deep.equal([0, true]);
  });

  it('a signature in a repository that no policy names is not read', async () => {
    const { registry, judge, digest, image } = fixture();
    pushSignatures(registry, OTHER_PROOFS, digest, [simpleSigning({ digest, key })]);
    expect(shortly(await judge([image], [signedIn(PROOFS)]))).to.deep.equal(['deny Unsigned']);
    expect(registry.calls.join('\n')).not.to.include(OTHER_PROOFS);
  });

  it('the repository of the image is read even when another repository is named', async () => {
    const { registry, judge, digest, image } = fixture();
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    expect(shortly(await judge([image], [signedIn(PROOFS)]))).to.deep.equal(['allow']);
  });

  it('H12: an unreadable repository hides no good signature, and makes none absent', async () => {
    const { registry, judge, digest, image, pass } = fixture();
    for (const operation of ['manifest', 'referrers'])
      registry.fail(`${operation} ${PROOFS}`, faultOf('RegistryUnavailable'));
    expect(shortly(await judge([image], [signedIn(PROOFS)]))).to.deep.equal(['unknown RegistryUnavailable']);
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    pass(LIMITS.unknownMs);
    expect(shortly(await judge([image], [signedIn(PROOFS)]))).to.deep.equal(['allow']);
  });
});

describe('the fallback tag', () => {
  it('is not read for an image that is admitted', async () => {
    const { registry, judge, digest, image } = fixture();
    attachBundle(registry, WEB, { subject: digest, json: bundle(digest) });
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
    expect(registry.count('fallbackReferrers')).to.equal(0);
  });

  it('is always read for flags: a flag that the referrers API does not list also refuses', async () => {
    const { registry, judge, digest, image } = fixture();
    expect(shortly(await judge([image], [quarantine]))).to.deep.equal(['allow']);
    const flagged = fixture();
    const artifactType = 'application/vnd.pratique.quarantine.v1+json';
    flagged.registry.listUnderTag(WEB, digest, [
      { mediaType: 'x', digest, size: 1, artifactType, annotations: { 'dev.example': '1' } },
    ]);
    expect(shortly(await flagged.judge([flagged.image], [quarantine]))).to.deep.equal(['deny Quarantined']);
    expect(registry.count('fallbackReferrers')).to.equal(1);
  });

  it('O45 is read when the listing is unknown, which stays unknown where nothing is proven', async () => {
    const { registry, judge, image } = fixture();
    registry.fail(`referrers ${WEB}`, faultOf('RegistryUnavailable'));
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['unknown RegistryUnavailable']);
    expect(registry.count('fallbackReferrers')).to.equal(1);
  });

  it('is not read when only a digest is missing', async () => {
    const { registry, judge, digest } = fixture();
    attachBundle(registry, WEB, { subject: digest, json: bundle(digest) });
    const pinned = policyOf({ require: { digest: {} } }, 'pinned');
    expect(shortly(await judge([`${WEB}:1`], [pinned, signed]))).to.deep.equal(['deny NotPinned']);
    expect(registry.count('fallbackReferrers')).to.equal(0);
  });

  it('is read once per repository before an image is refused, and cached as long as an absence', async () => {
    const { registry, judge, image, pass } = fixture();
    const policy = signedIn(PROOFS);
    for (let time = 0; time < 3; time++)
      expect(shortly(await judge([image], [policy]))).to.deep.equal(['deny Unsigned']);
    expect(registry.count('fallbackReferrers')).to.equal(2);
    pass(LIMITS.absentMs + 1);
    await judge([image], [policy]);
    expect(registry.count('fallbackReferrers')).to.equal(4);
  });

  it('holds a signature that the API does not list', async () => {
    const made = fixture();
    hideUnderTag(made, WEB, made.digest);
    expect(shortly(await made.judge([made.image], [signed]))).to.deep.equal(['allow']);
    expect(made.registry.count('fallbackReferrers')).to.equal(1);
  });

  it('does not override an entry of the referrers API', async () => {
    const { registry, judge, digest, image } = fixture();
    const carrier = attachBundle(registry, WEB, { subject: digest, json: bundle(digest, signingKey()) });
    registry.listUnderTag(WEB, digest, [
      { mediaType: 'x', digest: carrier, size: 1, artifactType: 'application/x', annotations: {} },
    ]);
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['deny Unsigned']);
    const opened = registry.calls.filter((call) => call === `manifest ${WEB}@${carrier}`);
    expect(opened).to.have.lengthOf(1);
  });

  it('does not change a refusal when it cannot be read', async () => {
    const { registry, judge, image } = fixture();
    registry.fail('fallbackReferrers', faultOf('RegistryUnavailable'));
    const lenient = { ...signed, onUnknown: 'Allow' as const };
    expect(shortly(await judge([image], [lenient]))).to.deep.equal(['deny Unsigned']);
  });

  it('is read for every platform before its refusal', async () => {
    const made = fixture();
    const { registry, digest, judge } = made;
    const descriptor = { mediaType: 'application/vnd.oci.image.manifest.v1+json', size: 1, annotations: {} };
    const index = registry.push(WEB, { manifests: [{ ...descriptor, digest }] });
    attachBundle(registry, WEB, { subject: index, json: bundle(index) });
    hideUnderTag(made, WEB, digest);
    const every = policyOf({
      authorities: [authority('release', key)],
      require: { signatures: { from: ['release'], platforms: 'EveryChild' } },
    });
    expect(shortly(await judge([`${WEB}@${index}`], [every]))).to.deep.equal(['allow']);
  });
});
