import { expect } from 'chai';
import { formatReference } from '../../../src/core/model/index.ts';
import { REASONS } from '../../../src/core/model/reason.ts';
import { authority, UNKNOWN_FACT, found, policyOf } from '../../support/policies.ts';
import { SIGN_PREDICATE_TYPE, signingKey, simpleSigning, statementBundle } from '../../support/signing.ts';
import { faultOf } from '../../support/twins/registry.ts';
import { attachBundle, createBench, LIMITS, pushSignatures, shortly } from '../../support/verification.ts';

const WEB = 'registry.example.com/shop/web';
const DB = 'registry.example.com/shop/db';
const key = signingKey();
const other = signingKey();
const authorities = [authority('release', key)];
const signed = policyOf({ authorities, require: { signatures: { from: ['release'] } } });
const lifecycle = policyOf({ require: { lifecycle: {} } }, 'lifecycle');
const quarantine = policyOf({ authorities, require: { quarantine: { releasedBy: ['release'] } } }, 'held');
const pinned = policyOf({ require: { digest: {} } }, 'pinned');

describe('judge', () => {
  it('returns one entry per image, in order, each with its own verdict and digest', async () => {
    const { registry, judge } = createBench();
    const web = registry.push(WEB, { tag: '1', annotations: { a: 'web' } });
    const db = registry.push(DB, { tag: '1' });
    pushSignatures(registry, WEB, web, [simpleSigning({ digest: web, key })]);
    const images = await judge([`${WEB}:1`, `${DB}:1`, 'Not An Image', `${WEB}:1`], [signed]);
    expect(shortly(images)).to.deep.equal(['allow', 'deny Unsigned', 'deny InvalidReference', 'allow']);
    expect(images.map(({ reference }) => reference && formatReference(reference))).to.deep.equal([
      `${WEB}:1@${web}`,
      `${DB}:1@${db}`,
      undefined,
      `${WEB}:1@${web}`,
    ]);
    expect(images.map(({ container }) => container)).to.deep.equal(['c0', 'c1', 'c2', 'c3']);
  });

  it('judges each distinct reference once per request', async () => {
    const { registry, judge } = createBench();
    registry.push(WEB, { tag: '1' });
    await judge(
      Array.from({ length: 20 }, () => `${WEB}:1`),
      [lifecycle, quarantine],
    );
    expect(registry.calls).to.have.lengthOf(3);
    const operations = ['manifest', 'referrers', 'fallbackReferrers'] as const;
    expect(operations.map((operation) => registry.count(operation))).to.deep.equal([1, 1, 1]);
  });

  it('sends no registry request for images that no policy covers', async () => {
    const { registry, judge } = createBench();
    const elsewhere = policyOf({ match: { images: ['other.example.com/**'] }, require: { lifecycle: {} } });
    for (const [unmatchedImages, expected] of [
      ['Allow', 'allow UnmatchedImage'],
      ['Warn', 'warn UnmatchedImage'],
      ['Deny', 'deny UnmatchedImage'],
    ] as const) {
      expect(shortly(await judge([`${WEB}:1`], [elsewhere], { unmatchedImages }))).to.deep.equal([expected]);
    }
    expect(registry.calls).to.be.empty;
  });

  it('an image that is covered in other namespaces only is not refused as unmatched', async () => {
    const { judge } = createBench();
    const inProd = policyOf({
      match: { images: ['**'], namespaceSelector: { matchLabels: { env: 'prod' } } },
      require: { lifecycle: {} },
    });
    const labels = found({ env: 'dev' });
    const images = await judge([`${WEB}:1`], [inProd], { unmatchedImages: 'Deny', labels });
    expect(shortly(images)).to.deep.equal(['allow UnmatchedImage']);
  });

  it('B09: unknown labels of a namespace loosen nothing, and cause no registry request', async () => {
    const { registry, judge } = createBench();
    const inProd = policyOf({
      match: { images: ['**'], namespaceSelector: { matchLabels: { env: 'prod' } } },
      require: { lifecycle: {} },
    });
    expect(shortly(await judge([`${WEB}:1`], [inProd], { labels: UNKNOWN_FACT }))).to.deep.equal([
      'unknown NamespaceUnknown',
    ]);
    expect(registry.calls).to.be.empty;
  });

  it('sends no registry request when only a digest is required', async () => {
    const { registry, judge } = createBench();
    const digest = `sha256:${'a'.repeat(64)}`;
    const images = await judge([`${WEB}:1`, `${WEB}@${digest}`], [pinned]);
    expect(shortly(images)).to.deep.equal(['deny NotPinned', 'allow']);
    expect(registry.calls).to.be.empty;
  });

  it('reads no signatures when no policy requires any', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB, { tag: '1' });
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    await judge([`${WEB}:1`], [quarantine, lifecycle]);
    expect(registry.calls.join('\n')).not.to.match(/\.(sig|att)/);
    expect(registry.count('blob')).to.equal(0);
  });

  it('looks for a release only when there is a flag, and finds the release after it was pushed', async () => {
    const { registry, judge, pass } = createBench();
    const digest = registry.push(WEB, { tag: '1', annotations: { 'dev.pratique.quarantine': 'true' } });
    expect(shortly(await judge([`${WEB}:1`], [quarantine]))).to.deep.equal(['deny Quarantined']);
    // A release is a statement: it is never under the tag of signatures.
    expect(registry.calls.join('\n')).to.include('.att').and.not.to.include('.sig');
    attachBundle(registry, WEB, {
      subject: digest,
      json: statementBundle({ digest, key, predicateType: 'https://pratique.dev/release/v1' }),
    });
    pass(LIMITS.absentMs + 1);
    expect(shortly(await judge([`${WEB}:1`], [quarantine]))).to.deep.equal(['allow']);
  });

  it('an image that does not exist is refused, not unknown', async () => {
    const { judge } = createBench();
    expect(shortly(await judge([`${WEB}:9`], [signed]))).to.deep.equal(['deny ImageNotFound']);
  });

  it('S03: a signature of another image, attached to this one, does not count', async () => {
    const { registry, judge } = createBench();
    const web = registry.push(WEB, { tag: '1', annotations: { a: 'web' } });
    const db = registry.push(DB, { tag: '1' });
    pushSignatures(registry, WEB, web, [simpleSigning({ digest: db, key })]);
    const json = statementBundle({ digest: db, key, predicateType: SIGN_PREDICATE_TYPE });
    attachBundle(registry, WEB, { subject: web, json });
    const [image] = await judge([`${WEB}:1`], [signed]);
    expect(shortly([image!])).to.deep.equal(['deny Unsigned']);
    expect(image?.verdict.findings[0]?.found).to.include('2 found, about another digest');
  });

  it('S10: every signature is verified with every key', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB, { tag: '1' });
    pushSignatures(registry, WEB, digest, [
      simpleSigning({ digest, key: signingKey() }),
      simpleSigning({ digest, key: other }),
    ]);
    attachBundle(registry, WEB, {
      subject: digest,
      json: statementBundle({ digest, key, predicateType: SIGN_PREDICATE_TYPE }),
    });
    const both = policyOf({
      authorities: [authority('release', key), authority('ci', other)],
      require: { signatures: { from: ['release', 'ci'], atLeast: 2 } },
    });
    expect(shortly(await judge([`${WEB}:1`], [both, signed]))).to.deep.equal(['allow']);
  });

  it('the message names the newest supported image of the line', async () => {
    const { registry, judge } = createBench();
    const ending = (date: string) => ({ 'dev.pratique.lifecycle.end-of-life': date });
    registry.push(WEB, { tag: '1.4.0', annotations: ending('2026-01-31') });
    registry.push(WEB, { tag: '1.4.7', annotations: ending('2030-01-31') });
    registry.push(WEB, { tag: '1.4.9', annotations: ending('2026-02-28') });
    registry.push(WEB, { tag: '2.0.0' });
    const [image] = await judge([`${WEB}:1.4.0`], [lifecycle]);
    expect(image?.verdict.findings[0]).to.include({
      reason: 'PastEndOfLife',
      next: 'newest in this line: 1.4.7',
    });
  });

  it('a successor whose referrers cannot be read is not recommended, and causes no refusal', async () => {
    const { registry, judge } = createBench();
    const annotations = { 'dev.pratique.lifecycle.end-of-life': '2026-06-20' };
    registry.push(WEB, { tag: '1.4.0', annotations });
    const next = registry.push(WEB, { tag: '1.4.1' });
    registry.fail(`referrers ${WEB}@${next}`, faultOf('RegistryUnavailable'));
    const [image] = await judge([`${WEB}:1.4.0`], [lifecycle]);
    expect(shortly([image!])).to.deep.equal(['warn EndOfLifeNear']);
    expect(image?.verdict.findings[0]?.next).to.equal('move to a supported image of this line');
  });

  it('no tags are listed for images without findings', async () => {
    const { registry, judge } = createBench();
    registry.push(WEB, { tag: '1.4.0', annotations: { 'dev.pratique.lifecycle.end-of-life': '2030-01-01' } });
    await judge([`${WEB}:1.4.0`], [lifecycle]);
    expect(registry.count('tags')).to.equal(0);
  });
});

describe('judge, when a dependency fails', () => {
  for (const code of ['RegistryUnavailable', 'RegistryDenied', 'RegistryRateLimited'] as const) {
    it(`T08: ${code} is unknown, with its reason`, async () => {
      const { registry, judge } = createBench();
      registry.push(WEB, { tag: '1' });
      registry.fail('manifest', faultOf(code));
      const [image] = await judge([`${WEB}:1`], [signed, lifecycle]);
      expect(shortly([image!])).to.deep.equal([`unknown ${code} ${code}`]);
      expect(image?.verdict.findings[0]).to.include({ transient: true });
    });
  }

  for (const operation of ['manifest', 'referrers', 'blob'] as const) {
    it(`B13: an exception in ${operation} that is no Fault is InternalError, unknown, and reported`, async () => {
      const { registry, judge, reported } = createBench();
      const digest = registry.push(WEB, { tag: '1' });
      pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
      const bug = new TypeError('secret detail');
      registry.fail(operation, bug);
      const [image] = await judge([`${WEB}:1`], [signed, quarantine]);
      expect(image?.verdict.kind).to.equal('unknown');
      expect(image?.verdict.findings[0]).to.include({ reason: 'InternalError', transient: false });
      expect(JSON.stringify(image)).not.to.include('secret');
      expect(reported).to.include(bug);
    });
  }

  it('B13: a bug in the verifier is InternalError, unknown, and reported', async () => {
    const fixture = createBench();
    const { registry, reported } = fixture;
    const digest = registry.push(WEB, { tag: '1' });
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    const bug = new RangeError('deep');
    Object.assign(fixture.sources, {
      verifySignature: () => {
        throw bug;
      },
    });
    expect(shortly(await fixture.judge([`${WEB}:1`], [signed]))).to.deep.equal(['unknown InternalError']);
    expect(reported).to.deep.equal([bug]);
  });

  it('one unknown image does not make the others unknown', async () => {
    const { registry, judge } = createBench();
    registry.push(WEB, { tag: '1' });
    registry.push(DB, { tag: '1' });
    registry.fail(`manifest ${WEB}`, faultOf('RegistryUnavailable'));
    expect(shortly(await judge([`${WEB}:1`, `${DB}:1`], [lifecycle]))).to.deep.equal([
      'unknown RegistryUnavailable',
      'allow',
    ]);
  });

  it('every reason is in the table of reasons', async () => {
    const { registry, judge } = createBench();
    registry.fail('manifest', 'not even an error');
    const [image] = await judge([`${WEB}:1`], [lifecycle]);
    expect(REASONS).to.have.property(image?.verdict.findings[0]?.reason ?? '');
  });
});
