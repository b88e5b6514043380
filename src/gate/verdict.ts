import {
  Fault,
  formatReference,
  isImageConfigType,
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
import type { Contents, Role } from './contents.ts';
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
  | {
      readonly kind: 'admitted';
      readonly digest: Digest | undefined;
      readonly judged: JudgedImage;
      /** The settings exempt it, with all that it lists. */
      readonly isExempt?: true;
    }
  | { readonly kind: 'refused' | 'unknown'; readonly judged: JudgedImage }
  | { readonly kind: 'absent' };

/** Judges pulls. */
export interface PullJudge {
  /** Judges what a tag points to now. */
  readonly tag: (image: ImageRef, pull: Pull) => Promise<Admission>;
  /**
   * Judges content by its digest: a platform by an index that is admitted, or else by itself where no index above it has a flag; a
   * statement by what it is about; everything else, and what is exempt, by itself. Rejects with `LimitExceeded` where too much lists it.
   */
  readonly digest: (image: PinnedRef, pull: Pull) => Promise<Admission>;
}

/** Makes the judge of pulls. */
export function createPullJudge(ports: GatePorts, rules: GateRules, contents: Contents): PullJudge {
  const exempt = digestsByName(rules.exempt);
  /** What an image is judged by; `undefined` = that is not read yet. */
  const judgedBy = async (image: ImageRef, pull: Pull, only: typeof all) => {
    if (!ports.isReady()) return undefined;
    const { namespace } = pull.caller;
    return {
      policies: only(policiesFor(policiesAt(ports.policies(), 'Pull'), image, pull)),
      labels: namespace === undefined ? noLabels() : await ports.namespaceLabels(namespace, pull.signal),
    };
  };
  const noLabels = () => ({ state: 'absent', seenAt: ports.clock() }) as const;

  const judge = async (image: ImageRef, pull: Pull, only = all): Promise<Admission> => {
    const { caller, reader, signal } = pull;
    const by = await judgedBy(image, pull, only);
    const [judged] = await ports.judge({
      images: [{ container: 'image', field: '', image: formatReference(image), reference: image }],
      ...(by ?? { policies: [], labels: noLabels() }),
      ...{ signal, access: reader.access },
      owner: { namespace: caller.namespace ?? `${caller.kind} callers of the gate` },
      unmatchedImages: UNMATCHED[rules.unjudged],
    });
    if (!judged) throw new Error('an image was asked about and not judged');
    const admission = admissionOf(judged, image);
    const digest = await exemptDigest(judged.reference ?? image, pull);
    if (digest !== undefined && admission.kind !== 'absent')
      return { kind: 'admitted', digest, judged, isExempt: true };
    if (by) return admission;
    throw new Fault({
      ...{ code: 'ClusterUnavailable', side: 'cluster', transient: true },
      ...{ operation: 'read the policies', detail: 'they are not read yet' },
    });
  };

  /** The digest of an image, if the settings exempt it. A verdict may have needed none: then the tag is read for it. */
  const exemptDigest = async (
    image: ImageRef,
    { askedName, reader, signal }: Pull,
  ): Promise<Digest | undefined> => {
    const digests = exempt.get(askedName);
    if (!digests) return undefined;
    const digest = image.digest ?? (await reader.registry.tagDigest(image, signal));
    return digest !== undefined && digests.has(digest) ? digest : undefined;
  };

  const above = (image: PinnedRef, role: Role): readonly PinnedRef[] =>
    contents.listings(image, image.digest).flatMap((one) => (one.role === role ? [pin(image, one.by)] : []));

  /** All indexes above an image, near ones first. */
  const indexesAbove = (image: PinnedRef): readonly PinnedRef[] => {
    const found = new Map<Digest, PinnedRef>([[image.digest, image]]);
    // The loop comes to what it adds.
    for (const next of found.values()) for (const one of above(next, 'child')) found.set(one.digest, one);
    return [...found.values()].slice(1);
  };

  /** What stands on an index holds for its platforms: a flag, or an end of life. */
  const flaggedAbove = async (
    image: PinnedRef,
    flags: (index: PinnedRef) => Promise<Admission>,
  ): Promise<Admission | undefined> => {
    for (const index of indexesAbove(image)) {
      const flagged = await flags(index);
      if (flagged.kind === 'refused' || flagged.kind === 'unknown') return flagged;
    }
    return undefined;
  };

  const tag = async (image: ImageRef, pull: Pull): Promise<Admission> => {
    const own = await judge(image, pull);
    if (own.kind !== 'admitted' || own.isExempt || own.digest === undefined) return own;
    const flags = once(image, (index) => judge(index, pull, flagsOf));
    return (await flaggedAbove(pin(image, own.digest), flags)) ?? own;
  };

  const digest = (image: PinnedRef, pull: Pull): Promise<Admission> => {
    const whole = once(image, (one) => judge(one, pull));
    const flags = once(image, (one) => judge(one, pull, flagsOf));

    const known = new Map<Digest, Promise<Admission>>();

    const admitBy = async (
      role: Role,
      one: PinnedRef,
      path: readonly Digest[],
    ): Promise<Admission | undefined> => {
      const best = await bestOf(above(one, role), (next) => admit(next, path));
      return best?.admission.kind === 'admitted'
        ? { ...best.admission, digest: one.digest }
        : best?.admission;
    };

    const admitOnce = async (one: PinnedRef, path: readonly Digest[]): Promise<Admission> => {
      if (exempt.get(pull.askedName)?.has(one.digest)) return whole(one);
      const listed = await admitBy('child', one, path);
      // What an index allows, a flag of the platform itself still refuses.
      if (listed?.kind === 'admitted')
        return listed.isExempt ? listed : unlessRefused(await flags(one), listed);
      // What an index lacks, such as a signature, a platform may have.
      return (await flaggedAbove(one, flags)) ?? (await admitBy('evidence', one, path)) ?? whole(one);
    };

    /** `path` = what led here: a tag can make two manifests be about each other. */
    const admit = (one: PinnedRef, path: readonly Digest[]): Promise<Admission> => {
      if (path.includes(one.digest)) return Promise.resolve({ kind: 'absent' });
      const admission = known.get(one.digest) ?? admitOnce(one, [...path, one.digest]);
      known.set(one.digest, admission);
      return admission;
    };
    return admit(image, []);
  };

  return { tag, digest };
}

/** Most judgements for one request: anyone who may push can list an image in any number of indexes, in any number of levels. */
const MAX_JUDGED = 64;

/** Judges each image once for one request, however many ways lead to it. Throws a `LimitExceeded` where there are too many. */
function once(
  asked: ImageRef,
  judge: (one: PinnedRef) => Promise<Admission>,
): (one: PinnedRef) => Promise<Admission> {
  const judged = new Map<Digest, Promise<Admission>>();
  return (one) => {
    const known = judged.get(one.digest);
    if (known) return known;
    if (judged.size >= MAX_JUDGED)
      throw new Fault({
        ...{ code: 'LimitExceeded', side: 'source', transient: false },
        operation: `judge ${formatReference(asked)} by what lists it`,
        detail: `more than ${MAX_JUDGED} manifests lead to it`,
      });
    const made = judge(one);
    judged.set(one.digest, made);
    return made;
  };
}

function unlessRefused(own: Admission, listed: Admission): Admission {
  return own.kind === 'admitted' ? listed : own;
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

/** The digests of references by name; what they say of tags plays no part. */
function digestsByName(texts: readonly string[]): ReadonlyMap<string, ReadonlySet<Digest>> {
  const all = new Map<string, Set<Digest>>();
  for (const text of texts) {
    const image = parseReference(text);
    if (!image.ok || !isPinned(image.value)) continue;
    const { digest } = image.value;
    all.set(nameOf(image.value), (all.get(nameOf(image.value)) ?? new Set()).add(digest));
  }
  return all;
}

const UNMATCHED = { Refuse: 'Deny', Warn: 'Warn', Allow: 'Allow' } as const;

function admissionOf(judged: JudgedImage, asked: ImageRef): Admission {
  const digest = judged.reference?.digest ?? asked.digest;
  if (judged.evidence?.manifest.state === 'absent') return { kind: 'absent' };
  if (isRefused(judged)) return { kind: judged.verdict.kind === 'unknown' ? 'unknown' : 'refused', judged };
  // A verdict that needs no evidence has resolved nothing.
  return { kind: 'admitted', digest, judged };
}

/**
 * The first of these ways to some content that is admitted, or else the one whose refusal is of most use. One that cannot be judged now
 * rejects with its Fault, but only where no other is admitted: anyone who may push can add ways.
 */
export async function bestOf<T>(
  ways: readonly T[],
  admit: (way: T) => Promise<Admission>,
): Promise<{ readonly way: T; readonly admission: Admission } | undefined> {
  let best: { readonly way: T; readonly admission: Admission } | undefined;
  let fault: Fault | undefined;
  for (const way of ways)
    try {
      const admission = await admit(way);
      if (worse(best?.admission, admission) === admission) best = { way, admission };
      if (admission.kind === 'admitted') return best;
    } catch (error) {
      if (!(error instanceof Fault && error.transient)) throw error;
      fault ??= error;
    }
  if (fault) throw fault;
  return best;
}

/** An admission counts; else a refusal for a reason is of more use than one that may pass. */
function worse(first: Admission | undefined, next: Admission): Admission {
  if (!first || first.kind === 'absent' || next.kind === 'admitted') return next;
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
const STATEMENT = /^(?:application|text)\/(?:[\w.+-]+\+)?(?:json|xml|cose|spdx|plain)$/;

/**
 * Whether a manifest is only about another one: no client can take it for an image, and no runtime can unpack it, whatever it calls its
 * config. Anyone who may push can name an admitted image as the subject of one that is not.
 */
export function isEvidence({ mediaType, config, layers }: Manifest): boolean {
  if (isIndexType(mediaType) || !layers.every(({ mediaType: type }) => STATEMENT.test(type))) return false;
  return layers.length > 0 || !isImageConfigType(config?.mediaType ?? '');
}

/** The digest that a tag of cosign, or a fallback tag of the distribution spec, is about; `undefined` = it is an ordinary tag. */
export function subjectOfTag(tag: string | undefined): Digest | undefined {
  const [, hex = ''] = /^sha256-([0-9a-f]{64})(?:\.[a-z]{3,12})?$/.exec(tag ?? '') ?? [];
  return parseDigest(`sha256:${hex}`);
}
