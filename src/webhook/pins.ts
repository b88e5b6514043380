import type { Credentials } from '../core/evidence/index.ts';
import { formatReference, nameOf, parseReference, unknown } from '../core/model/index.ts';
import type { Fact, ImageRef, PinnedRef } from '../core/model/index.ts';
import { explainWarning, policiesAt, selectPolicies } from '../core/policy/index.ts';
import type { ImageUse } from '../core/workload/index.ts';
import { labelsFor, type MutationPorts } from './ports.ts';

export interface Pins {
  /** Images with the reference they get: as its author wrote it, and the digest. */
  readonly pins: readonly { readonly use: ImageUse; readonly reference: string }[];
  /** One for each image that a policy wants pinned and that could not be. */
  readonly warnings: readonly string[];
}

/** Finds the digests of those images that a policy wants pinned and that have none. Rejects for bugs only. */
export async function findPins(
  images: readonly ImageUse[],
  credentials: Credentials,
  ports: MutationPorts,
  signal: AbortSignal,
): Promise<Pins> {
  const policies = policiesAt(ports.policies(), 'Admission').filter(({ pinDigests }) => pinDigests);
  const candidates = images.flatMap((use) => {
    const ref = candidateOf(use);
    return ref && policies.some(({ coversImage }) => coversImage(nameOf(ref))) ? [{ use, ref }] : [];
  });
  if (candidates.length === 0) return { pins: [], warnings: [] };
  const labels = await labelsFor(credentials.namespace, policies, ports, signal);
  const undecided = labels.state === 'unknown' ? labels : NO_NAMESPACE;
  const selected = candidates
    .map((one) => ({ ...one, selection: selectPolicies(policies, nameOf(one.ref), labels) }))
    .filter(({ selection }) => selection.applying.length + selection.undecided.length > 0);
  const wanted = selected.filter(({ selection }) => selection.applying.length > 0).map(({ ref }) => ref);
  const digests = await resolveOnce(wanted, credentials, ports, signal);
  const pins: Pins['pins'][number][] = [];
  const warnings: string[] = [];
  for (const { use, ref, selection } of selected) {
    const fact = selection.applying.length > 0 ? digests(ref) : undecided;
    if (fact.state === 'found') pins.push({ use, reference: `${use.image}@${fact.value.digest}` });
    else warnings.push(warningFor(use, ref, fact));
  }
  return { pins, warnings };
}

/** What can be pinned: a reference that can be read (one that cannot is refused later) and names no digest. */
function candidateOf({ image }: ImageUse): ImageRef | undefined {
  const ref = parseReference(image);
  return ref.ok && ref.value.digest === undefined ? ref.value : undefined;
}

/** Asks for each distinct reference once: two containers with one image must not end up with two digests. */
async function resolveOnce(
  wanted: readonly ImageRef[],
  credentials: Credentials,
  ports: MutationPorts,
  signal: AbortSignal,
): Promise<(ref: ImageRef) => Fact<PinnedRef>> {
  const distinct = new Map(wanted.map((ref) => [formatReference(ref), ref]));
  const facts = distinct.size > 0 ? await ports.resolve([...distinct.values()], credentials, signal) : [];
  const byName = new Map([...distinct.keys()].map((name, index) => [name, facts[index]]));
  return (ref) => byName.get(formatReference(ref)) ?? UNANSWERED;
}

/** Replaces an answer that a port should have given. */
const UNANSWERED = unknown('InternalError', 'the digest was not looked up');
const NO_IMAGE = unknown('ImageNotFound', 'the registry has no such image');
/** Labels that leave it open whether a policy applies. */
const NO_NAMESPACE = unknown('NamespaceUnknown', 'there is no such namespace', true);

function warningFor(use: ImageUse, reference: ImageRef, fact: Fact<never>): string {
  const { reason, transient } = fact.state === 'unknown' ? fact : NO_IMAGE;
  const { code, detail: found } = reason;
  const finding = { reason: code, found, next: 'no digest was added', policy: '', transient };
  return explainWarning({ ...use, reference }, finding);
}
