// Images about which something changes: they are signed later, flagged, released, or their tag moves.
import { pushReferrer, pushTag, pushImage } from '../../../test/support/registry/push.ts';
import {
  pushBundleSignature,
  pushStatement,
  RELEASE_PREDICATE_TYPE,
} from '../../../test/support/signed-images.ts';
import { QUARANTINE } from '../../../test/support/promotions/quarantined.ts';
import { createTruth, type Truth } from '../truth.ts';
import { FOUND_MS, type World } from '../world.ts';
import { ABSENT_MS, type Scenario } from './scenario.ts';

/** Milliseconds in which requests that were on their way when a tag moved are answered. */
const MOVED_MS = 2_000;
/** Milliseconds after which a fact that was found is asked for anew. */
const FORGOTTEN_MS = FOUND_MS + 3_000;

/** Milliseconds for which only the new answer is right, before the next change: without them a memory without end would not show. */
const STRICT_MS = 8_000;

/** The policy, and the scenarios. */
export async function changingImages(world: World): Promise<readonly Scenario[]> {
  await world.policy('moving', `${world.fixture.registry.host}/moving/**`, { pinDigests: true });
  return [await signedLater(world), await flagged(world), ...(await movedTag(world))];
}

/** An image is refused until it is signed; then comes the next one. */
async function signedLater({ fixture }: World): Promise<Scenario> {
  const target = { registry: fixture.registry.host, repository: 'moving/later' };
  let round = 0;
  const next = async () => {
    round += 1;
    const image = await pushImage(target, { salt: `later ${round}` });
    return { image, truth: createTruth(['Unsigned']), signed: false, ripeAt: 0 };
  };
  let now = await next();
  return {
    name: 'signed later',
    weight: 5,
    ask: () => ({ images: [now.image.reference], permits: now.truth.permits }),
    change: async () => {
      const { image, truth, signed, ripeAt } = now;
      if (performance.now() < ripeAt) return;
      if (signed) {
        now = await next();
        return;
      }
      await truth.change(['allow'], ABSENT_MS, () => pushBundleSignature(target, image, fixture.key));
      now.signed = true;
      now.ripeAt = performance.now() + ABSENT_MS + STRICT_MS;
    },
  };
}

/** An image is admitted, flagged, released; then comes the next one. */
async function flagged({ fixture }: World): Promise<Scenario> {
  const target = { registry: fixture.registry.host, repository: 'moving/flagged' };
  const { key } = fixture;
  let round = 0;
  const next = async () => {
    round += 1;
    const image = await pushImage(target, { salt: `flagged ${round}` });
    await pushBundleSignature(target, image, key);
    return { image, truth: createTruth(['allow']), step: 0, ripeAt: 0 };
  };
  let now = await next();
  return {
    name: 'flagged and released',
    weight: 5,
    ask: () => ({ images: [now.image.reference], permits: now.truth.permits }),
    change: async () => {
      const { image, truth, step, ripeAt } = now;
      if (performance.now() < ripeAt) return;
      if (step === 0) {
        const flag = () => pushReferrer(target, { subject: image, artifactType: QUARANTINE });
        await truth.change(['Quarantined'], FORGOTTEN_MS, flag);
      } else if (step === 1) {
        const release = () => pushStatement(target, image, { key, predicateType: RELEASE_PREDICATE_TYPE });
        await truth.change(['allow'], ABSENT_MS, release);
      }
      now.step += 1;
      now.ripeAt = performance.now() + (step === 0 ? FORGOTTEN_MS : ABSENT_MS) + STRICT_MS;
      if (step === 2) now = await next();
    },
  };
}

/** A tag moves between an image that is signed and one that is not; pods by tag, and pins. */
async function movedTag(world: World): Promise<readonly Scenario[]> {
  const { fixture } = world;
  const target = { registry: fixture.registry.host, repository: 'moving/tag' };
  const good = await pushImage(target, { salt: 'signed' });
  const bad = await pushImage(target, { salt: 'not signed' });
  await pushBundleSignature(target, good, fixture.key);
  await pushTag(target, 'latest', good);
  const verdict: Truth = createTruth(['allow']);
  const pinned: Truth = createTruth([good.digest]);
  const images = [`${target.registry}/${target.repository}:latest`];
  let isGood = true;
  return [
    {
      name: 'moved tag',
      weight: 6,
      ask: () => ({ images, permits: verdict.permits }),
      change: async () => {
        isGood = !isGood;
        const to = isGood ? good : bad;
        const move = () => pinned.change([to.digest], MOVED_MS, () => pushTag(target, 'latest', to));
        await verdict.change([isGood ? 'allow' : 'Unsigned'], MOVED_MS, move);
      },
    },
    { name: 'pins of a moved tag', weight: 4, ask: () => ({ images, permits: pinned.permits, pins: true }) },
  ];
}
