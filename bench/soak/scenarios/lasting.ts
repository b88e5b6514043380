// What never changes: every kind of verdict, by tag and by digest, alone and together, small and large, cold and warm, and pins.
import { RESOURCES } from '../../../src/core/workload/index.ts';
import { pushIndex, pushImage } from '../../../test/support/registry/push.ts';
import { pushBundleSignature } from '../../../test/support/signed-images.ts';
import { signingKey } from '../../../test/support/signing.ts';
import type { ImageName } from '../../../test/support/policy-fixture.ts';
import { always } from '../truth.ts';
import type { World } from '../world.ts';
import type { Scenario } from './scenario.ts';

const VERDICTS: readonly [readonly [ImageName, string], ...(readonly [ImageName, string])[]] = [
  ['good', 'allow'],
  ['signed-the-old-way', 'allow'],
  ['released', 'allow'],
  ['ending', 'allow'],
  ['unsigned', 'Unsigned'],
  ['signed-by-a-stranger', 'Unsigned'],
  ['flagged', 'Quarantined'],
  ['old', 'PastEndOfLife'],
  ['undated', 'UnreadableDate'],
  ['missing', 'ImageNotFound'],
  ['broken', 'RegistryUnavailable'],
];

/** Containers of a pod with many. */
const MANY = 30;
/** Most bytes of an object at the API server. */
const LARGEST = 3 * 1024 * 1024;

/** Policies, images and running pods; what is asked about them. */
export async function lasting(world: World): Promise<readonly Scenario[]> {
  const { fixture, apply } = world;
  await world.policy('shop', `${fixture.registry.host}/shop/**`, { pinDigests: true });
  await world.policy('cold', `${fixture.registry.host}/cold/**`);
  const index = await pushedIndex(world);
  const stranger = signingKey();
  let cold = 0;
  for (const [name] of VERDICTS) {
    const { reference } = fixture.pushed.get(name) ?? {};
    if (reference !== undefined) await apply(RESOURCES.pods, runningPod(name, reference));
  }
  return [
    {
      name: 'warm, by tag',
      weight: 20,
      ask: (random) => {
        const [name, outcome] = random.pick(VERDICTS);
        return { images: [fixture.image(name)], permits: always(outcome) };
      },
    },
    {
      name: 'warm, by digest',
      weight: 30,
      ask: (random) => {
        const [name, outcome] = random.pick(VERDICTS);
        const { reference } = fixture.pushed.get(name) ?? {};
        return { images: [reference ?? fixture.image(name)], permits: always(outcome) };
      },
    },
    { name: 'an index', weight: 3, ask: () => ({ images: [index], permits: always('allow') }) },
    {
      name: 'no policy',
      weight: 2,
      ask: () => ({ images: [`${fixture.registry.host}/other/app:1`], permits: always('UnmatchedImage') }),
    },
    {
      name: 'many containers',
      weight: 2,
      ask: (random) => {
        const drawn = Array.from({ length: MANY }, () => random.pick(VERDICTS));
        const failing = drawn.map(([, outcome]) => outcome).filter((outcome) => outcome !== 'allow');
        const permits = always(...(failing.length > 0 ? failing : ['allow']));
        return { images: drawn.map(([name]) => fixture.image(name)), permits };
      },
    },
    {
      name: 'large reviews',
      weight: 1,
      ask: (random) => {
        const [name, outcome] = random.pick(VERDICTS);
        return { images: [fixture.image(name)], permits: always(outcome), padding: random.below(LARGEST) };
      },
    },
    {
      name: 'cold',
      weight: 6,
      ask: async (random) => {
        const key = random.pick([fixture.key, fixture.key, stranger, undefined]);
        cold += 1;
        const number = cold;
        const pushed = {
          repository: `cold/app-${number % 50}`,
          salt: `cold ${number}`,
          tag: `v${number}`,
          key,
        };
        const { reference, target } = await world.push(pushed);
        const byTag = `${target.registry}/${target.repository}:v${number}`;
        const permits = always(key === fixture.key ? 'allow' : 'Unsigned');
        return { images: [random.below(2) === 0 ? byTag : reference], permits };
      },
    },
    {
      name: 'pins',
      weight: 6,
      ask: () => ({
        images: [fixture.image('good')],
        permits: always(fixture.pushed.get('good')?.digest ?? ''),
        pins: true,
      }),
    },
  ];
}

async function pushedIndex({ fixture }: World): Promise<string> {
  const target = { registry: fixture.registry.host, repository: 'shop/platforms', tag: '1.0' };
  const manifests = [];
  for (const architecture of ['amd64', 'arm64']) {
    const platform = { os: 'linux', architecture };
    manifests.push({ ...(await pushImage(target, { salt: architecture, platform })), platform });
  }
  const index = await pushIndex(target, { manifests });
  await pushBundleSignature(target, index, fixture.key);
  return `${target.registry}/${target.repository}:1.0`;
}

function runningPod(name: string, image: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop' },
    spec: { nodeName: 'node-1', containers: [{ name: 'web', image }] },
    status: { phase: 'Running', containerStatuses: [{ name: 'web', image, imageID: image }] },
  };
}
