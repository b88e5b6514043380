// Registries that go down and come back, misbehave in every way that test/support/registry knows, or send as much as they may.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  amend,
  endlessBody,
  hangUp,
  redirect,
  refuse,
  silence,
  slowDrip,
} from '../../../test/support/registry/misbehave.ts';
import type { Intercept } from '../../../test/support/registry/index.ts';
import { startHostile } from '../../hostile-process.ts';
import type { Hostility } from '../../hostile-registry.ts';
import { always, createTruth } from '../truth.ts';
import { FOUND_MS, type World } from '../world.ts';
import { refused, UNKNOWN, type Scenario } from './scenario.ts';

/** Milliseconds for which the registry is down. */
const DOWN_MS = 3_000;
/** Milliseconds after which it is asked again: `memory.unknownMs`, and a request that was on its way with its tries. */
const ASKED_AGAIN_MS = 12_000;
/** Every request, or only those for referrers and blobs. */
const ALL = '/v2/';

const MISBEHAVIOURS: readonly Intercept[] = [
  hangUp(ALL),
  refuse(ALL, 500),
  refuse(ALL, 401),
  refuse(ALL, 404),
  refuse('/referrers/', 500),
  refuse('/manifests/', 429, { 'retry-after': '1' }),
  endlessBody(ALL, { 'content-type': 'application/vnd.oci.image.index.v1+json' }),
  slowDrip(ALL, 50),
  silence('/referrers/'),
  silence('/blobs/'),
  redirect(ALL, ({ url }) => url.href),
  redirect(ALL, () => 'http://169.254.169.254/latest/meta-data'),
  amend('/manifests/', (reply) => ({ ...reply, body: 'no JSON' })),
  amend('/referrers/', (reply) => ({ ...reply, headers: { 'content-type': 'text/html' } })),
];

/** The policies, the processes and the scenarios; `stop` ends the processes. */
export async function badRegistries(
  world: World,
): Promise<{ readonly scenarios: readonly Scenario[]; readonly stop: () => void }> {
  const kinds = ['annotations', 'pages', 'statements', 'quick-pages'] as const;
  const hostile = await Promise.all(kinds.map(async (kind) => ({ kind, ...(await startHostile(kind)) })));
  for (const { kind, port } of hostile) {
    await world.policy(kind, `127.0.0.*:${port}/**`, {
      require: { signatures: { from: ['release'] }, quarantine: {}, lifecycle: {} },
    });
  }
  const ports = new Map<Hostility, string>(hostile.map(({ kind, port }) => [kind, port]));
  let salt = 0;
  return {
    scenarios: [
      await failing(world),
      ...(await misbehaving(world)),
      {
        name: 'hostile registries',
        weight: 1,
        ask: (random) => {
          const kind = random.pick(kinds);
          salt += 1;
          const images = Array.from({ length: 1 + random.below(6) }, (_, n) => {
            const host = `127.0.0.${2 + random.below(8)}:${ports.get(kind) ?? ''}`;
            return `${host}/evil/app-${salt}x${n}:v${random.below(50)}`;
          });
          return { images, namespace: 'evil', permits: refused };
        },
      },
      {
        name: 'nothing listens',
        weight: 1,
        ask: () => ({
          images: [`${world.failing.host.replace(/:\d+$/, ':1')}/down/app:1`],
          permits: always('RegistryUnavailable', 'UnmatchedImage'),
        }),
      },
    ],
    stop: () => hostile.forEach(({ stop }) => stop()),
  };
}

async function failing(world: World): Promise<Scenario> {
  const registry = world.failing.host;
  await world.policy('failing', `${registry}/**`);
  const { key } = world.fixture;
  const signed = await world.push({ registry, repository: 'down/app', salt: 'signed', tag: '1', key });
  const bad = await world.push({ registry, repository: 'down/app', salt: 'not signed' });
  const truths = [createTruth(['allow']), createTruth(['Unsigned'])] as const;
  return {
    name: 'registry down',
    weight: 6,
    ask: (random) => {
      const n = random.pick([0, 1]);
      const images = [n === 0 ? `${registry}/down/app:1` : bad.reference];
      return {
        images: random.below(2) === 0 && n === 0 ? [signed.reference] : images,
        permits: truths[n === 0 ? 0 : 1].permits,
      };
    },
    change: async () => {
      const set = (intercept: Intercept | undefined) => {
        world.failing.intercept(intercept);
        return Promise.resolve();
      };
      const both = (more: readonly string[], graceMs: number, apply: () => Promise<unknown>) =>
        truths[0].change(['allow', ...more], graceMs, () =>
          truths[1].change(['Unsigned', ...more], graceMs, apply),
        );
      await both(UNKNOWN, 0, () => set(hangUp(ALL)));
      await sleep(DOWN_MS);
      await both([], ASKED_AGAIN_MS, () => set(undefined));
    },
  };
}

/** The header of requests of the soak itself, which the registry answers as they are meant. */
export const OWN = 'x-soak';

/** Whatever the registry does, an unsigned image is never admitted, and a signed one is not called unsigned. */
async function misbehaving(world: World): Promise<readonly Scenario[]> {
  const registry = world.misbehaving.host;
  await world.policy('misbehaving', `${registry}/**`);
  const { key } = world.fixture;
  const push = (salt: string) => world.push({ registry, repository: 'bad/app', salt, key });
  const signed = await push('signed');
  const bad = await world.push({ registry, repository: 'bad/other', salt: 'not signed' });
  let step = 0;
  return [
    {
      name: 'misbehaving registry, signed',
      weight: 3,
      // A registry can hide what it holds: then it is not found, or not signed.
      ask: () => ({
        images: [signed.reference],
        permits: always('allow', 'ImageNotFound', 'Unsigned', ...UNKNOWN),
      }),
      change: async (random) => {
        step += 1;
        const which = MISBEHAVIOURS[random.below(MISBEHAVIOURS.length)];
        const intercept: Intercept = (request, answer) =>
          OWN in request.headers ? undefined : which?.(request, answer);
        world.misbehaving.intercept(step % 4 === 0 ? undefined : intercept);
        await sleep(FOUND_MS / 10);
      },
    },
    {
      name: 'misbehaving registry, unsigned',
      weight: 3,
      ask: () => ({ images: [bad.reference], permits: refused }),
    },
  ];
}
