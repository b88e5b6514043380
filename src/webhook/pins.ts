import {
  formatReference,
  nameOf,
  parseReference,
  type Fact,
  type ImageRef,
  type JudgedImage,
  type PinnedRef,
} from '../core/model/index.ts';
import { explainWarnings, selectPolicies, type Labels } from '../core/policy/index.ts';
import type { ImageUse } from '../core/workload/index.ts';
import { labelsFor } from './namespace-labels.ts';
import type { Credentials, MutationPorts } from './ports.ts';

/** An image with the reference it gets: as its author wrote it, and the digest. */
export interface Pin {
  readonly use: ImageUse;
  readonly reference: string;
}

/** The result for the images of one object, in the order of its fields. */
export interface Pins {
  readonly pins: readonly Pin[];
  /** One for each image that a policy wants pinned and that could not be. */
  readonly warnings: readonly string[];
}

/** An image without a digest. */
interface Candidate {
  readonly use: ImageUse;
  readonly ref: ImageRef;
}

/** Finds the digests of those images that a policy wants pinned and that have none. Rejects for bugs only. */
export async function findPins(
  images: readonly ImageUse[],
  credentials: Credentials,
  ports: MutationPorts,
  signal: AbortSignal,
): Promise<Pins> {
  const policies = ports.policies().filter(({ pinDigests }) => pinDigests);
  const candidates = images.flatMap((use) => {
    const ref = candidateOf(use);
    return ref && policies.some(({ coversImage }) => coversImage(nameOf(ref))) ? [{ use, ref }] : [];
  });
  if (candidates.length === 0) return { pins: [], warnings: [] };
  const labels = await labelsFor(credentials.namespace, policies, ports, signal);
  const selected = candidates.map((one) => ({
    ...one,
    ...selectPolicies(policies, nameOf(one.ref), labels),
  }));
  const wanted = selected.filter(({ applying }) => applying.length > 0);
  const digests = await resolveOnce(wanted, credentials, ports, signal);
  const pins: Pin[] = [];
  const missed: JudgedImage[] = [];
  for (const { use, ref, applying, undecided } of selected) {
    if (applying.length + undecided.length === 0) continue;
    const fact = applying.length > 0 ? digests(ref) : asUnknown(labels);
    if (fact.state === 'found') pins.push({ use, reference: `${use.image}@${fact.value.digest}` });
    else missed.push(withoutDigest({ use, ref }, fact));
  }
  return { pins, warnings: explainWarnings(missed) };
}

/** What can be pinned: a reference that can be read (one that cannot is refused later) and names no digest. */
function candidateOf({ image }: ImageUse): ImageRef | undefined {
  const ref = parseReference(image);
  return ref.ok && ref.value.digest === undefined ? ref.value : undefined;
}

/** Asks for each distinct reference once: two containers with one image must not end up with two digests. */
async function resolveOnce(
  wanted: readonly Candidate[],
  credentials: Credentials,
  ports: MutationPorts,
  signal: AbortSignal,
): Promise<(ref: ImageRef) => Fact<PinnedRef>> {
  const distinct = new Map(wanted.map(({ ref }) => [formatReference(ref), ref]));
  if (distinct.size === 0) return () => UNANSWERED;
  const facts = await ports.resolve([...distinct.values()], credentials, signal);
  const byName = new Map([...distinct.keys()].map((name, index) => [name, facts[index] ?? UNANSWERED]));
  return (ref) => byName.get(formatReference(ref)) ?? UNANSWERED;
}

/** Replaces an answer that a port should have given. */
const UNANSWERED: Fact<never> = {
  state: 'unknown',
  reason: { code: 'InternalError', detail: 'the digest was not looked up' },
  transient: false,
};

/** Labels that leave it open whether a policy applies. */
function asUnknown(labels: Fact<Labels>): Fact<never> {
  if (labels.state === 'unknown') return labels;
  return {
    state: 'unknown',
    reason: { code: 'NamespaceUnknown', detail: 'there is no such namespace' },
    transient: true,
  };
}

/** An image that stays as it is, in the shape that warnings need. */
function withoutDigest({ use, ref }: Candidate, fact: Exclude<Fact<never>, { state: 'found' }>): JudgedImage {
  const { reason, transient } = fact.state === 'unknown' ? fact : NO_IMAGE;
  const finding = {
    kind: 'unknown',
    reason: reason.code,
    found: reason.detail,
    next: 'no digest was added',
    policy: '',
    transient,
    effect: 'warn',
  } as const;
  return { ...use, reference: ref, verdict: { kind: 'warn', findings: [finding] } };
}

const NO_IMAGE = {
  reason: { code: 'ImageNotFound', detail: 'the registry has no such image' },
  transient: false,
} as const;
