import { expect } from 'chai';
import fc from 'fast-check';
import { servingCertificate } from '../../../src/controllers/certificates/read.ts';
import { reconcileRegistration } from '../../../src/controllers/certificates/reconcile.ts';
import type { Pair } from '../../../src/controllers/certificates/read.ts';
import { Broken, createClusterTwin, paperCertificates, textOf } from './twin.ts';

const DAY_MS = 86_400_000;
const LIFETIMES = { lifetimeMs: 9 * DAY_MS, authorityLifetimeMs: 90 * DAY_MS };
const ADVANCES = [1_000, 10_000, 60_000, DAY_MS, 2 * DAY_MS, 5 * DAY_MS];

type Happening =
  | { readonly type: 'look'; readonly breakAfter: number | undefined; readonly breaksBefore: boolean }
  | { readonly type: 'two looks at once' }
  | { readonly type: 'time'; readonly ms: number }
  | { readonly type: 'hosts'; readonly hosts: readonly string[] }
  | { readonly type: 'secret lost' }
  | { readonly type: 'value lost'; readonly key: string };

const look = fc.record({
  type: fc.constant('look' as const),
  breakAfter: fc.option(fc.nat(5), { nil: undefined }),
  breaksBefore: fc.boolean(),
});
const time = fc.record({ type: fc.constant('time' as const), ms: fc.constantFrom(...ADVANCES) });
const rare: fc.Arbitrary<Happening> = fc.oneof(
  fc.constant({ type: 'two looks at once' as const }),
  fc.record({
    type: fc.constant('hosts' as const),
    hosts: fc.subarray(['a.svc', 'b.svc', '::1'], { minLength: 1 }),
  }),
  fc.constant({ type: 'secret lost' as const }),
  fc.record({
    type: fc.constant('value lost' as const),
    key: fc.constantFrom('ca.crt', 'ca.key', 'tls.crt', 'tls.key'),
  }),
);
const happenings = fc.array(
  fc.oneof({ weight: 10, arbitrary: look }, { weight: 10, arbitrary: time }, { weight: 1, arbitrary: rare }),
  { minLength: 20, maxLength: 600 },
);

/** Years in a cluster: one replica sees the Secret at once, another only later. */
async function live(story: readonly Happening[], certificates: ReturnType<typeof paperCertificates>) {
  const twin = createClusterTwin(certificates);
  let nowMs = Date.parse('2030-01-01T00:00:00Z');
  let hosts: readonly string[] = ['a.svc'];
  const served: { quick: Pair | undefined; slow: Pair | undefined } = { quick: undefined, slow: undefined };
  const wasBelieved = new Set<string>();

  const latest = (kept: Pair | undefined): Pair | undefined => {
    const pair = { cert: textOf(twin, 'tls.crt'), key: textOf(twin, 'tls.key') };
    return certificates.fits(pair) ? pair : kept;
  };
  const isBelieved = ({ cert }: Pair): boolean =>
    twin.configurations.every(({ webhooks }) =>
      webhooks.every(({ caBundle }) => {
        const blocks = Buffer.from(caBundle, 'base64')
          .toString('utf8')
          .split(/(?<=END CERTIFICATE-----)/);
        return blocks.some((block) => certificates.isIssuedBy(cert, block));
      }),
    );
  const check = (): void => {
    for (const [replica, pair] of Object.entries(served)) {
      const reading = pair && certificates.readCertificate(pair.cert);
      const isGood = reading !== undefined && reading.notAfter.getTime() > nowMs;
      const believed = isGood && isBelieved(pair!);
      // While no certificate is trusted (at the first creation, or after everything has expired), nothing can break.
      if (isGood && wasBelieved.has(replica))
        expect(believed, `what the ${replica} replica serves`).to.equal(true);
      if (believed) wasBelieved.add(replica);
      else wasBelieved.delete(replica);
    }
  };
  twin.onChange = () => {
    served.quick = latest(served.quick);
    check();
  };
  const settings = () => ({ hosts, ...LIFETIMES });
  const once = () => reconcileRegistration(twin.ports, settings(), () => new Date(nowMs));
  const orBroken = (error: unknown) => {
    if (!(error instanceof Broken)) throw error;
    return undefined;
  };
  const happen = async (happening: Happening): Promise<void> => {
    switch (happening.type) {
      case 'look':
        twin.breakAfter = happening.breakAfter;
        twin.breaksBefore = happening.breaksBefore;
        await once().catch(orBroken);
        twin.breakAfter = undefined;
        return;
      case 'two looks at once':
        await Promise.all([once(), once()]);
        return;
      case 'time':
        served.slow = latest(served.slow);
        nowMs += happening.ms;
        return;
      case 'hosts':
        hosts = happening.hosts;
        return;
      case 'secret lost':
        twin.secret = undefined;
        return;
      case 'value lost':
        if (twin.secret)
          twin.secret = { data: { ...twin.secret.data, [happening.key]: '' }, resourceVersion: 'lost' };
    }
  };
  for (const happening of story) {
    await happen(happening);
    check();
  }
  for (let count = 0; count < 20; count += 1) {
    const { nextInMs } = await once();
    await happen({ type: 'time', ms: nextInMs });
    if (nextInMs >= 60_000) break;
  }
  const pair = servedBy(twin.secret?.data, certificates.fits);
  return { nowMs, hosts, twin, pair, isBelieved };
}

/** `servingCertificate` reports that such a text is no certificate. */
function servedBy(
  data: Readonly<Record<string, string>> | undefined,
  fits: (pair: Pair) => boolean,
): Pair | undefined {
  expect(servingCertificate(data).ok).to.equal(false);
  const text = (key: string) => Buffer.from(data?.[key] ?? '', 'base64').toString('utf8');
  const pair = { cert: text('tls.crt'), key: text('tls.key') };
  return fits(pair) ? pair : undefined;
}

describe('the webhook registration over the years', () => {
  it('never serves a certificate that a webhook configuration does not trust, wherever it crashes, and reaches a stable state', async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(happenings, async (story) => {
        const certificates = paperCertificates();
        const { nowMs, hosts, twin, pair, isBelieved } = await live(story, certificates);
        expect(pair).not.to.equal(undefined);
        const reading = certificates.readCertificate(pair!.cert)!;
        expect(isBelieved(pair!)).to.equal(true);
        expect([...reading.hosts].toSorted()).to.deep.equal([...hosts].toSorted());
        expect(reading.notAfter.getTime() - nowMs).to.be.above(2 * DAY_MS);
        expect(textOf(twin, 'ca.crt').split('-----BEGIN').length - 1).to.be.at.most(5);
      }),
      { numRuns: 60 },
    );
  });
});
