import { expect } from 'chai';
import { digestOf, type Evidence, type Signature } from '../../../../src/core/model/index.ts';
import {
  ABSENT,
  authority,
  UNKNOWN_FACT,
  evidenceOf,
  found,
  IMAGE,
  inShort,
  policyOf,
  provenBy,
  referrerOf,
  releasedBy,
  USE,
  verdictOf,
  type WrittenSpec,
} from '../../../support/policies.ts';
import { signingKey } from '../../../support/signing.ts';

const [a, b, stranger] = [signingKey(), signingKey(), signingKey()];
const authorities = [authority('release', a), authority('ci', b)];
const unread: Signature = { state: 'unread', reason: UNKNOWN_FACT.reason, transient: true };
const unproven = (why: string): Signature => ({ state: 'unproven', digest: digestOf(why), why });

const policy = (signatures: WrittenSpec = { from: ['release', 'ci'] }) =>
  policyOf({ authorities, require: { signatures } });
const verdict = (signatures: readonly Signature[], spec?: WrittenSpec, facts: Partial<Evidence> = {}) =>
  verdictOf([policy(spec)], { evidence: evidenceOf({ signatures: found(signatures), ...facts }) });
const judge = (...given: Parameters<typeof verdict>) => inShort(verdict(...given));
const foundText = (...given: Parameters<typeof verdict>) => verdict(...given).findings[0]?.found;

describe('unsigned', () => {
  it('an image without a signature is refused', () => {
    const { findings } = verdictOf([policy()]);
    expect(findings[0]).to.include({
      kind: 'refused',
      reason: 'Unsigned',
      found: 'no signature by authority "release" or "ci"; none found',
      next: 'have authority "release" or "ci" sign this digest',
    });
  });

  it('S10: a signature by one of two keys is sufficient', () => {
    expect(judge([provenBy(b)])).to.equal('allow');
    expect(judge([provenBy(stranger), provenBy(a)])).to.equal('allow');
  });

  it('a signature by a key that the policy does not name does not count', () => {
    expect(judge([provenBy(stranger)])).to.equal('deny Unsigned');
    expect(judge([provenBy(b)], { from: ['release'] })).to.equal('deny Unsigned');
  });

  it('S10: signers are counted, not signatures', () => {
    const two = { from: ['release', 'ci'], atLeast: 2 };
    expect(judge([provenBy(a), provenBy(a)], two)).to.equal('deny Unsigned');
    expect(foundText([provenBy(a)], two)).to.equal(
      '1 of 2 signatures (by authority "release"), accepted from authority "release" or "ci"; no other found',
    );
    expect(verdict([provenBy(a)], two).findings[0]?.next).to.equal('have authority "ci" sign this digest');
    expect(foundText([provenBy(a), provenBy(stranger)], two)).to.contain(
      '; 1 other found, made by another key',
    );
    expect(foundText([], two)).to.equal(
      '0 of 2 signatures, accepted from authority "release" or "ci"; none found',
    );
    expect(judge([provenBy(a), provenBy(b)], two)).to.equal('allow');
  });

  it('all annotations must be in one and the same signature', () => {
    const asked = { from: ['release'], annotations: { env: 'prod', team: 'shop' } };
    const saying = (annotations: Record<string, string>) => provenBy(a, { kind: 'signature', annotations });
    expect(judge([saying({ env: 'prod' }), saying({ team: 'shop' })], asked)).to.equal('deny Unsigned');
    expect(judge([saying({ env: 'prod', team: 'shop', more: 'x' })], asked)).to.equal('allow');
    expect(foundText([saying({ env: 'dev', team: 'shop' })], asked)).to.equal(
      'no signature by authority "release"; 1 found, without the required annotations',
    );
  });

  it('a release statement is no signature, and the message explains that', () => {
    expect(foundText([releasedBy(a)])).to.equal(
      'no signature by authority "release" or "ci"; 1 found, a signed statement, which is no signature of the image',
    );
  });

  it('S01: an unsigned referrer of a signature type is no signature', () => {
    const referrers = found([referrerOf('application/vnd.dev.cosign.artifact.sig.v1+json')]);
    expect(judge([], undefined, { referrers })).to.equal('deny Unsigned');
  });

  it('S07: the refusal shows why signatures prove nothing, three reasons at most', () => {
    const whys = ['made by another key', 'about another digest', 'made by another key', 'c', 'd'];
    expect(foundText(whys.map(unproven))).to.equal(
      'no signature by authority "release" or "ci"; 5 found, made by another key; about another digest; c',
    );
  });

  it('H12: a signature that could not be read does not hide a good one', () => {
    expect(judge([unread, provenBy(a)])).to.equal('allow');
  });

  it('H12: a signature that could not be read is no evidence either', () => {
    expect(judge([unread])).to.equal('unknown RegistryUnavailable');
    expect(judge([unread, unproven('made by another key')])).to.equal('unknown RegistryUnavailable');
    expect(judge([unread, provenBy(a)], { from: ['release', 'ci'], atLeast: 2 })).to.equal(
      'unknown RegistryUnavailable',
    );
  });

  it('T08: signatures that could not be listed are unknown, never absent', () => {
    const { kind, findings } = verdictOf([policy()], { evidence: evidenceOf({ signatures: UNKNOWN_FACT }) });
    expect(kind).to.equal('unknown');
    expect(findings[0]).to.include({ transient: true, next: 'try again in a moment' });
  });

  const near = (kind: 'platform' | 'index', name: string, ...signatures: Signature[]) => ({
    kind,
    name,
    signatures: found(signatures),
  });

  it('the message names platforms that are signed where the index is not, and they never count', () => {
    const facts = {
      near: [
        near('platform', 'linux/amd64', provenBy(a)),
        near('platform', 'linux/arm64', provenBy(stranger)),
        { kind: 'platform', name: 'linux/arm', signatures: UNKNOWN_FACT } as const,
        near('platform', 'linux/s390x', provenBy(a)),
      ],
    };
    expect(judge([], undefined, facts)).to.equal('deny Unsigned');
    expect(foundText([], undefined, facts)).to.equal(
      'no signature by authority "release" or "ci"; none found; linux/amd64, linux/s390x in this index are signed, the index itself is not',
    );
  });

  it('the message names an index that is signed where the image is not', () => {
    const facts = { near: [near('index', 'sha256:abc…', provenBy(a)), near('index', 'sha256:def…')] };
    expect(foundText([], undefined, facts)).to.equal(
      'no signature by authority "release" or "ci"; none found; the index sha256:abc… that lists it is signed, this image itself is not',
    );
  });

  it('an image that does not exist is not found', () => {
    expect(judge([], undefined, { manifest: ABSENT })).to.equal('deny ImageNotFound');
  });

  it('signatures are judged though the manifest could not be read', () => {
    expect(judge([provenBy(a)], undefined, { manifest: UNKNOWN_FACT })).to.equal('allow');
  });
});

describe('unpinned', () => {
  const pinned = policyOf({ require: { digest: {} } });

  it('a tag is refused, and the finding shows the reference to write', () => {
    const { findings } = verdictOf([pinned]);
    expect(findings[0]).to.include({
      reason: 'NotPinned',
      next: `write registry.example.com/shop/web:1.4.0@${IMAGE.digest}`,
    });
  });

  it('the advice is general when the digest was not looked up', () => {
    const { findings } = verdictOf([pinned], { evidence: evidenceOf({ image: USE }) });
    expect(findings[0]?.next).to.equal('add @sha256:… to the reference');
  });

  it('a digest is sufficient, whether the registry has it or not', () => {
    expect(
      inShort(verdictOf([pinned], { use: IMAGE, evidence: evidenceOf({ manifest: UNKNOWN_FACT }) })),
    ).to.equal('allow');
  });
});
