// Promotions that go on: a mirror that gets new tags, one whose source misbehaves, and a promotion of what was mirrored that asks for a
// signature and signs. A tag at the target has the whole image, with its flag; a promoted one was signed before, and is admitted.
import { RESOURCES } from '../../../src/core/workload/index.ts';
import { artifactTypesAbout, listTags } from '../../../test/support/registry/listings.ts';
import { pushImage } from '../../../test/support/registry/push.ts';
import { pushBundleSignature } from '../../../test/support/signed-images.ts';
import { signingKey } from '../../../test/support/signing.ts';
import { QUARANTINE } from '../../../test/support/promotions/quarantined.ts';
import { OWN } from './bad-registries.ts';
import type { World } from '../world.ts';
import type { Random } from '../random.ts';
import { always } from '../truth.ts';
import type { Scenario } from './scenario.ts';

/** The promotions of a soak, checked by reading the target as a stranger would. */
export interface Promotions {
  /** Pushes one more tag and requests the runs. */
  readonly change: (random: Random) => Promise<void>;
  /** Reads the target; the answer is what is wrong with it. */
  readonly check: () => Promise<readonly string[]>;
  /** Tags at the source, those that the mirror brought, those of them with a signature, and those promoted. */
  readonly counts: () => Readonly<Record<'pushed' | 'arrived' | 'signed' | 'promoted', number>>;
  /** Asks about what was promoted: a policy there wants the signature of the promotion. */
  readonly scenario: Scenario;
}

const NAMESPACE = 'platform';
/** Milliseconds in which a tag arrives that the registry that never fails has: a run is begun at once, and takes less than a second. */
const ARRIVES_MS = 45_000;
/** Names of the promotions. */
const GOOD = 'mirror';
const BAD = 'mirror-of-misbehaving';
const SIGNING = 'promote';
/** Secret with the key that it signs with. */
const KEY = 'cosign-key';
/** Milliseconds in which a tag is promoted: it is mirrored first, and the next request is for the run that promotes it. */
const PROMOTED_MS = ARRIVES_MS + 30_000;
/** One of so many tags has no signature, and is never promoted. */
const UNSIGNED_ONE_OF = 3;

interface Expected {
  readonly digest: string;
  readonly isSigned: boolean;
  readonly pushedAt: number;
}

/** Makes the promotions. */
export async function openPromotions(world: World): Promise<Promotions> {
  const { host } = world.fixture.registry;
  const placeOf = (repository: string) => ({ registry: host, repository });
  const target = placeOf('mirrored/app');
  const badTarget = placeOf('mirrored/bad');
  const golden = placeOf('golden/app');
  const expected = new Map<string, Expected>();
  const arrived = new Set<string>();
  const promoted = new Set<string>();
  await prepareSigning(world);
  let requests = 0;
  const request = async (name: string, source: string, to: typeof target, does: object): Promise<void> => {
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
        target: { repository: `${to.registry}/${to.repository}` },
        tags: { include: ['^v'] },
        timeout: '60s',
        ...does,
      },
    });
  };
  const requestAll = async (): Promise<void> => {
    await request(GOOD, `${host}/incoming/app`, target, { mirror: {} });
    await request(BAD, `${world.misbehaving.host}/incoming/app`, badTarget, { mirror: {} });
    const promote = { policies: ['promotable'], sign: { secretRef: { name: KEY } } };
    await request(SIGNING, `${host}/${target.repository}`, golden, { promote });
  };
  const pushNext = async (random: Random): Promise<void> => {
    const tag = `v${expected.size + 1}`;
    const layers = Array.from({ length: 1 + random.below(4) }, (_, n) => `layer ${tag} ${n}`);
    const content = { layers, salt: tag };
    const isSigned = random.below(UNSIGNED_ONE_OF) > 0;
    const incoming = placeOf('incoming/app');
    // Signed before it has its tag: a run that goes on meanwhile finds both or none.
    if (isSigned) await pushBundleSignature(incoming, await pushImage(incoming, content), world.fixture.key);
    const { digest } = await pushImage({ ...incoming, tag }, content);
    await pushImage(
      { ...incoming, registry: world.misbehaving.host, tag, headers: { [OWN]: 'push' } },
      content,
    );
    expected.set(tag, { digest, isSigned, pushedAt: performance.now() });
  };
  const overdue = (seen: ReadonlySet<string>, ms: number): readonly string[] =>
    [...expected].flatMap(([tag, { pushedAt }]) =>
      !seen.has(tag) && performance.now() - pushedAt > ms ? [tag] : [],
    );
  const tagsAt = async (place: typeof target): Promise<readonly string[]> =>
    (await listTags(place)).filter((tag) => expected.has(tag)); // not the history
  const checkMirrored = async (): Promise<readonly string[]> => {
    const problems: string[] = [];
    for (const place of [target, badTarget]) {
      for (const tag of await tagsAt(place)) {
        const { digest, types } = await lookAt(place, tag);
        const where = `${place.repository}:${tag}`;
        if (digest !== expected.get(tag)?.digest)
          problems.push(`${where} has another digest than its source`);
        if (!types.includes(QUARANTINE)) problems.push(`${where} stands without its quarantine flag`);
        if (place === target) arrived.add(tag);
      }
    }
    return problems;
  };
  const checkPromoted = async (): Promise<readonly string[]> => {
    const problems: string[] = [];
    for (const tag of await tagsAt(golden)) {
      const { digest } = await lookAt(golden, tag);
      const source = expected.get(tag);
      const where = `${golden.repository}:${tag}`;
      if (digest !== source?.digest) problems.push(`${where} has another digest than its source`);
      if (!source?.isSigned) problems.push(`${where} was promoted without a signature`);
      promoted.add(tag);
    }
    return problems;
  };
  return {
    change: async (random) => {
      await pushNext(random);
      await requestAll();
    },
    check: async () => [
      ...(await checkMirrored()),
      ...(await checkPromoted()),
      ...overdue(arrived, ARRIVES_MS).map((tag) => `${target.repository}:${tag} did not arrive in time`),
      ...overdue(promoted, PROMOTED_MS)
        .filter((tag) => expected.get(tag)?.isSigned)
        .map((tag) => `${golden.repository}:${tag} was not promoted in time`),
    ],
    counts: () => ({
      pushed: expected.size,
      arrived: arrived.size,
      signed: [...expected.values()].filter(({ isSigned }) => isSigned).length,
      promoted: promoted.size,
    }),
    scenario: {
      name: 'promoted',
      weight: 4,
      ask: (random) => {
        const [first, ...rest] = promoted;
        const image =
          first === undefined
            ? world.fixture.image('good')
            : `${golden.registry}/${golden.repository}:${random.pick([first, ...rest])}`;
        return { images: [image], permits: always('allow') };
      },
    },
  };
}

/** The key that signs, the policy that asks before, and the one that asks afterwards. */
async function prepareSigning(world: World): Promise<void> {
  const { host } = world.fixture.registry;
  const { privateKey, pem } = signingKey();
  const text = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await world.apply(RESOURCES.secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: KEY, namespace: NAMESPACE },
    data: { 'cosign.key': Buffer.from(text).toString('base64'), 'cosign.password': '' },
  });
  await world.policy('promotable', `${host}/mirrored/**`);
  await world.policy('golden', `${host}/golden/**`, { authorities: [{ name: 'release', key: { pem } }] });
}

async function lookAt(
  place: { readonly registry: string; readonly repository: string },
  tag: string,
): Promise<{ readonly digest: string; readonly types: readonly string[] }> {
  const url = `http://${place.registry}/v2/${place.repository}/manifests/${tag}`;
  const digest = (await fetch(url, { method: 'HEAD' })).headers.get('docker-content-digest') ?? '';
  return { digest, types: await artifactTypesAbout(place, digest) };
}
