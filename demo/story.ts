// The images of the demo: each one is pushed to the embedded registry as a team would leave it there.
import { pushImage, pushReferrer, pushTag, type Pushed, type Target } from '../test/support/registry/push.ts';
import {
  pushBundleSignature,
  pushLegacySignature,
  pushStatement,
  RELEASE_PREDICATE_TYPE,
} from '../test/support/signed-images.ts';
import { signingKey, type SigningKey } from '../test/support/signing.ts';

/** The keys of the story; `stranger` is in no policy. */
export interface Keys {
  readonly release: SigningKey;
  readonly security: SigningKey;
  readonly scanner: SigningKey;
  readonly stranger: SigningKey;
}

/** One image of the demo, and what is special about it. */
export interface Chapter {
  readonly title: string;
  readonly image: string;
}

const DAY_MS = 24 * 3_600_000;
const END_OF_LIFE = 'org.opencontainers.image.support.end-of-life';
const QUARANTINE = 'dev.pratique.quarantine';

export function makeKeys(): Keys {
  return {
    release: signingKey(),
    security: signingKey(),
    scanner: signingKey(),
    stranger: signingKey(),
  };
}

/** Pushes all images of the story to the registry at `host`. */
export async function publish(host: string, keys: Keys, now: Date): Promise<readonly Chapter[]> {
  const to = (name: string, tag: string): Target => ({ registry: host, repository: `shop/${name}`, tag });
  const day = (offset: number) => new Date(now.getTime() + offset * DAY_MS).toISOString().slice(0, 10);
  const chapters: Chapter[] = [];
  const print = (title: string, image: string) => chapters.push({ title, image });
  const push = (target: Target, annotations: Readonly<Record<string, string>> = {}): Promise<Pushed> =>
    pushImage(target, { annotations, salt: `${target.repository}:${target.tag ?? ''}` });

  const good = to('api', '2.3.0');
  await pushBundleSignature(good, await push(good), keys.release);
  print('signed (bundle), current', `${host}/shop/api:2.3.0`);

  const legacy = to('cart', '1.0.4');
  const cart = await push(legacy);
  await pushLegacySignature(legacy, cart, keys.release);
  print('signed (.sig tag), by digest', cart.reference);

  await push(to('debug', '0.1.0'));
  print('never signed', `${host}/shop/debug:0.1.0`);

  const forked = to('search', '4.1.0');
  await pushBundleSignature(forked, await push(forked), keys.stranger);
  print('signed by a stranger', `${host}/shop/search:4.1.0`);

  const flagged = to('cache', '7.2.0');
  await pushBundleSignature(flagged, await push(flagged, { [QUARANTINE]: 'true' }), keys.release);
  print('in quarantine', `${host}/shop/cache:7.2.0`);

  const released = to('queue', '3.8.1');
  const queue = await push(released, { [QUARANTINE]: 'true' });
  await pushBundleSignature(released, queue, keys.release);
  await pushStatement(released, queue, {
    key: keys.security,
    predicateType: RELEASE_PREDICATE_TYPE,
    predicate: {},
  });
  print('in quarantine, then released', `${host}/shop/queue:3.8.1`);

  const old = to('web', '1.4.0');
  const web = await push(old);
  await pushBundleSignature(old, web, keys.release);
  await pushReferrer(old, {
    subject: web,
    artifactType: 'application/vnd.microsoft.artifact.lifecycle',
    annotations: { 'vnd.microsoft.artifact.lifecycle.end-of-life.date': day(-40) },
  });
  const newer = to('web', '1.4.2');
  await pushBundleSignature(newer, await push(newer), keys.release);
  print('past its end of life', `${host}/shop/web:1.4.0`);

  const near = to('mail', '5.0.0');
  await pushBundleSignature(near, await push(near, { [END_OF_LIFE]: day(12) }), keys.release);
  print('end of life in 12 days', `${host}/shop/mail:5.0.0`);

  return chapters;
}

/** A tag that points to a signed image; `move` lets it point to another one, which is unsigned. */
export async function publishMovingTag(
  host: string,
  keys: Keys,
): Promise<{ readonly image: string; readonly move: () => Promise<void> }> {
  const target: Target = { registry: host, repository: 'shop/jobs', tag: 'stable' };
  await pushBundleSignature(target, await pushImage(target, { salt: 'first' }), keys.release);
  const next = await pushImage({ ...target, tag: 'next' }, { salt: 'second' });
  return { image: `${host}/shop/jobs:stable`, move: () => pushTag(target, 'stable', next) };
}
