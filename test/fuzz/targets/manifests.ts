import { listRunnable } from '../../../src/core/evidence/index.ts';
import { parseListing, parseTags } from '../../../src/core/model/listing.ts';
import {
  annotationsOf,
  decide,
  selectPolicies,
  successorTags,
  USUAL_KEYS,
} from '../../../src/core/policy/index.ts';
import {
  digestOf,
  isIndexType,
  isManifestType,
  isTag,
  listOf,
  MEDIA_TYPE,
  nameOf,
  objectOf,
  parseDigest,
  parseManifest,
  textOf,
  type Descriptor,
  type Manifest,
} from '../../../src/core/model/index.ts';
import { findEndOfLife, findQuarantineFlag } from '../../../src/core/promotion/records/marks.ts';
import { evidenceOf, found, IMAGE, NOW, policyOf, referrerOf, USE } from '../../support/policies.ts';
import { demand, onJson, type Target } from '../engine/target.ts';

/** Asks for everything that annotations can say. */
const POLICY = policyOf({ require: { quarantine: {}, lifecycle: {} } });
const KEYS = [...USUAL_KEYS, ...annotationsOf([POLICY])];

function verdictOn(manifest: Manifest): string {
  const evidence = { ...evidenceOf(), manifest: found({ ...manifest, digest: IMAGE.digest }) };
  const selection = selectPolicies([POLICY], nameOf(USE), found({}));
  const { kind, findings } = decide({ use: USE, evidence, selection, now: NOW });
  return JSON.stringify([kind, findings]);
}

const TYPES = [
  undefined,
  MEDIA_TYPE.ociManifest,
  MEDIA_TYPE.ociIndex,
  'application/json; charset=utf-8',
] as const;

function outline({ annotations: _, otherAnnotations: __, ...rest }: Descriptor): object {
  return rest;
}

const manifest: Target = {
  name: 'manifest',
  form: 'json',
  check: (input) => {
    const digest = digestOf(input);
    const labels = TYPES.map((type) => {
      const whole = parseManifest(input, digest, type);
      const kept = parseManifest(input, digest, type, KEYS);
      // What is left out cannot be wrong.
      if (whole.ok) demand(kept.ok, 'what is read whole is read without some annotations');
      if (!whole.ok || !kept.ok) return `refused ${whole.ok ? '' : (whole.problems[0]?.path ?? '')}`;
      checkManifest(whole.value, type);
      const [all, few] = [whole.value, kept.value];
      const lists = (one: Manifest) => [...one.layers, ...one.manifests].map(outline);
      demand(
        JSON.stringify(lists(all)) === JSON.stringify(lists(few)),
        'the same children, whatever is kept',
      );
      demand(verdictOn(all) === verdictOn(few), 'the same verdict, whatever is kept');
      successorTags(IMAGE, all, ['1.4.1', '2.0', 'v3']);
      return `${all.mediaType} ${String(all.layers.length > 0)}`;
    });
    return labels.join(', ');
  },
};

function checkManifest({ mediaType, layers, manifests, config, subject }: Manifest, type?: string): void {
  demand(isManifestType(mediaType), 'it has the type of an image or an index');
  if (type !== undefined && isManifestType(type))
    demand(mediaType === type, 'it is what the registry calls it');
  demand(manifests.length === 0 || (layers.length === 0 && config === undefined), 'image or index, not both');
  demand(isIndexType(mediaType) || manifests.length === 0, 'only an index has children');
  for (const one of [...layers, ...manifests, ...(config ? [config] : []), ...(subject ? [subject] : [])]) {
    demand(parseDigest(one.digest) !== undefined, 'digests have their form');
    demand(Number.isSafeInteger(one.size) && one.size >= 0, 'sizes are whole and not below zero');
  }
}

const listing: Target = {
  name: 'listing',
  form: 'json',
  check: (input) => {
    const [whole, kept] = [parseListing({ bytes: input }), parseListing({ bytes: input, keys: KEYS })];
    if (!whole.ok || !kept.ok) return 'refused';
    const read = whole.value.read;
    demand(
      (read === undefined) === (kept.value.read === undefined),
      'keys do not decide whether it is a listing',
    );
    if (read === undefined) return `none ${String(whole.value.hasManifests)}`;
    const digests = read.items.map((one) => one.digest);
    demand(new Set(digests).size === digests.length && digests.length <= read.entries, 'each referrer once');
    const others = kept.value.read?.items.map((one) => one.digest);
    demand(JSON.stringify(others) === JSON.stringify(digests), 'the same referrers, whatever is kept');
    for (const entry of listOf(objectOf(JSON.parse(new TextDecoder().decode(input))).manifests)) {
      const { digest, mediaType } = objectOf(entry);
      const named = textOf(mediaType) === '' ? undefined : parseDigest(digest);
      if (named !== undefined) demand(digests.includes(named), 'no entry that names a manifest is lost');
    }
    findEndOfLife(read.items);
    findQuarantineFlag(read.items);
    verdictOfReferrers(read.items);
    return `${String(Math.min(digests.length, 3))} of ${String(Math.min(read.entries, 3))}`;
  },
};

function verdictOfReferrers(items: readonly Descriptor[]): void {
  const referrers = items.map(({ artifactType = '', annotations }) => referrerOf(artifactType, annotations));
  const selection = selectPolicies([POLICY], nameOf(USE), found({}));
  decide({ use: USE, evidence: evidenceOf({ referrers: found(referrers) }), selection, now: NOW });
}

const tagList: Target = {
  name: 'tag-list',
  form: 'json',
  check: (input) => {
    const read = parseTags({ bytes: input });
    if (!read.ok) return 'refused';
    demand(read.value.every(isTag), 'only tags are listed');
    return `tags ${String(Math.min(read.value.length, 3))}`;
  },
};

/** The documents of an input, the root first; each stands under the digest of its number. */
function numbered(index: number): `sha256:${string}` {
  return `sha256:${index.toString(16).padStart(64, '0')}`;
}

function isNowhere({ platform }: Descriptor): boolean {
  return platform?.os === 'unknown' && platform.architecture === 'unknown';
}

/** What a runtime can come to: every image manifest of an index that can be read, but for what no node can run. */
function reachable(
  root: Manifest,
  all: ReadonlyMap<string, Manifest>,
  seen = new Set<string>(),
): ReadonlySet<string> {
  const images = new Set<string>();
  for (const child of root.manifests) {
    if (!isIndexType(child.mediaType) && !isNowhere(child)) images.add(child.digest);
    const nested = isIndexType(child.mediaType) ? all.get(child.digest) : undefined;
    if (!nested || seen.has(child.digest)) continue;
    seen.add(child.digest);
    for (const one of reachable(nested, all, seen)) images.add(one);
  }
  return images;
}

const platforms: Target = {
  name: 'platforms',
  form: 'json',
  check: onJson(async (value) => {
    const read = listOf(value).map((one, index) =>
      parseManifest(Buffer.from(JSON.stringify(one ?? null)), numbered(index)),
    );
    const all = new Map(
      read.flatMap((one) => (one.ok ? [[one.value.digest as string, one.value] as const] : [])),
    );
    const root = all.get(numbered(0));
    if (!root) return 'no image';
    const images = await listRunnable(root, async ({ digest }) => all.get(digest));
    if ('state' in images) return images.reason.code;
    const listed = new Set(images.map(({ digest }) => digest as string));
    for (const one of isIndexType(root.mediaType) ? reachable(root, all) : [])
      demand(listed.has(one), 'every image that a runtime can pick is listed');
    return `${String(Math.min(listed.size, 3))} of ${String(all.size)}`;
  }),
};

export const MANIFESTS: readonly Target[] = [manifest, listing, tagList, platforms];
