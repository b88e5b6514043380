import { expect } from 'chai';
import fc from 'fast-check';
import { admitCallers } from '../../../src/controllers/certificates/admit-callers.ts';
import { pathOf, withPath } from '../../../src/controllers/certificates/client-config.ts';
import { reconcilePath } from '../../../src/controllers/certificates/reconcile-path.ts';
import { decodePathSecrets, type NamedPath } from '../../../src/controllers/certificates/path-plan.ts';
import type { PathPorts, StoredSecret, WebhookKind } from '../../../src/controllers/certificates/ports.ts';

const KINDS = ['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'] as const;
const HOUR_MS = 3_600_000;
const WEBHOOK = { pathSecret: 'path', clientCA: undefined, clientNames: [] };

/** The connection broke. */
class Broken extends Error {}

interface LifeOptions {
  readonly named?: NamedPath;
  readonly lifetimeMs?: number;
  /** Whether every replica knows secrets. Default: yes. */
  readonly rolledOut?: boolean;
}

/** A cluster with both configurations, and two replicas: one receives the Secret at once, another after at most ten seconds. */
function startLife({
  named: first = 'none',
  lifetimeMs = 2_160 * HOUR_MS,
  rolledOut = true,
}: LifeOptions = {}) {
  let count = 0;
  let nowMs = Date.parse('2030-01-01T00:00:00Z');
  let version = 0;
  const life = { rolledOut, breakAfter: Infinity, secret: undefined as StoredSecret | undefined };
  const named = new Map<WebhookKind, NamedPath>(KINDS.map((kind) => [kind, first]));
  const replica = (data: () => unknown) => admitCallers({ webhook: WEBHOOK, secretData: data });
  const [quick, slow] = [replica(() => life.secret?.data), replica(() => life.secret?.data)];
  const admits = (one: NamedPath, { admits: of, isKnown }: ReturnType<typeof replica>) =>
    // A replica that knows no secret is not ready, and not called.
    !isKnown() || of({ below: typeof one === 'string' ? undefined : one.secret, certificate: undefined });
  /** What is named now, and what an API server may still name. */
  const lost = () => {
    const all = [...named.values()].filter((one) => one !== 'none');
    return all.filter((one) => !admits(one, quick) || !admits(one, slow));
  };
  const call = <T>(change: () => T): T => {
    if ((life.breakAfter -= 1) < 0) throw new Broken();
    const value = change();
    quick.refresh();
    return value;
  };
  const write = (data: StoredSecret['data']) => {
    life.secret = { data, resourceVersion: String((version += 1)) };
    return 'written' as const;
  };
  const ports: PathPorts = {
    configurations: async () =>
      call(() =>
        [...named].map(([kind, path]) => ({
          ...{ kind, name: 'pratique' },
          webhooks: [{ name: 'images.pratique.dev', caBundle: '', path }],
        })),
      ),
    pathSecret: {
      read: async () => call(() => life.secret),
      create: async (data) => call(() => (life.secret ? 'conflict' : write(data))),
      replace: async (data, resourceVersion) =>
        call(() => (life.secret?.resourceVersion === resourceVersion ? write(data) : 'conflict')),
    },
    setPath: async (kind, _names, secret) => call(() => void named.set(kind, { secret })),
    rolledOut: async () => call(() => life.rolledOut),
    randomSecret: () => (count += 1).toString(16).padStart(64, '0'),
  };
  const look = () => reconcilePath(ports, { lifetimeMs }, () => new Date(nowMs));
  const pass = (ms: number) => {
    // Ten seconds is when the leader relies on it.
    if (ms >= 10_000) slow.refresh();
    nowMs += ms;
  };
  const settle = async (): Promise<readonly string[]> => {
    const did: string[] = [];
    for (;;) {
      const { did: now, nextInMs } = await look();
      did.push(...now);
      if (nextInMs > 120_000) return did;
      pass(nextInMs);
      if (nextInMs < 10_000 && did.length === 0) slow.refresh();
    }
  };
  const stored = () => decodePathSecrets(life.secret?.data);
  return { life, named, quick, slow, look, pass, settle, stored, lost, ports };
}

const secretsOf = (named: ReadonlyMap<WebhookKind, NamedPath>) => [
  ...new Set([...named.values()].map((one) => (typeof one === 'string' ? one : one.secret))),
];

describe('the paths of the webhooks', () => {
  it('C04 makes a secret of 256 bits and names it at once where nothing is answered yet', async () => {
    const { look, named, stored } = startLife();
    await look();
    expect((await look()).did).to.have.length(2);
    expect(secretsOf(named)).to.deep.equal([stored()?.secret]);
    expect(stored()).to.include({ plain: false, previous: undefined });
  });

  it('C04 rotates within an hour, and not later than the certificate', async () => {
    for (const [lifetimeMs, dueInMs] of [
      [2_160 * HOUR_MS, HOUR_MS],
      [600_000, 400_000],
    ] as const) {
      const { settle, pass, stored, named, look } = startLife({ lifetimeMs });
      await settle();
      const first = stored()!;
      pass(dueInMs - 1_000 - 2_000);
      await look();
      expect(stored()?.secret).to.equal(first.secret);
      pass(3_000);
      await look();
      expect(stored()).to.deep.include({ previous: first.secret, namedSince: undefined });
      expect(secretsOf(named), 'not before every replica knows it').to.deep.equal([first.secret]);
      expect(await settle()).to.have.length(4);
      expect(secretsOf(named)).to.deep.equal([stored()!.secret]);
      expect(stored()?.secret).not.to.equal(first.secret);
    }
  });

  it('C04 answers the former secret for a minute after the last webhook names the next', async () => {
    const { settle, pass, stored, quick, look } = startLife();
    await settle();
    const first = stored()!.secret;
    const isAdmitted = () => quick.admits({ below: first, certificate: undefined });
    pass(HOUR_MS);
    while (!stored()?.namedSince || stored()?.previous === undefined) pass((await look()).nextInMs);
    pass(58_000);
    await look();
    expect(isAdmitted()).to.equal(true);
    pass(2_000);
    await look();
    expect(isAdmitted()).to.equal(false);
    expect(stored()?.previous).to.equal(undefined);
  });

  it('C04 answers the former secret for another minute after a webhook named it once more', async () => {
    const { settle, pass, stored, named, look } = startLife();
    await settle();
    const first = stored()!.secret;
    pass(HOUR_MS);
    while (!stored()?.namedSince || stored()?.previous === undefined) pass((await look()).nextInMs);
    pass(59_000);
    named.set(KINDS[0], { secret: first });
    while (secretsOf(named).includes(first)) await look();
    pass(30_000);
    await look();
    await look();
    expect(stored()?.previous).to.equal(first);
    await settle();
    expect(stored()?.previous).to.equal(undefined);
  });

  it('C05 an upgrade from a version without secrets: the plain path is answered until every webhook has another, and then no more', async () => {
    const life = startLife({ named: 'plain', rolledOut: false });
    await life.look();
    life.slow.refresh();
    const plain = () => life.quick.admits({ below: undefined, certificate: undefined });
    expect(plain()).to.equal(true);
    for (let count = 0; count < 20; count += 1) life.pass((await life.look()).nextInMs);
    expect(secretsOf(life.named), 'a replica of the former version knows no secret').to.deep.equal(['plain']);
    life.life.rolledOut = true;
    await life.settle();
    expect(secretsOf(life.named)).to.deep.equal([life.stored()?.secret]);
    expect(plain()).to.equal(false);
  });

  it('C05 a first install never answers the plain path', async () => {
    const { look, pass, quick } = startLife();
    for (let count = 0; count < 20; count += 1) {
      pass((await look()).nextInMs);
      expect(quick.admits({ below: undefined, certificate: undefined })).to.equal(false);
    }
  });

  it('C05 a return to the plain path is answered for as long as it lasts, and not undone while a rollout lasts', async () => {
    const { life, settle, named, look, quick } = startLife();
    await settle();
    life.rolledOut = false;
    for (const kind of KINDS) named.set(kind, 'plain');
    for (let count = 0; count < 5; count += 1) await look();
    expect(quick.admits({ below: undefined, certificate: undefined })).to.equal(true);
    expect(secretsOf(named)).to.deep.equal(['plain']);
    life.rolledOut = true;
    await settle();
    expect(quick.admits({ below: undefined, certificate: undefined })).to.equal(false);
  });

  it('C04 a lost Secret: what is named stays answered, also by a replica that starts then', async () => {
    const { life, settle, named, look, stored, ports } = startLife();
    await settle();
    const first = stored()!.secret;
    life.secret = undefined;
    await look();
    expect(stored()?.previous).to.equal(first);
    const late = admitCallers({ webhook: WEBHOOK, secretData: () => life.secret?.data });
    late.refresh();
    expect(late.admits({ below: first, certificate: undefined })).to.equal(true);
    await settle();
    expect(secretsOf(named)).to.deep.equal([stored()?.secret]);
    expect(await ports.rolledOut(new Date())).to.equal(true);
  });

  it('C04 a Secret that is lost while only one webhook has the next path: both paths stay answered', async () => {
    const { life, settle, named, look, stored, quick } = startLife();
    await settle();
    const first = stored()!.secret;
    const next = 'e'.repeat(64);
    named.set(KINDS[0], { secret: next });
    life.secret = undefined;
    await look();
    for (const below of [first, next]) expect(quick.admits({ below, certificate: undefined })).to.equal(true);
    await settle();
    expect(secretsOf(named)).to.deep.equal([stored()?.secret]);
    expect(stored()?.previous).to.equal(undefined);
  });

  it('C04 no webhook ever names what a ready replica does not answer, wherever the leader crashes and however many lead', async function () {
    this.timeout(60_000);
    const happening = fc.oneof(
      { weight: 8, arbitrary: fc.record({ type: fc.constant('look' as const), breakAfter: fc.nat(6) }) },
      {
        weight: 8,
        arbitrary: fc.record({
          type: fc.constant('time' as const),
          ms: fc.constantFrom(1_000, 10_000, 60_000, HOUR_MS),
        }),
      },
      { weight: 1, arbitrary: fc.constant({ type: 'two looks at once' as const }) },
      { weight: 1, arbitrary: fc.constant({ type: 'secret lost' as const }) },
      { weight: 1, arbitrary: fc.constant({ type: 'rolled out' as const }) },
    );
    const orBroken = (error: unknown) => {
      if (!(error instanceof Broken)) throw error;
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(happening, { maxLength: 200 }),
        fc.constantFrom<NamedPath>('none', 'plain'),
        async (story, named) => {
          const life = startLife({ named, rolledOut: false });
          await life.look();
          life.slow.refresh();
          for (const one of story) {
            if (one.type === 'look') {
              life.life.breakAfter = one.breakAfter;
              await life.look().catch(orBroken);
              life.life.breakAfter = Infinity;
            } else if (one.type === 'two looks at once')
              await Promise.all([life.look(), life.look()].map((look) => look.catch(orBroken)));
            else if (one.type === 'time') life.pass(one.ms);
            // Before the first path is named nothing is answered, and nothing can be lost.
            else if (one.type === 'secret lost' && !secretsOf(life.named).includes('none'))
              life.life.secret = undefined;
            else if (one.type === 'rolled out') life.life.rolledOut = true;
            expect(life.lost(), JSON.stringify(one)).to.deep.equal([]);
          }
          life.life.rolledOut = true;
          await life.settle();
          expect(secretsOf(life.named)).to.deep.equal([life.stored()?.secret]);
          expect(life.stored()).to.include({ plain: false, previous: undefined });
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('the client configuration of a webhook', () => {
  const secret = '0'.repeat(64);
  const at = '/webhooks/0/clientConfig';
  const rows: readonly (readonly [object, NamedPath, string])[] = [
    [{ service: { name: 'a' } }, 'none', `/validate/${secret}`],
    [{ service: { path: '/' } }, 'none', `/validate/${secret}`],
    [{ service: { path: '/other' } }, 'none', `/validate/${secret}`],
    [{ service: { path: '/validate' } }, 'plain', `/validate/${secret}`],
    [{ service: { path: '/validate/short' } }, 'none', `/validate/${secret}`],
    [{ service: { path: `/validate/${'b'.repeat(64)}` } }, { secret: 'b'.repeat(64) }, `/validate/${secret}`],
    [{ url: 'https://acme.example.com/validate' }, 'plain', `https://acme.example.com/validate/${secret}`],
    [{ url: 'https://acme.example.com/base/' }, 'none', `https://acme.example.com/base/validate/${secret}`],
    [
      { url: `https://acme.example.com/base/validate/${'b'.repeat(64)}` },
      { secret: 'b'.repeat(64) },
      `https://acme.example.com/base/validate/${secret}`,
    ],
  ];
  for (const [config, named, written] of rows)
    it(`C05 ${JSON.stringify(config).slice(0, 60)} names ${typeof named === 'string' ? named : 'a secret'}, and is given one`, () => {
      expect(pathOf(config as Record<string, unknown>)).to.deep.equal(named);
      const given = { at, kind: 'ValidatingWebhookConfiguration', secret } as const;
      expect(withPath(config as Record<string, unknown>, given)).to.deep.include({ value: written });
    });
});
