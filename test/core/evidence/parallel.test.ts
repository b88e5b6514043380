import { expect } from 'chai';
import { formatReference } from '../../../src/core/model/index.ts';
import { signingKey, simpleSigning } from '../../support/signing.ts';
import { attachBundle, createBench, pushSignatures, shortly } from '../../support/verification.ts';
import { key, quarantine, signature, signed, WEB } from '../../support/twins/web-image.ts';

/** Waits until everything that does not depend on the gate has settled. */
const settled = () => new Promise((done) => setImmediate(done));

describe('many at once', () => {
  it('T11: 1,000 parallel requests for one image that is not cached fetch each object once', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB, { tag: '1' });
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    const release = registry.hold('manifest');
    const answers = Array.from({ length: 1_000 }, () => judge([`${WEB}:1`], [signed, quarantine]));
    await settled();
    release();
    const kinds = (await Promise.all(answers)).flatMap(shortly);
    expect(new Set(kinds)).to.deep.equal(new Set(['allow']));
    expect(registry.calls).to.have.lengthOf(new Set(registry.calls).size);
    expect(registry.count('blob')).to.equal(1);
    expect(registry.count('referrers')).to.equal(1);
    expect(registry.count('manifest')).to.equal(2);
  });

  it('T12: results of different images never swap, in whatever order they arrive', async () => {
    const { registry, judge } = createBench();
    const names = Array.from({ length: 100 }, (_, index) => `registry.example.com/shop/web-${index}`);
    const digests = names.map((name, index) =>
      registry.push(name, { tag: '1', annotations: { n: String(index) } }),
    );
    for (const [index, name] of names.entries()) {
      const digest = digests[index]!;
      const signer = index % 3 === 0 ? key : signingKey();
      pushSignatures(registry, name, digest, [simpleSigning({ digest, key: signer })]);
    }
    const gates = names.map((name) => registry.hold(`manifest ${name}:1`));
    const answers = names.map((name) => judge([`${name}:1`], [signed]));
    await settled();
    for (const release of gates.toReversed()) {
      release();
      await settled();
    }
    for (const [index, answer] of (await Promise.all(answers)).entries()) {
      const [image] = answer;
      expect(shortly([image!])).to.deep.equal([index % 3 === 0 ? 'allow' : 'deny Unsigned']);
      expect(formatReference(image!.reference!)).to.equal(`${names[index]!}:1@${digests[index]!}`);
    }
  });
});

describe('the deadline', () => {
  for (const call of ['manifest', 'referrers', 'blob'] as const) {
    it(`the answer to ${call} is unknown for a caller whose deadline passes; other callers get it`, async () => {
      const { registry, judge } = createBench();
      const digest = registry.push(WEB, { tag: '1' });
      attachBundle(registry, WEB, { subject: digest, json: signature(digest) });
      const release = registry.hold(call);
      const hurry = new AbortController();
      const impatient = judge([`${WEB}:1`], [signed, quarantine], { signal: hurry.signal });
      const patient = judge([`${WEB}:1`], [signed, quarantine]);
      await settled();
      hurry.abort();
      const [image] = await impatient;
      expect(image?.verdict.kind).to.equal('unknown');
      expect(image?.verdict.findings[0]).to.include({ reason: 'DeadlineExceeded', transient: true });
      release();
      expect(shortly(await patient)).to.deep.equal(['allow']);
    });
  }

  it('T08: a caller that reaches its deadline leaves no unknown fact for later callers', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB, { tag: '1' });
    attachBundle(registry, WEB, { subject: digest, json: signature(digest) });
    const release = registry.hold('referrers');
    const hurry = new AbortController();
    const impatient = judge([`${WEB}:1`], [signed, quarantine], { signal: hurry.signal });
    await settled();
    hurry.abort();
    await impatient;
    release();
    await settled();
    expect(shortly(await judge([`${WEB}:1`], [signed, quarantine]))).to.deep.equal(['allow']);
    expect(registry.count('referrers')).to.equal(1);
  });

  it('no request is sent after the deadline', async () => {
    const { registry, judge } = createBench();
    const images = await judge([`${WEB}:1`], [signed], { signal: AbortSignal.abort() });
    expect(shortly(images)).to.deep.equal(['unknown DeadlineExceeded']);
    expect(registry.calls).to.be.empty;
  });

  it('facts in memory are returned after the deadline', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB);
    await judge([`${WEB}@${digest}`], [quarantine]);
    const images = await judge([`${WEB}@${digest}`], [quarantine], { signal: AbortSignal.abort() });
    expect(shortly(images)).to.deep.equal(['allow']);
  });
});
