import { expect } from 'chai';
import { problem, type TrustRoot } from '../../../src/core/model/index.ts';
import { compilePolicy, type CompiledPolicy } from '../../../src/core/policy/index.ts';
import { authority, policyDocument, policyOf, type WrittenSpec } from '../../support/policies.ts';
import { signingKey, simpleSigning, SIGN_PREDICATE_TYPE, statementBundle } from '../../support/signing.ts';
import { attachBundle, createBench, LIMITS, pushSignatures, shortly } from '../../support/verification.ts';

const WEB = 'registry.example.com/shop/web';
const PROOFS = 'signatures.example.com/acme/proofs';
const PROVENANCE = 'https://slsa.dev/provenance/v1';
const SBOM = 'https://spdx.dev/Document';
const key = signingKey();
const release = authority('release', key);
const signed = policyOf({ authorities: [release], require: { signatures: { from: ['release'] } } });
const attested = (predicateType: string) =>
  policyOf({
    authorities: [release],
    require: { attestations: [{ predicateType, from: ['release'] }] },
  });

/** The number of requests for the tag of signatures. */
function asksForTag(calls: readonly string[]): number {
  return calls.filter((call) => call.endsWith('.sig')).length;
}

/** A bench whose verifier records the given roots and proves nothing. */
function noting() {
  const fixture = createBench();
  const tried: (readonly string[])[] = [];
  Object.assign(fixture.sources, {
    verifySignature: (candidate: { digest: string }, _: string, trust: { roots: readonly TrustRoot[] }) => {
      tried.push(trust.roots.map(({ fingerprint }) => fingerprint));
      return Promise.resolve([{ state: 'unproven', digest: candidate.digest, why: 'made by another key' }]);
    },
  });
  return { ...fixture, tried };
}

function keylessUnder(fingerprint: string): CompiledPolicy {
  const spec: WrittenSpec = {
    authorities: [
      { name: 'ci', keyless: { issuer: 'https://accounts.example.com', subject: 'ci@acme.example' } },
    ],
    require: { signatures: { from: ['ci'] } },
  };
  const roots = {
    read: () => problem('', 'is not read here'),
    publicGood: () => ({ fingerprint, json: '{}' }),
  };
  const compiled = compilePolicy(policyDocument(spec), { material: () => undefined, roots });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.value;
}

describe('memory of signatures', () => {
  it('T05: with another trust root every signature is verified again', async () => {
    const { registry, judge, tried } = noting();
    const digest = registry.push(WEB);
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    for (const root of ['old', 'new', 'new']) await judge([`${WEB}@${digest}`], [keylessUnder(root)]);
    // Twice each: at the first read, and again before the refusal.
    expect(tried).to.deep.equal([['old'], ['old'], ['new'], ['new']]);
  });

  it('T06: two policies with different trust roots do not share concurrent results', async () => {
    const { registry, judge, tried } = noting();
    const digest = registry.push(WEB);
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    await Promise.all(['a', 'b'].map((root) => judge([`${WEB}@${digest}`], [keylessUnder(root)])));
    expect(new Set(tried.map((roots) => roots.join()))).to.deep.equal(new Set(['a', 'b']));
  });

  it('T06: policies with different repositories do not share a result', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB);
    pushSignatures(registry, PROOFS, digest, [simpleSigning({ digest, key })]);
    const elsewhere = policyOf({
      authorities: [{ ...release, repository: PROOFS }],
      require: { signatures: { from: ['release'] } },
    });
    const image = `${WEB}@${digest}`;
    expect(shortly(await judge([image], [elsewhere]))).to.deep.equal(['allow']);
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['deny Unsigned']);
    expect(shortly(await judge([image], [elsewhere]))).to.deep.equal(['allow']);
  });

  it('T06: policies that require different kinds do not share a result', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB);
    for (const predicateType of [SBOM, SIGN_PREDICATE_TYPE]) {
      const json = statementBundle({ digest, key, predicateType });
      attachBundle(registry, WEB, { subject: digest, json, hint: predicateType });
    }
    const image = `${WEB}@${digest}`;
    expect(shortly(await judge([image], [attested(PROVENANCE)]))).to.deep.equal(['deny AttestationMissing']);
    expect(shortly(await judge([image], [attested(SBOM)]))).to.deep.equal(['allow']);
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
    expect(shortly(await judge([image], [attested(PROVENANCE)]))).to.deep.equal(['deny AttestationMissing']);
  });

  it('T06: the key of a result includes whether signatures are required', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB);
    const json = statementBundle({ digest, key, predicateType: SBOM });
    attachBundle(registry, WEB, { subject: digest, json, hint: SBOM });
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    const image = `${WEB}@${digest}`;
    expect(shortly(await judge([image], [attested(SBOM)]))).to.deep.equal(['allow']);
    const fresh = asksForTag(registry.calls);
    expect(shortly(await judge([image], [attested(SBOM), signed]))).to.deep.equal(['allow']);
    expect([fresh, asksForTag(registry.calls)]).to.deep.equal([0, 1]);
    // Not only at the second read, before a refusal.
    expect(registry.count('fallbackReferrers')).to.equal(0);
  });

  it('equal requirements in another order share one result', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB);
    for (const predicateType of [SBOM, PROVENANCE])
      attachBundle(registry, WEB, {
        subject: digest,
        json: statementBundle({ digest, key, predicateType }),
        hint: predicateType,
      });
    const both = [attested(SBOM), attested(PROVENANCE)];
    expect(shortly(await judge([`${WEB}@${digest}`], both))).to.deep.equal(['allow']);
    const before = registry.calls.length;
    expect(shortly(await judge([`${WEB}@${digest}`], both.toReversed()))).to.deep.equal(['allow']);
    expect(registry.calls).to.have.lengthOf(before);
  });

  it('a proof from the second read is cached, and no request is sent while it is fresh', async () => {
    const { registry, judge, pass } = createBench();
    const digest = registry.push(WEB);
    const json = statementBundle({ digest, key, predicateType: SIGN_PREDICATE_TYPE });
    const carrier = attachBundle(registry, WEB, { subject: digest, json });
    registry.list(WEB, digest, []);
    const entry = { mediaType: 'x', digest: carrier, size: 1, annotations: {} };
    registry.listUnderTag(WEB, digest, [entry]);
    for (let time = 0; time < 2; time++)
      expect(shortly(await judge([`${WEB}@${digest}`], [signed]))).to.deep.equal(['allow']);
    expect(registry.count('fallbackReferrers')).to.equal(1);
    pass(LIMITS.absentMs - 1);
    expect(shortly(await judge([`${WEB}@${digest}`], [signed]))).to.deep.equal(['allow']);
    expect(registry.count('fallbackReferrers')).to.equal(1);
  });
});
