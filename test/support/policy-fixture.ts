// A registry with one image for every way to be judged, and policies that judge them.
import { startRegistry, type EmbeddedRegistry, type RegistryOptions } from './registry/index.ts';
import { failure } from './registry/http.ts';
import { pushImage, type Pushed, type Target } from './registry/push.ts';
import { policyDocument, type WrittenSpec } from './policies.ts';
import {
  pushBundleSignature,
  pushLegacySignature,
  pushStatement,
  RELEASE_PREDICATE_TYPE,
} from './signed-images.ts';
import { signingKey, type SigningKey } from './signing.ts';

/** The registry, the key that signs, and what was pushed. */
export interface PolicyFixture {
  readonly registry: EmbeddedRegistry;
  readonly key: SigningKey;
  /** The image of this name, as `host/shop/name:1.0`. */
  readonly image: (name: ImageName) => string;
  readonly pushed: ReadonlyMap<ImageName, Pushed>;
  /** An ImagePolicy that trusts {@link PolicyFixture.key} as `release`. */
  readonly policy: (spec: WrittenSpec, name?: string) => Readonly<Record<string, unknown>>;
}

const IMAGES = {
  good: {},
  'signed-the-old-way': {},
  unsigned: {},
  'signed-by-a-stranger': {},
  flagged: { 'dev.pratique.quarantine': 'true' },
  released: { 'dev.pratique.quarantine': 'true' },
  old: { 'dev.pratique.lifecycle.end-of-life': '2020-01-31' },
  ending: {
    'dev.pratique.lifecycle.end-of-life': new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10),
  },
  undated: { 'dev.pratique.lifecycle.end-of-life': 'some day' },
} as const;

/** Images that are there, one that is not, and one that the registry cannot give right now. */
export type ImageName = keyof typeof IMAGES | 'missing' | 'broken';

/** What every policy here requires, unless it says otherwise. */
export const EVERYTHING = {
  signatures: { from: ['release'] },
  quarantine: { releasedBy: ['release'] },
  lifecycle: {},
} as const;

/** Starts the registry and pushes everything. */
export async function openPolicyFixture(options: RegistryOptions = {}): Promise<PolicyFixture> {
  const registry = await startRegistry(options);
  const key = signingKey();
  const pushed = new Map<ImageName, Pushed>();
  for (const [name, annotations] of Object.entries(IMAGES) as [keyof typeof IMAGES, object][]) {
    const target: Target = { registry: registry.host, repository: `shop/${name}`, tag: '1.0' };
    const image = await pushImage(target, { annotations: { ...annotations }, salt: name });
    pushed.set(name, image);
    await sign(target, image, name, key);
  }
  registry.intercept(({ url }) =>
    url.pathname.includes('/shop/broken/') ? failure(503, 'UNAVAILABLE') : undefined,
  );
  return {
    registry,
    key,
    pushed,
    image: (name) => `${registry.host}/shop/${name}:1.0`,
    policy: (spec, name) =>
      policyDocument(
        { authorities: [{ name: 'release', key: { pem: key.pem } }], require: EVERYTHING, ...spec },
        name,
      ),
  };
}

async function sign(target: Target, image: Pushed, name: string, key: SigningKey): Promise<void> {
  if (name === 'unsigned') return;
  if (name === 'signed-the-old-way') return pushLegacySignature(target, image, key);
  await pushBundleSignature(target, image, name === 'signed-by-a-stranger' ? signingKey() : key);
  if (name === 'released') await pushStatement(target, image, { key, predicateType: RELEASE_PREDICATE_TYPE });
}
