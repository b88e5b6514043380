import { expect } from 'chai';
import { Fault, MEDIA_TYPE, type Descriptor, type Digest } from '../../../src/core/model/index.ts';
import { authority, policyOf } from '../../support/policies.ts';
import { signingKey, simpleSigning, statementBundle } from '../../support/signing.ts';
import { RELEASE_PREDICATE_TYPE } from '../../support/signed-images.ts';
import {
  attachBundle,
  createBench,
  pushSignatures,
  shortly,
  type Bench,
} from '../../support/verification.ts';

const WEB = 'registry.example.com/shop/web';
const FLAG = 'application/vnd.pratique.quarantine.v1+json';
const LIFECYCLE = 'application/vnd.microsoft.artifact.lifecycle';
const ENDED = { 'vnd.microsoft.artifact.lifecycle.end-of-life.date': '2020-01-01T00:00:00Z' };
const key = signingKey();
const policy = (require: object = { quarantine: {}, lifecycle: {} }, more: object = {}) =>
  policyOf({ require, ...more });
const released = policyOf({
  authorities: [authority('release', key)],
  require: { quarantine: { releasedBy: ['release'] } },
});

describe('a reference with tag and digest', () => {
  let bench: Bench;
  let child: Digest;
  let nested: Digest;
  let index: Digest;
  const list = (digest: Digest, mediaType: string = MEDIA_TYPE.ociManifest): Descriptor => {
    return { mediaType, digest, size: 1, annotations: {} };
  };
  const flag = (subject: Digest) => bench.registry.push(WEB, { subject, artifactType: FLAG });
  const judge = async (ref: string, by = policy()) => shortly(await bench.judge([ref], [by])).join();

  beforeEach(() => {
    bench = createBench();
    const { registry } = bench;
    child = registry.push(WEB, { annotations: { is: 'the child' } });
    const other = registry.push(WEB, { annotations: { is: 'another' } });
    nested = registry.push(WEB, { manifests: [list(child)] });
    index = registry.push(WEB, { tag: '1.4', manifests: [list(other), list(nested, MEDIA_TYPE.ociIndex)] });
  });

  for (const [what, on] of [
    ['the index of its tag', () => index],
    ['a nested index', () => nested],
  ] as const) {
    it(`W10: is refused by a flag on ${what}`, async () => {
      flag(on());
      expect(await judge(`${WEB}:1.4@${child}`)).to.equal('deny Quarantined');
    });

    it(`W10: is refused by an end of life on ${what}`, async () => {
      bench.registry.push(WEB, { subject: on(), artifactType: LIFECYCLE, annotations: ENDED });
      expect(await judge(`${WEB}:1.4@${child}`)).to.equal('deny PastEndOfLife');
    });

    it(`W10: is admitted once ${what} is released, and not by a release of itself`, async () => {
      flag(on());
      const release = (subject: Digest) => {
        const json = statementBundle({ digest: subject, key, predicateType: RELEASE_PREDICATE_TYPE });
        attachBundle(bench.registry, WEB, { subject, json, hint: RELEASE_PREDICATE_TYPE });
      };
      release(child);
      expect(await judge(`${WEB}:1.4@${child}`, released)).to.equal('deny Quarantined');
      release(on());
      bench.pass(300_001);
      expect(await judge(`${WEB}:1.4@${child}`, released)).to.equal('allow');
    });
  }

  it('W10: is refused by an annotation of the index, and of an index that is itself the digest', async () => {
    const marked = bench.registry.push(WEB, {
      tag: '2.0',
      manifests: [list(nested, MEDIA_TYPE.ociIndex)],
      annotations: { 'dev.pratique.quarantine': 'true' },
    });
    expect(await judge(`${WEB}:2.0@${child}`)).to.equal('deny Quarantined');
    expect(await judge(`${WEB}:2.0@${nested}`)).to.equal('deny Quarantined');
    expect(await judge(`${WEB}:2.0@${marked}`)).to.equal('deny Quarantined');
  });

  it('W10: is unknown where its tag or a nested index cannot be read, and a later failure that passes is no answer', async () => {
    const down = new Fault({
      ...{ code: 'RegistryUnavailable', operation: 'read', side: 'source' },
      ...{ transient: true, detail: 'connection refused' },
    });
    for (const call of [`manifest ${WEB}:1.4`, `manifest ${WEB}:1.4@${nested}`]) {
      const recover = bench.registry.fail(call, down);
      expect(await judge(`${WEB}:1.4@${child}`), call).to.equal('unknown RegistryUnavailable');
      recover();
      bench.pass(2_001);
    }
    expect(await judge(`${WEB}:1.4@${child}`)).to.equal('allow');
  });

  it('W10: is not held up by the place of its index: what was released by itself is admitted', async () => {
    const json = statementBundle({ digest: child, key, predicateType: RELEASE_PREDICATE_TYPE });
    attachBundle(bench.registry, WEB, { subject: child, json, hint: RELEASE_PREDICATE_TYPE });
    const byPlace = policyOf({
      authorities: [authority('release', key)],
      require: { quarantine: { images: ['**/shop/**'], releasedBy: ['release'] } },
    });
    expect(await judge(`${WEB}:1.4@${child}`, byPlace)).to.equal('allow');
    expect(await judge(`${WEB}:1.4@${nested}`, byPlace)).to.equal('deny Quarantined');
  });

  it('W10: is refused by every index on every way, whatever the order in which they are listed', async () => {
    const upper = bench.registry.push(WEB, { manifests: [list(nested, MEDIA_TYPE.ociIndex)] });
    const both = [list(nested, MEDIA_TYPE.ociIndex), list(upper, MEDIA_TYPE.ociIndex)];
    bench.registry.push(WEB, { tag: '4.0', manifests: both });
    flag(upper);
    expect(await judge(`${WEB}:4.0@${child}`)).to.equal('deny Quarantined');
  });

  it('W10: a tag of more nested indexes than the limit is unknown', async () => {
    const indexes = Array.from({ length: 33 }, (_, at) =>
      bench.registry.push(WEB, { manifests: [list(child)], annotations: { at: String(at) } }),
    );
    bench.registry.push(WEB, { tag: '3.0', manifests: indexes.map((one) => list(one, MEDIA_TYPE.ociIndex)) });
    expect(await judge(`${WEB}:3.0@${child}`)).to.equal('unknown LimitExceeded');
  });

  for (const [what, ref] of [
    ['the tag names the digest itself', () => `${WEB}:1.4@${index}`],
    ['there is no such tag', () => `${WEB}:none@${child}`],
    ['the tag names another image', () => `${WEB}:other@${child}`],
    ['the index has no flag', () => `${WEB}:1.4@${child}`],
    ['it is asked for without its tag: nothing leads to the index', () => `${WEB}@${child}`],
  ] as const)
    it(`is judged by its digest where ${what}`, async () => {
      bench.registry.push(WEB, { tag: 'other', annotations: { is: 'other' } });
      if (!what.includes('no flag') && !what.includes('itself')) flag(index);
      expect(await judge(ref())).to.equal('allow');
    });

  it('W10: costs one request more while nothing is remembered, and none afterwards', async () => {
    const calls = async (ref: string, by = policy()) => {
      const before = bench.registry.calls.length;
      await judge(ref, by);
      return bench.registry.calls.length - before;
    };
    const alone = await calls(`${WEB}@${index}`);
    bench.pass(300_001);
    expect(await calls(`${WEB}:1.4@${index}`)).to.equal(alone + 1);
    expect(await calls(`${WEB}:1.4@${index}`)).to.equal(0);
    const signatures = policy(
      { signatures: { from: ['release'] } },
      { authorities: [authority('release', key)] },
    );
    const before = bench.registry.count('tagDigest');
    pushSignatures(bench.registry, WEB, child, [simpleSigning({ digest: child, key })]);
    expect(await judge(`${WEB}:1.4@${child}`, signatures)).to.equal('allow');
    expect(bench.registry.count('tagDigest')).to.equal(before);
  });
});
