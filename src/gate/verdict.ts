import {
  formatReference,
  isIndexType,
  nameOf,
  isPinned,
  parseDigest,
  parseReference,
  pin,
  type Digest,
  type ImageRef,
  type JudgedImage,
  type Manifest,
  type PinnedRef,
} from '../core/model/index.ts';
import { isRefused, policiesAt, type CompiledPolicy } from '../core/policy/index.ts';
import type { Contents, Listed } from './contents.ts';
import type { Caller, GatePorts, GateRules, Reader } from './ports.ts';

/** One request: who asks, for what name, and how the place is read where it leads. */
export interface Pull {
  readonly caller: Caller;
  readonly reader: Reader;
  /** The name as it was asked for: policies for it count, too. */
  readonly askedName: string;
  readonly signal: AbortSignal;
}

/** What a caller may have, or why not. `judged` is what the answer rests on. */
export type Admission =
  | { readonly kind: 'admitted'; readonly digest: Digest | undefined; readonly judged: JudgedImage }
  | { readonly kind: 'refused' | 'unknown'; readonly judged: JudgedImage }
  | { readonly kind: 'absent' };

/** Judges pulls. */
export interface PullJudge {
  /** Judges what a tag points to now. */
  readonly tag: (image: ImageRef, pull: Pull) => Promise<Admission>;
  /**
   * Judges content by its digest: by what lists it, where the gate has read that, as a platform is not what its index may refuse;
   * a statement by what it is about; everything else by itself.
   */
  readonly digest: (image: PinnedRef, pull: Pull) => Promise<Admission>;
}

/** Most manifests on the way from some content up to an image that is judged: a layer, its image, and indexes. */
const MAX_DEPTH = 8;

/** Makes the judge of pulls. */
export function createPullJudge(ports: GatePorts, rules: GateRules, contents: Contents): PullJudge {
  const exempt = new Set(rules.exempt.flatMap(nameWithDigest));
  const judge = async (image: ImageRef, pull: Pull, only = all): Promise<Admission> => {
    const { caller, reader, signal } = pull;
    const policies = only(policiesFor(policiesAt(ports.policies(), 'Pull'), image, pull));
    const labels =
      caller.namespace === undefined
        ? ({ state: 'absent', seenAt: ports.clock() } as const)
        : await ports.namespaceLabels(caller.namespace, signal);
    const [judged] = await ports.judge({
      images: [{ container: 'image', field: '', image: formatReference(image), reference: image }],
      ...{ policies, labels, signal, access: reader.access },
      owner: { namespace: caller.namespace ?? `${caller.kind} callers of the gate` },
      unmatchedImages: UNMATCHED[rules.unjudged],
    });
    if (!judged) throw new Error('an image was asked about and not judged');
    const admission = admissionOf(judged, image);
    const digest = judged.reference?.digest;
    const isExempt = digest !== undefined && exempt.has(`${pull.askedName}@${digest}`);
    return isExempt && admission.kind !== 'absent' ? { kind: 'admitted', digest, judged } : admission;
  };

  const byListings = async (
    image: PinnedRef,
    listings: readonly Listed[],
    pull: Pull,
    depth: number,
  ): Promise<Admission | undefined> => {
    let first: Admission | undefined;
    for (const { by } of listings) {
      const admission = await digest(pin(image, by), pull, depth + 1);
      if (admission.kind === 'admitted') return { ...admission, digest: image.digest };
      first = worse(first, admission);
    }
    return first;
  };

  const digest = async (image: PinnedRef, pull: Pull, depth = 0): Promise<Admission> => {
    if (depth > MAX_DEPTH) return { kind: 'absent' };
    const listings = contents.listings(image, image.digest);
    const above = listings.filter(({ role }) => role === 'child');
    const listed = await byListings(image, above, pull, depth);
    // What an index allows, a flag of the platform itself still refuses.
    if (listed?.kind === 'admitted') {
      const own = await judge(image, pull, flagsOf);
      return own.kind === 'admitted' ? listed : own;
    }
    if (listed) return listed;
    const about = listings.filter(({ role }) => role === 'evidence');
    return (await byListings(image, about, pull, depth)) ?? judge(image, pull);
  };

  return { tag: judge, digest: (image, pull) => digest(image, pull) };
}

const all = (policies: readonly CompiledPolicy[]) => policies;

/** Policies that ask for flags and dates only. */
function flagsOf(policies: readonly CompiledPolicy[]): readonly CompiledPolicy[] {
  return policies.map((policy) => ({
    ...policy,
    digest: false,
    attestations: [],
    signatures: undefined,
    vulnerabilities: undefined,
  }));
}

/** A reference as a name with a digest; what it says of a tag plays no part. */
function nameWithDigest(text: string): readonly string[] {
  const image = parseReference(text);
  return image.ok && isPinned(image.value) ? [`${nameOf(image.value)}@${image.value.digest}`] : [];
}

const UNMATCHED = { Refuse: 'Deny', Warn: 'Warn', Allow: 'Allow' } as const;

function admissionOf(judged: JudgedImage, asked: ImageRef): Admission {
  const digest = judged.reference?.digest ?? asked.digest;
  if (judged.evidence?.manifest.state === 'absent') return { kind: 'absent' };
  if (isRefused(judged)) return { kind: judged.verdict.kind === 'unknown' ? 'unknown' : 'refused', judged };
  // A verdict that needs no evidence has resolved nothing.
  return { kind: 'admitted', digest, judged };
}

/** A refusal for a reason is of more use than one that may pass. */
function worse(first: Admission | undefined, next: Admission): Admission {
  if (!first || first.kind === 'absent') return next;
  return first.kind === 'unknown' && next.kind === 'refused' ? next : first;
}

/**
 * The policies of a pull. Those that select namespaces apply where the caller's is proven; those for the name that was asked for also
 * where another place is read.
 */
function policiesFor(
  all: readonly CompiledPolicy[],
  image: ImageRef,
  { caller, askedName }: Pull,
): readonly CompiledPolicy[] {
  const here = caller.namespace === undefined ? all.filter(({ coversNamespace }) => !coversNamespace) : all;
  const mayPull = ({ quarantine }: CompiledPolicy): boolean =>
    caller.groups.some((group) => quarantine?.mayPull?.has(group));
  const isElsewhere = askedName !== nameOf(image);
  return here.map((policy) => ({
    ...policy,
    ...(mayPull(policy) && { quarantine: undefined }),
    ...(isElsewhere && policy.coversImage(askedName) && { coversImage: () => true }),
  }));
}

/** Types of what signers and scanners attach, besides JSON in general: no runtime unpacks them. */
const STATEMENT = /^(?:application|text)\/(?:[\w.+-]+\+)?(?:json|xml|spdx|plain)$/;
const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);

/**
 * Whether a manifest is only about another one: no client can take it for an image. Anyone who may push can name an admitted image
 * as the subject of one that is not.
 */
export function isEvidence({ mediaType, config, layers }: Manifest): boolean {
  if (isIndexType(mediaType)) return false;
  const isImage = config !== undefined && IMAGE_CONFIGS.has(config.mediaType);
  return !isImage || (layers.length > 0 && layers.every(({ mediaType: type }) => STATEMENT.test(type)));
}

/** The digest that a tag of cosign, or a fallback tag of the distribution spec, is about; `undefined` = it is an ordinary tag. */
export function subjectOfTag(tag: string | undefined): Digest | undefined {
  const [, hex = ''] = /^sha256-([0-9a-f]{64})(?:\.[a-z]{3,12})?$/.exec(tag ?? '') ?? [];
  return parseDigest(`sha256:${hex}`);
}
