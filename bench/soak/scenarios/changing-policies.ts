// Keys that rotate in a Secret; policies that are made, changed, broken, mended and deleted; an API server that goes away.
import { setTimeout as sleep } from 'node:timers/promises';
import { RESOURCES } from '../../../src/core/workload/index.ts';
import { signingKey } from '../../../test/support/signing.ts';
import { createTruth, type Permits, type Truth } from '../truth.ts';
import { rotateKey, type World } from '../world.ts';
import { NOT_PINNED, WATCH_MS, type Scenario } from './scenario.ts';

/** Milliseconds for which the API server is away, and in which watches are opened again after it. */
const AWAY_MS = 2_000;
const OPENED_AGAIN_MS = 15_000;

/** The policies, the scenarios, and what may be answered about any image while the API server is away. */
export async function changingPolicies(
  world: World,
): Promise<{ readonly scenarios: readonly Scenario[]; readonly besides: Permits }> {
  const away = createTruth([]);
  const scenarios = [
    await rotatingKey(world),
    await changedPolicy(world),
    await addedPolicy(world),
    apiServer(world, away),
  ];
  return { scenarios, besides: away.permits };
}

async function rotatingKey(world: World): Promise<Scenario> {
  const { fixture } = world;
  const keys = [signingKey(), signingKey()] as const;
  await rotateKey(world, 'rotating-key', keys[0]);
  const secretRef = { name: 'rotating-key', key: 'cosign.pub' };
  await world.policy('rotating', `${fixture.registry.host}/rotating/**`, {
    authorities: [{ name: 'release', key: { secretRef } }],
    require: { signatures: { from: ['release'] } },
  });
  const images = [];
  for (const [n, key] of keys.entries()) {
    const { reference } = await world.push({ repository: 'rotating/app', salt: `key ${n}`, key });
    images.push({ reference, truth: createTruth([n === 0 ? 'allow' : 'Unsigned']) });
  }
  const [first, second] = images;
  if (!first || !second) throw new Error('two images were pushed');
  let current: 0 | 1 = 0;
  return {
    name: 'rotating key',
    weight: 6,
    ask: (random) => {
      const { reference, truth } = random.pick([first, second]);
      return { images: [reference], permits: truth.permits };
    },
    change: async () => {
      current = current === 0 ? 1 : 0;
      const [gains, loses] = current === 0 ? [first, second] : [second, first];
      await gains.truth.change(['allow'], WATCH_MS, () =>
        loses.truth.change(['Unsigned'], WATCH_MS, () => rotateKey(world, 'rotating-key', keys[current])),
      );
    },
  };
}

/** Unsigned images: refused, admitted by a policy that does not ask, admitted with a warning, and refused while it is broken. */
async function changedPolicy(world: World): Promise<Scenario> {
  const glob = `${world.fixture.registry.host}/changing/**`;
  const { reference } = await world.push({ repository: 'changing/app', salt: 'changing' });
  const truth = createTruth(['Unsigned']);
  const steps: readonly { readonly spec: object; readonly outcome: string }[] = [
    { spec: {}, outcome: 'Unsigned' },
    { spec: { require: { quarantine: {} } }, outcome: 'allow' },
    { spec: {}, outcome: 'Unsigned' },
    { spec: { enforcement: 'Warn' }, outcome: 'allow' },
    { spec: {}, outcome: 'Unsigned' },
    // The last good version stays in force.
    { spec: { authorities: [{ name: 'release', key: { pem: 'no key' } }] }, outcome: 'Unsigned' },
  ];
  await world.policy('changing', glob);
  let step = 0;
  return {
    name: 'changed policy',
    weight: 6,
    ask: () => ({ images: [reference], permits: truth.permits }),
    change: async () => {
      step = (step + 1) % steps.length;
      const { spec = {}, outcome = '' } = steps[step] ?? {};
      await truth.change([outcome], WATCH_MS, () => world.policy('changing', glob, spec));
    },
  };
}

async function addedPolicy(world: World): Promise<Scenario> {
  const { fixture, api } = world;
  const key = fixture.key;
  const { reference } = await world.push({ repository: 'added/app', salt: 'added', key });
  const truth = createTruth(['UnmatchedImage']);
  let isThere = false;
  return {
    name: 'added policy',
    weight: 4,
    ask: () => ({ images: [reference], permits: truth.permits }),
    change: async () => {
      isThere = !isThere;
      await truth.change([isThere ? 'allow' : 'UnmatchedImage'], WATCH_MS, () =>
        isThere
          ? world.policy('added', `${fixture.registry.host}/added/**`)
          : api.twin.remove({ resource: RESOURCES.policies, name: 'added' }),
      );
    },
  };
}

/** Pull secrets are read for each request, and remembered for seconds; without them nothing is known, and nothing is pinned. */
const WITHOUT_SECRETS = ['PullSecretUnreadable', NOT_PINNED];
/** Milliseconds in which requests that were on their way are answered. */
const BACK_MS = 5_000;

/** Watches are cut, versions expire, the server goes away: what is in force stays so. */
function apiServer({ api }: World, away: Truth): Scenario {
  let step = 0;
  return {
    name: 'API server',
    weight: 0,
    ask: () => {
      throw new Error('is not drawn');
    },
    change: async () => {
      step += 1;
      if (step % 3 === 1) api.cutWatches();
      else if (step % 3 === 2) api.twin.expire();
      else {
        await away.change(WITHOUT_SECRETS, 0, () => api.stop());
        await sleep(AWAY_MS);
        await away.change([], BACK_MS, () => api.start());
      }
      await sleep(OPENED_AGAIN_MS);
    },
  };
}
