// Promotions that go on: a mirror that gets new tags, and one whose source misbehaves. A tag at the target has the whole image, with its flag.
import { RESOURCES } from '../../../src/core/workload/index.ts';
import { artifactTypesAbout, listTags } from '../../../test/support/registry/listings.ts';
import { pushImage } from '../../../test/support/registry/push.ts';
import { QUARANTINE } from '../../../test/support/promotions/quarantined.ts';
import type { World } from '../world.ts';
import type { Random } from '../random.ts';

/** The promotions of a soak, checked by reading the target as a stranger would. */
export interface Promotions {
  /** Pushes one more tag and requests the runs. */
  readonly change: (random: Random) => Promise<void>;
  /** Reads the target; the answer is what is wrong with it. */
  readonly check: () => Promise<readonly string[]>;
  readonly counts: () => { readonly pushed: number; readonly arrived: number };
}

const NAMESPACE = 'platform';
/** Milliseconds in which a tag arrives that the registry that never fails has: a run is begun at once, and takes less than a second. */
const ARRIVES_MS = 45_000;
/** Names of the two promotions. */
const GOOD = 'mirror';
const BAD = 'mirror-of-misbehaving';

interface Expected {
  readonly digest: string;
  readonly pushedAt: number;
}

/** Makes the promotions. */
export function openPromotions(world: World): Promotions {
  const target = { registry: world.fixture.registry.host, repository: 'mirrored/app' };
  const badTarget = { registry: world.fixture.registry.host, repository: 'mirrored/bad' };
  const expected = new Map<string, Expected>();
  const arrived = new Set<string>();
  let requests = 0;
  const request = async (name: string, source: string, to: string): Promise<void> => {
    requests += 1;
    await world.apply(RESOURCES.promotions, {
      apiVersion: 'pratique.dev/v1alpha1',
      kind: 'ImagePromotion',
      metadata: {
        name,
        namespace: NAMESPACE,
        annotations: { 'reconcile.pratique.dev/requestedAt': `request-${requests}` },
      },
      spec: {
        source: { repository: source },
        target: { repository: to },
        tags: { include: ['^v'] },
        mirror: {},
        timeout: '60s',
      },
    });
  };
  const checkTag = async (place: typeof target, tag: string): Promise<readonly string[]> => {
    const url = `http://${place.registry}/v2/${place.repository}/manifests/${tag}`;
    const digest = (await fetch(url, { method: 'HEAD' })).headers.get('docker-content-digest') ?? '';
    const types = await artifactTypesAbout(place, digest);
    const where = `${place.repository}:${tag}`;
    return [
      ...(digest === expected.get(tag)?.digest ? [] : [`${where} has another digest than its source`]),
      ...(types.includes(QUARANTINE) ? [] : [`${where} stands without its quarantine flag`]),
    ];
  };
  const requestBoth = async (): Promise<void> => {
    const { fixture, misbehaving } = world;
    await request(GOOD, `${fixture.registry.host}/incoming/app`, `${target.registry}/${target.repository}`);
    await request(BAD, `${misbehaving.host}/incoming/app`, `${target.registry}/${badTarget.repository}`);
  };
  return {
    change: async (random) => {
      const tag = `v${expected.size + 1}`;
      const layers = Array.from({ length: 1 + random.below(4) }, (_, n) => `layer ${tag} ${n}`);
      const pushed = { repository: 'incoming/app', tag };
      // The misbehaving registry answers pushes of its own only while it behaves.
      world.misbehaving.intercept(undefined);
      const { digest } = await pushImage(
        { registry: world.fixture.registry.host, ...pushed },
        { layers, salt: tag },
      );
      await pushImage({ registry: world.misbehaving.host, ...pushed }, { layers, salt: tag });
      expected.set(tag, { digest, pushedAt: performance.now() });
      await requestBoth();
    },
    check: async () => {
      const problems: string[] = [];
      for (const place of [target, badTarget]) {
        for (const tag of await listTags(place)) {
          if (!expected.has(tag)) continue; // the history
          problems.push(...(await checkTag(place, tag)));
          if (place === target) arrived.add(tag);
        }
      }
      const late = [...expected].filter(
        ([tag, { pushedAt }]) => !arrived.has(tag) && performance.now() - pushedAt > ARRIVES_MS,
      );
      return [...problems, ...late.map(([tag]) => `${target.repository}:${tag} did not arrive in time`)];
    },
    counts: () => ({ pushed: expected.size, arrived: arrived.size }),
  };
}
