import { pin, type Digest, type ImageRef, type PinnedRef } from '../../model/index.ts';
import { verifyTarget } from '../copy/copy.ts';
import { leftBecause, saysNothing } from '../graph/carried.ts';
import { leftLayers, type Graph } from '../graph/graph.ts';
import { short } from '../plan.ts';
import type { TargetRegistry } from '../ports.ts';
import { QUARANTINE_TYPE } from '../records/marks.ts';
import { gatherImage } from './copy.ts';
import { targetTagOf } from '../selection/reserved-tags.ts';
import { closureOf, MAX_CLOSURE, otherHolders, type About, type SourceNode } from './source-closure.ts';
import { step, type ImageTask, type Learned, type Step, type StepOutcome, type StepParts } from './step.ts';

/**
 * Deletes the image at the source with all that refers to it, only while the target has exactly this digest under the tag with all
 * that was to be carried, and no other tag of the source points to it: a registry that deletes a digest takes every tag along.
 * A manifest goes before what is about it, and its flag last, so that what a registry still has keeps its flag and its signatures.
 * An image that is gone, because an earlier try ended behind its deletion, is followed by what is left of it.
 */
export function deleteSourceStep(parts: StepParts): Step {
  const { source } = parts;
  return step('delete source', async (task, { graph, moved }, signal) => {
    if (moved && moved.keptTags.length > 0) return leave(NOT_REPLACED);
    if (moved && moved.refused.length > 0) return leave(NOT_CARRIED);
    const { registry, repository, tag, digest } = task.image;
    const now = await source.tagDigest({ registry, repository, tag }, signal);
    const image = pin({ registry, repository }, digest);
    const isThere = now !== undefined;
    // Another client took the tag away and left the image.
    if (!isThere && (await source.tagDigest(image, signal)) !== undefined) return { status: 'skipped' };
    if (isThere && now !== digest) return leave('its tag has moved at the source');
    const nodes = await goingOf(task, parts, { graph, isThere }, signal);
    return deleteOr(nodes, image, source, signal);
  });
}

/** Deletes what is left of an image that is gone at the source, if the target has the image and all of that. */
export async function deleteRest(
  image: PinnedRef,
  parts: Pick<StepParts, 'source' | 'target' | 'to' | 'spec'>,
  signal: AbortSignal,
): Promise<void> {
  const planned = { tag: '', digest: image.digest, expected: image.digest } as const;
  const task = { image, to: pin(parts.to, image.digest), planned };
  const nodes = await goingOf(task, parts, { graph: undefined, isThere: false }, signal);
  await deleteOr(nodes, image, parts.source, signal);
}

/** Deletes what is to go; says why nothing is, and nothing of what goes with another tag. */
async function deleteOr(
  nodes: Awaited<ReturnType<typeof goingOf>>,
  image: PinnedRef,
  source: TargetRegistry,
  signal: AbortSignal,
): Promise<StepOutcome> {
  if (!nodes) return { status: 'skipped' };
  return typeof nodes === 'string' ? leave(nodes) : deleteAll(image, nodes, source, signal);
}

/** An image that has arrived has not failed because its source stays: the result only says so. */
function leave(sourceLeft: string): StepOutcome {
  return { status: 'skipped', learned: { sourceLeft } };
}

const NOT_WHOLE = 'the target does not have all that belongs to it';
const NOT_REPLACED = 'the target does not let a tag of cosign be replaced that lacks something of the source';
const NO_LAYERS = 'its foreign layers were not copied, and may lie nowhere else';
const NOT_CARRIED = 'something that refers to it is no manifest that is known, and was not carried';

/** Why the source keeps an image that has arrived: something of it was not carried, which only the source may have. */
function keptBy(graph: Graph): string | undefined {
  if (graph.attachments.some(({ left }) => left === 'Unreadable')) return NOT_CARRIED;
  return leftLayers(graph).length > 0 ? NO_LAYERS : undefined;
}

type Parts = Pick<StepParts, 'source' | 'target' | 'spec' | 'tagsOf'>;

/** An image that is to be deleted. */
type Leaving = Pick<ImageTask, 'image' | 'to'> & { readonly planned: Pick<ImageTask['planned'], 'expected'> };

/** What is known of an image before it is deleted; `isThere` = the source still has it. */
type Known = Pick<Learned, 'graph'> & { readonly isThere: boolean };

/** What is to be deleted, or why nothing is; `undefined` = it goes with another of its tags, which is still on its way. */
async function goingOf(
  task: Leaving,
  parts: Parts,
  known: Known,
  signal: AbortSignal,
): Promise<readonly SourceNode[] | string | undefined> {
  const { isThere, graph } = known;
  const lack = await lackAtTarget(task, parts, known, signal);
  if (lack !== undefined) return lack;
  const nodes = await closureOf(task, parts, signal);
  if (!nodes) return `more than ${String(MAX_CLOSURE)} manifests belong to it`;
  if (!isThere && !graph && !(await hasArrived(nodes, task, parts, signal))) return NOT_WHOLE;
  return unheld(nodes, { task, isThere }, parts, signal);
}

/** Of what belongs to an image, what no other tag holds; as late as possible: a tag that another client sets meanwhile keeps it. */
async function unheld(
  nodes: readonly SourceNode[],
  { task, isThere }: { readonly task: Leaving; readonly isThere: boolean },
  parts: Parts,
  signal: AbortSignal,
): Promise<readonly SourceNode[] | string | undefined> {
  const also = parts.tagsOf?.(task.image.digest) ?? [];
  const besides = await arrivedTags(also, task, parts, signal);
  const holders = await otherHolders(task.image, { source: parts.source, isThere, besides }, signal);
  if (!holders)
    return (await isTakenAlong(task, also, parts, signal)) ? undefined : 'its tags cannot be listed';
  const others = holders.get(task.image.digest) ?? [];
  if (others.length === 0) return withoutHeld(nodes, holders);
  if (others.every((tag) => also.includes(tag))) return undefined;
  const [tags, point] = others.length === 1 ? ['tag', 'points'] : ['tags', 'point'];
  return `SourceShared: ${tags} ${others.join(', ')} still ${point} to it`;
}

/** Whether another tag of the run has taken the image along since it was seen. */
async function isTakenAlong(
  { image: { registry, repository, tag } }: Leaving,
  tags: readonly string[],
  { source }: Parts,
  signal: AbortSignal,
): Promise<boolean> {
  const isShared = tags.some((one) => one !== tag);
  return isShared && (await source.tagDigest({ registry, repository, tag }, signal)) === undefined;
}

/** Which of these tags of an image have arrived: the target has each of them, and at the source none has moved since. */
async function arrivedTags(
  tags: readonly string[],
  { image, to, planned }: Leaving,
  { source, target, spec }: Parts,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const arrived = new Set<string>();
  for (const tag of tags.filter((one) => one !== image.tag)) {
    const place = { registry: image.registry, repository: image.repository, tag };
    const at = targetTagOf(spec.targetTag, tag);
    if (!at.ok) continue;
    const [there, here] = await Promise.all([
      source.tagDigest(place, signal),
      target.tagDigest({ registry: to.registry, repository: to.repository, tag: at.value }, signal),
    ]);
    if (there === image.digest && here === planned.expected) arrived.add(tag);
  }
  return arrived;
}

/** What the target lacks of an image; of one that is gone at the source, only its tag can be compared. */
async function lackAtTarget(
  task: Leaving,
  parts: Parts,
  { graph, isThere }: Known,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { image, to, planned } = task;
  const { target } = parts;
  if ((await target.tagDigest(to, signal)) !== planned.expected) return 'the target does not have it';
  if (graph) return keptBy(graph);
  // One that was at the target before this run may have come there alone, without what belongs to it.
  if (!isThere) return undefined;
  const gathered = await gatherImage(image, parts, signal);
  if (gathered.state === 'refused') return NOT_WHOLE;
  const kept = keptBy(gathered.graph);
  if (kept !== undefined) return kept;
  const { reason } = await verifyTarget({ graph: gathered.graph, target, to, thorough: true }, signal);
  return reason && NOT_WHOLE;
}

/** Whether the target has what is left of an image that is gone; what a rule leaves at the source is not missed. */
async function hasArrived(
  nodes: readonly SourceNode[],
  { to: { registry, repository } }: Leaving,
  { target, spec: { attachments } }: Parts,
  signal: AbortSignal,
): Promise<boolean> {
  const place = { registry, repository };
  const isCarried = ({ kind, artifactType }: About): boolean =>
    kind === 'referrer'
      ? !leftBecause(artifactType, { kind: 'promote', attachments })
      : kind === 'tagged' && attachments.carry !== 'None';
  const wanted: readonly ImageRef[] = nodes
    .flatMap(({ about }) => about.filter(isCarried))
    .map(({ kind, digest, tag }) => (kind === 'tagged' ? { ...place, tag } : pin(place, digest)));
  for (const one of wanted) if ((await target.tagDigest(one, signal)) === undefined) return false;
  return true;
}

/** What no other tag holds: a manifest that one holds stays with all that is about it, an image of its own that refers to this one. */
function withoutHeld(
  nodes: readonly SourceNode[],
  holders: ReadonlyMap<Digest, readonly string[]>,
): readonly SourceNode[] {
  const isFree = ({ digest, through }: About): boolean =>
    ![digest, ...through].some((one) => holders.has(one));
  return nodes
    .filter(({ digest }) => !holders.has(digest))
    .map(({ digest, about }) => ({ digest, about: about.filter(isFree) }));
}

/**
 * All that goes behind the manifests, in the order in which it goes: what is about them, flags, listings. The flag of the image itself
 * is the last: by it the next run knows that something is left.
 */
function orderOf(nodes: readonly SourceNode[]): readonly Digest[] {
  const all = nodes.flatMap(({ about }) => about);
  // A listing that leaves open what it lists may list a flag.
  const isFlag = ({ kind, artifactType }: About): boolean =>
    kind === 'referrer' && (artifactType === QUARANTINE_TYPE || saysNothing(artifactType));
  const order = [
    ...all.filter((one) => one.kind === 'referrer' && !isFlag(one)),
    ...all.filter(({ kind }) => kind === 'tagged'),
    ...all.filter(isFlag).toReversed(),
    ...all.filter(({ kind }) => kind === 'listing'),
  ];
  return [...new Set(order.map(({ digest }) => digest))];
}

/** Deletes until something is not deleted: what follows is about it. */
async function deleteAll(
  image: PinnedRef,
  nodes: readonly SourceNode[],
  source: TargetRegistry,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const refusal = (digest: Digest, why: string): StepOutcome =>
    leave(digest === image.digest ? why : `not all that belongs to it, ${short(digest)}: ${why}`);
  const remove = async (digest: Digest) => source.deleteManifest(pin(image, digest), signal);
  for (const { digest } of nodes) {
    if ((await remove(digest)) === 'refused') return refusal(digest, 'the registry does not delete');
    if ((await source.tagDigest(pin(image, digest), signal)) !== undefined)
      return refusal(digest, 'the registry took the deletion, and still has it');
  }
  for (const digest of orderOf(nodes))
    if ((await remove(digest)) === 'refused') return refusal(digest, 'the registry does not delete');
  return { status: 'succeeded' };
}
