import { expect } from 'chai';
import { formatReference, type JudgedImage } from '../../../src/core/model/index.ts';
import { authority, found, policyOf } from '../../support/policies.ts';
import { signingKey, simpleSigning } from '../../support/signing.ts';
import { faultOf } from '../../support/twins/registry.ts';
import { createBench, LIMITS, pushSignatures, shortly } from '../../support/verification.ts';

const WEB = 'registry.example.com/shop/web';
const key = signingKey();
const other = signingKey();
const signedBy = (signer: typeof key) =>
  policyOf({ authorities: [authority('release', signer)], require: { signatures: { from: ['release'] } } });
const signed = signedBy(key);
const lifecycle = policyOf({ require: { lifecycle: {} } }, 'lifecycle');
const quarantine = policyOf({ require: { quarantine: {} } }, 'held');
const FLAG = { 'dev.pratique.quarantine': 'true' };

const references = (images: readonly JudgedImage[]) =>
  images.map(({ reference }) => reference && formatReference(reference));

describe('time of check', () => {
  it('T01: the tag is resolved once; moving it between calls cannot split decision and digest', async () => {
    const { registry, judge } = createBench();
    const good = registry.push(WEB, { tag: '1', annotations: { build: 'good' } });
    pushSignatures(registry, WEB, good, [simpleSigning({ digest: good, key })]);
    const release = registry.hold(`referrers ${WEB}@${good}`);
    const answer = judge([`${WEB}:1`], [signed, quarantine]);
    await new Promise((done) => setImmediate(done));
    registry.push(WEB, { tag: '1', annotations: FLAG });
    release();
    const images = await answer;
    expect(shortly(images)).to.deep.equal(['allow']);
    expect(references(images)).to.deep.equal([`${WEB}:1@${good}`]);
    expect(registry.calls.filter((call) => call.endsWith(`${WEB}:1`))).to.deep.equal([`manifest ${WEB}:1`]);
  });

  it('T02: a tag that moved while its old digest is cached is judged again', async () => {
    const { registry, judge } = createBench();
    const good = registry.push(WEB, { tag: '1', annotations: { build: 'good' } });
    pushSignatures(registry, WEB, good, [simpleSigning({ digest: good, key })]);
    expect(shortly(await judge([`${WEB}:1`], [signed]))).to.deep.equal(['allow']);
    const bad = registry.push(WEB, { tag: '1', annotations: { build: 'bad' } });
    const images = await judge([`${WEB}:1`], [signed]);
    expect(shortly(images)).to.deep.equal(['deny Unsigned']);
    expect(references(images)).to.deep.equal([`${WEB}:1@${bad}`]);
  });

  it('T02: a deleted tag is not found, though its digest is cached', async () => {
    const { registry, judge } = createBench();
    registry.push(WEB, { tag: '1' });
    expect(shortly(await judge([`${WEB}:1`], [lifecycle]))).to.deep.equal(['allow']);
    registry.remove(WEB, '1');
    expect(shortly(await judge([`${WEB}:1`], [lifecycle]))).to.deep.equal(['deny ImageNotFound']);
  });

  it('a tag that has not moved needs one request for its digest and no other', async () => {
    const { registry, judge } = createBench();
    registry.push(WEB, { tag: '1' });
    await judge([`${WEB}:1`], [lifecycle, quarantine]);
    const before = registry.calls.length;
    await judge([`${WEB}:1`], [lifecycle, quarantine]);
    expect(registry.calls.slice(before)).to.deep.equal([`tagDigest ${WEB}:1`]);
  });

  it('a tag whose digest cannot be read is unknown, and does not keep its earlier verdict', async () => {
    const { registry, judge } = createBench();
    registry.push(WEB, { tag: '1' });
    await judge([`${WEB}:1`], [lifecycle]);
    registry.fail('tagDigest', faultOf('RegistryUnavailable'));
    expect(shortly(await judge([`${WEB}:1`], [lifecycle]))).to.deep.equal(['unknown RegistryUnavailable']);
  });

  it('a pinned image that is cached needs no request', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB);
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    await judge([`${WEB}@${digest}`], [signed, lifecycle]);
    const before = registry.calls.length;
    expect(shortly(await judge([`${WEB}@${digest}`], [signed, lifecycle]))).to.deep.equal(['allow']);
    expect(registry.calls).to.have.lengthOf(before);
  });

  it('T03: a digest in the reference wins over its tag', async () => {
    const { registry, judge } = createBench();
    const old = registry.push(WEB, { annotations: { build: 'old' } });
    registry.push(WEB, { tag: '1', annotations: FLAG });
    const images = await judge([`${WEB}:1@${old}`], [quarantine]);
    expect(shortly(images)).to.deep.equal(['allow']);
    expect(references(images)).to.deep.equal([`${WEB}:1@${old}`]);
  });
});

describe('memory of facts', () => {
  it('T04: cached facts are judged at the current time', async () => {
    const { registry, judge, pass } = createBench();
    const annotations = { 'dev.pratique.lifecycle.end-of-life': '2026-06-15T12:01:00Z' };
    const digest = registry.push(WEB, { annotations });
    const image = `${WEB}@${digest}`;
    expect(shortly(await judge([image], [lifecycle]))).to.deep.equal(['warn EndOfLifeNear']);
    const asked = registry.count('manifest');
    pass(60_001);
    expect(shortly(await judge([image], [{ ...lifecycle, enforcement: 'Warn' }]))).to.deep.equal([
      'warn PastEndOfLife',
    ]);
    expect(asked).to.equal(1);
  });

  it('T04: cached facts are judged by the current policies and labels', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB, { annotations: FLAG });
    const image = `${WEB}@${digest}`;
    const inProd = policyOf({
      match: { images: ['**'], namespaceSelector: { matchLabels: { env: 'prod' } } },
      require: { quarantine: {} },
    });
    const labels = (env: string) => ({ labels: found({ env }) });
    expect(shortly(await judge([image], [inProd], labels('prod')))).to.deep.equal(['deny Quarantined']);
    expect(shortly(await judge([image], [inProd], labels('dev')))).to.deep.equal(['allow UnmatchedImage']);
    expect(shortly(await judge([image], [lifecycle]))).to.deep.equal(['allow']);
    expect(registry.count('manifest')).to.equal(1);
  });

  it('T05: a changed key removes the proofs of the old one', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB);
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    const image = `${WEB}@${digest}`;
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
    expect(shortly(await judge([image], [signedBy(other)]))).to.deep.equal(['deny Unsigned']);
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
  });

  it('T06: one image under two policies with different keys is two facts', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB);
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key: other })]);
    const image = `${WEB}@${digest}`;
    const answers = await Promise.all([judge([image], [signed]), judge([image], [signedBy(other)])]);
    expect(answers.map(shortly)).to.deep.equal([['deny Unsigned'], ['allow']]);
  });

  it('T06: one digest in two repositories is two facts', async () => {
    const { registry, judge } = createBench();
    const copy = 'registry.example.com/shop/copy';
    const digest = registry.push(WEB);
    registry.push(copy);
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    expect(shortly(await judge([`${WEB}@${digest}`, `${copy}@${digest}`], [signed]))).to.deep.equal([
      'allow',
      'deny Unsigned',
    ]);
  });

  it('T08: a temporary failure is never cached as "unsigned", and expires soon', async () => {
    const { registry, judge, pass } = createBench();
    const digest = registry.push(WEB);
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    const image = `${WEB}@${digest}`;
    for (const call of ['manifest', 'referrers', 'blob']) {
      const heal = registry.fail(call, faultOf('RegistryRateLimited'));
      expect((await judge([image], [signed, quarantine]))[0]?.verdict.kind, call).to.equal('unknown');
      heal();
      pass(LIMITS.unknownMs);
      expect(shortly(await judge([image], [signed, quarantine])), call).to.deep.equal(['allow']);
      pass(LIMITS.foundMs);
    }
  });

  it('T08: during a failure the requests to the registry are not repeated for every image', async () => {
    const { registry, judge, pass } = createBench();
    const digest = registry.push(WEB);
    registry.fail('referrers', faultOf('RegistryUnavailable'));
    for (let time = 0; time < 5; time++) await judge([`${WEB}@${digest}`], [quarantine]);
    expect(registry.count('referrers')).to.equal(1);
    pass(LIMITS.unknownMs);
    await judge([`${WEB}@${digest}`], [quarantine]);
    expect(registry.count('referrers')).to.equal(2);
  });

  it('a new flag is seen when the cached facts have expired', async () => {
    const { registry, judge, pass } = createBench();
    const digest = registry.push(WEB);
    const image = `${WEB}@${digest}`;
    await judge([image], [quarantine]);
    registry.push(WEB, { subject: digest, artifactType: 'application/vnd.pratique.quarantine.v1+json' });
    pass(LIMITS.absentMs);
    expect(shortly(await judge([image], [quarantine]))).to.deep.equal(['deny Quarantined']);
  });
});

describe('a refusal', () => {
  const flagged = () => {
    const fixture = createBench();
    const digest = fixture.registry.push(WEB);
    const type = 'application/vnd.pratique.quarantine.v1+json';
    const flag = fixture.registry.push(WEB, {
      subject: digest,
      artifactType: type,
      annotations: { by: 'team' },
    });
    return { ...fixture, image: `${WEB}@${digest}`, digest, flag };
  };

  it('is evaluated again when its facts are older than the lifetime of an absence', async () => {
    const { registry, judge, pass, image, digest } = flagged();
    expect(shortly(await judge([image], [quarantine]))).to.deep.equal(['deny Quarantined']);
    registry.list(WEB, digest, []);
    pass(LIMITS.absentMs + 1);
    expect(shortly(await judge([image], [quarantine]))).to.deep.equal(['allow']);
  });

  it('is answered from memory while its facts are fresh', async () => {
    const { registry, judge, pass, image } = flagged();
    await judge([image], [quarantine]);
    const before = registry.calls.length;
    pass(LIMITS.absentMs);
    expect(shortly(await judge([image], [quarantine]))).to.deep.equal(['deny Quarantined']);
    expect(registry.calls).to.have.lengthOf(before);
  });

  it('is replaced soon after the image is signed', async () => {
    const { registry, judge, pass } = createBench();
    const digest = registry.push(WEB, { tag: '1' });
    expect(shortly(await judge([`${WEB}:1`], [signed]))).to.deep.equal(['deny Unsigned']);
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    pass(LIMITS.absentMs);
    expect(shortly(await judge([`${WEB}:1`], [signed]))).to.deep.equal(['allow']);
  });

  it('stays in force while the registry is unavailable: a failure does not turn it into an unknown', async () => {
    const { registry, judge, pass, image } = flagged();
    const lenient = { ...quarantine, onUnknown: 'Allow' as const };
    await judge([image], [lenient]);
    pass(LIMITS.absentMs + 1);
    registry.fail('', faultOf('RegistryUnavailable'));
    expect(shortly(await judge([image], [lenient]))).to.deep.equal(['deny Quarantined']);
  });
});
