import {
  isIndexType,
  pin,
  type Digest,
  type Evidence,
  type Fact,
  type ImageRef,
  type Manifest,
  type PinnedRef,
} from '../../core/model/index.ts';

/** What a node says that it runs. A digest without a name may be that of an image or of a configuration. */
interface Running {
  readonly digest: Digest;
  readonly config?: Digest | undefined;
}

/** What the tag of an image says about what runs: it leads to just that, under this digest, or to something else. */
type Traced =
  | { readonly state: 'same'; readonly image: PinnedRef }
  | { readonly state: 'other' }
  | { readonly state: 'unknown'; readonly transient: boolean };

/** Learns about one reference, as for an admission; `undefined` where its name decides all. */
export type LearnAbout = (image: ImageRef) => Promise<Pick<Evidence, 'manifest'> | undefined>;

/** Most manifests below a tag that are read: real images have a dozen platforms. */
const MAX_OPENED = 32;

/**
 * Whether the tag of an image leads to what runs: to the same digest, to an index that lists it, or to another manifest of the same
 * configuration, which has the same layers. Nodes report the digest of a platform (CRI-O), the first name under which they got
 * the same configuration (containerd), or only the configuration.
 */
export async function traceTag(use: ImageRef, running: Running, learn: LearnAbout): Promise<Traced> {
  const read = async (image: ImageRef): Promise<Fact<Manifest>> => (await learn(image))?.manifest ?? NOT_READ;
  const root = await read(use);
  if (root.state === 'absent') return { state: 'other' };
  if (root.state === 'unknown') return root;
  const { registry, repository } = use;
  const opened: Manifest[] = [root.value];
  // The list grows while it is walked.
  for (const one of opened) {
    if (isRunning(one, running)) return { state: 'same', image: pin(use, root.value.digest) };
    // Without a configuration to compare, only nested indexes say more than this one.
    const next = one.manifests.filter(
      ({ mediaType }) => running.config !== undefined || isIndexType(mediaType),
    );
    for (const { digest } of next) {
      if (opened.length > MAX_OPENED) return { state: 'unknown', transient: false };
      const child = await read(pin({ registry, repository }, digest));
      if (child.state === 'unknown') return child;
      if (child.state === 'found') opened.push(child.value);
    }
  }
  return { state: 'other' };
}

const NOT_READ: Fact<never> = {
  state: 'unknown',
  reason: { code: 'InternalError', detail: 'this was not gathered' },
  transient: false,
};

function isRunning({ digest, config, manifests }: Manifest, running: Running): boolean {
  if (digest === running.digest || manifests.some((child) => child.digest === running.digest)) return true;
  return config !== undefined && config.digest === running.config;
}
