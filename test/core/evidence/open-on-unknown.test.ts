import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { authority, policyOf } from '../../support/policies.ts';
import { signingKey, type SignatureLayer } from '../../support/signing.ts';
import { faultOf } from '../../support/twins/registry.ts';
import { createBench, pushSignatures, shortly } from '../../support/verification.ts';

const WEB = 'registry.example.com/shop/web';
const FLAG = 'application/vnd.pratique.quarantine.v1+json';
/** A policy that admits what cannot be found out, as one that must outlive its registry. */
const open = { enforcement: 'Deny', onUnknown: 'Allow' } as const;
const flagged = policyOf({ ...open, require: { quarantine: {} } });
const signed = policyOf({
  ...open,
  authorities: [authority('release', signingKey())],
  require: { signatures: { from: ['release'] } },
});

describe('a policy that admits what is unknown', () => {
  const pushFlagged = () => {
    const bench = createBench();
    const digest = bench.registry.push(WEB);
    bench.registry.push(WEB, { artifactType: FLAG, subject: digest, annotations: { a: 'b' } });
    return { ...bench, image: `${WEB}@${digest}` };
  };

  it('refuses a flagged image, and admits one whose registry is down', async () => {
    const { judge, image, registry } = pushFlagged();
    expect(shortly(await judge([image], [flagged]))).to.deep.equal(['deny Quarantined']);
    const other = createBench();
    const digest = other.registry.push(WEB);
    other.registry.fail('', faultOf('RegistryUnavailable'));
    expect(shortly(await other.judge([`${WEB}@${digest}`], [flagged]))).to.deep.equal([
      'allow RegistryUnavailable',
    ]);
    expect(registry.calls).not.to.be.empty;
  });

  it('B19: what is no listing under the fallback tag hides no flag that the registry lists, and the other way round', async () => {
    const written = pushFlagged();
    written.registry.fail('fallbackReferrers', faultOf('RegistryMisbehaved', false));
    expect(shortly(await written.judge([written.image], [flagged]))).to.deep.equal(['deny Quarantined']);

    const { registry, judge } = createBench();
    const digest = registry.push(WEB);
    const flag = registry.push(WEB, { artifactType: FLAG, annotations: { a: 'b' } });
    registry.listUnderTag(WEB, digest, [
      { mediaType: FLAG, artifactType: FLAG, digest: flag, size: 1, annotations: { a: 'b' } },
    ]);
    registry.fail('referrers', faultOf('RegistryUnavailable'));
    expect(shortly(await judge([`${WEB}@${digest}`], [flagged]))).to.deep.equal(['deny Quarantined']);
  });

  it('B19: a listing that cannot be read is unknown, whatever the other one lists', async () => {
    for (const operation of ['fallbackReferrers', 'referrers']) {
      const { registry, judge } = createBench();
      const digest = registry.push(WEB);
      registry.push(WEB, { artifactType: 'application/x', subject: digest, annotations: { a: 'b' } });
      registry.fail(operation, faultOf('RegistryUnavailable'));
      const strict = policyOf({ require: { quarantine: {} } });
      expect(shortly(await judge([`${WEB}@${digest}`], [strict])), operation).to.deep.equal([
        'unknown RegistryUnavailable',
      ]);
    }
  });

  it('B20: more than is read of an image is not admitted: anyone who pushes it can add to it', async () => {
    const { judge, image, registry } = pushFlagged();
    registry.fail('referrers', faultOf('LimitExceeded', false));
    const [verdict] = await judge([image], [flagged]);
    expect(verdict && shortly([verdict])).to.deep.equal(['unknown LimitExceeded']);
    expect(verdict?.verdict.findings.map(({ effect }) => effect)).to.deep.equal(['deny']);
  });

  it('B20: signatures beyond those that are tried do not turn an unsigned image into one that is admitted', async () => {
    const { registry, judge } = createBench();
    const digest = registry.push(WEB);
    const junk = Array.from({ length: 101 }, (_, n): SignatureLayer => ({
      payload: Buffer.from(`{"n":${n}}`),
      annotations: { 'dev.cosignproject.cosign/signature': 'AAAA' },
    }));
    pushSignatures(registry, WEB, digest, junk);
    expect(shortly(await judge([`${WEB}@${digest}`], [signed]))).to.deep.equal(['unknown LimitExceeded']);
  });

  it('B20: an image behind more others than one request may name is not admitted', async () => {
    const { registry, judge } = createBench();
    const images = Array.from(
      { length: 257 },
      (_, n) => `${WEB}@${registry.push(WEB, { annotations: { n: String(n) } })}`,
    );
    expect(shortly(await judge(images, [flagged])).at(-1)).to.equal('unknown LimitExceeded');
  });

  /** Pushes different images of one repository, of which the registry answers nothing. */
  const pushSilent = ({ registry }: ReturnType<typeof createBench>, name: string, count: number) => {
    for (const operation of ['manifest', 'referrers', 'fallbackReferrers', 'tagDigest'])
      registry.hold(`${operation} ${name}`);
    return Array.from(
      { length: count },
      (_, n) => `${name}@${registry.push(name, { annotations: { n: String(n) } })}`,
    );
  };

  for (const [what, hosts] of [
    ['of a slow registry', () => 'slow.example.org/x'],
    ['of a slow registry each', (n: number) => `slow-${String(n)}.example.org/x`],
  ] as const)
    it(`B23: 40 images ${what} do not keep a flagged image of another from being refused`, async () => {
      const bench = pushFlagged();
      const slow = Array.from({ length: 40 }, (_, n) => pushSilent(bench, hosts(n), n + 1)[n] ?? '');
      const late = new AbortController();
      const judging = bench.judge([...slow, bench.image], [flagged], { signal: late.signal });
      await setImmediate();
      late.abort();
      const verdicts = shortly(await judging);
      expect(verdicts.at(-1)).to.equal('deny Quarantined');
      expect(verdicts[0], 'what its own registry delays').to.equal('allow DeadlineExceeded');
    });

  it('B23: an image whose turn did not come in time, behind others of its registry, is not admitted', async () => {
    const bench = pushFlagged();
    const name = `${WEB}-slow`;
    const late = new AbortController();
    const judging = bench.judge([...pushSilent(bench, name, 16), bench.image], [flagged], {
      signal: late.signal,
    });
    await setImmediate();
    late.abort();
    expect(shortly(await judging).at(-1)).to.equal('unknown LimitExceeded');
  });

  it('B21: a manifest that programs read in different ways is not admitted', async () => {
    for (const policy of [flagged, signed]) {
      const { registry, judge } = createBench();
      registry.push(WEB, { tag: '1' });
      registry.fail('manifest', faultOf('AmbiguousIndex', false));
      const [judged] = await judge([`${WEB}:1`], [policy]);
      expect(judged?.verdict.findings.map(({ reason, effect }) => `${effect} ${reason}`)).to.deep.equal([
        'deny AmbiguousIndex',
      ]);
    }
  });
});
