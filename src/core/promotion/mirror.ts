import { artifactTypeOf, digestHex, formatReference, pin } from '../model/index.ts';
import type { Fault, Manifest, PinnedRef } from '../model/index.ts';
import { isKeptTag, orFault } from './concurrency.ts';
import { saysNothing } from './graph/carried.ts';
import type { ImageNode } from './graph/nodes.ts';
import { subjectOf } from './records/artifact.ts';
import { tagAtTarget } from './plan.ts';
import type { HistoryBook } from './records/history.ts';
import { findQuarantineFlag, QUARANTINE_TYPE, quarantineFlag } from './records/marks.ts';
import type { TargetRegistry } from './ports.ts';
import {
  acquisitionRecord,
  acquisitionStatement,
  findAcquisition,
  type Acquisition,
} from './records/provenance.ts';
import type { MirrorSpec } from './schema.ts';
import { copyStep, verifyTargetStep, type BeforeCopy } from './steps/copy.ts';
import { copiedNodes, markEach, nodesAt, writeEach } from './graph/nodes.ts';
import { alsoLeft, blocked, step, type Learned, type Step, type StepParts } from './steps/step.ts';
import { tagStep } from './steps/tag.ts';
import { attach, referrersAt, rootOf, writeStatement } from './steps/write.ts';

/** The steps of a mirror, in their order: the flag and the record are there before the tag makes the image visible. */
export function mirrorSteps(parts: StepParts, mirror: MirrorSpec): readonly Step[] {
  const { history } = parts;
  return [
    copyStep(parts, {
      before: mirror.quarantine ? flagFirst(parts) : undefined,
      tagIsNext: !mirror.quarantine && !mirror.provenance,
    }),
    ...(mirror.quarantine ? [flagStep(parts)] : []),
    ...(mirror.provenance ? [recordStep(parts, mirror)] : []),
    verifyTargetStep(parts, false),
    tagStep(parts),
    ...(history ? [rememberStep(parts, history, mirror)] : []),
  ];
}

/**
 * Flags the image, and everything below its index that can be pulled by itself, as quarantined before the tag makes it visible, and
 * proves behind the copy, and with each run that each flag is still listed: clean-ups of registries take what has no tag. A listing that cannot be read
 * fails the image.
 */
function flagStep({ target, startedAt }: StepParts): Step {
  return step('flag', async ({ to, planned }, learned, signal) => {
    const nodes = await nodesToFlag(learned, { target, image: pin(to, planned.expected) }, signal);
    if (!nodes) return blocked('TargetMoved', `${formatReference(to)} is gone; run again to decide anew`);
    const flagged = await flagEach(nodes, { target, to, startedAt }, signal);
    if (!flagged) return { status: 'skipped' };
    const flagRestored = planned.action === 'UpToDate';
    return { status: 'succeeded', learned: { flagRestored } };
  });
}

/**
 * Flags an image before the first of its manifests is at the target: one that a killed run, or a registry that breaks half-way, leaves
 * there without a tag can be run by its digest. A registry that takes no flag of what it does not have yet gets it behind the copy.
 */
function flagFirst({ target, startedAt }: StepParts): BeforeCopy {
  return async (graph, to, signal) => {
    const flagging = copiedNodes({ graph }).then((nodes) =>
      flagEach(nodes, { target, to, startedAt }, signal),
    );
    const refused = (fault: Fault): undefined => {
      if (fault.transient || fault.code === 'LimitExceeded') throw fault;
    };
    await orFault(flagging, refused, signal);
  };
}

/** Flags each of these that is not flagged; answers whether there was one. */
function flagEach(
  nodes: readonly ImageNode[],
  { target, to, startedAt }: Pick<StepParts, 'target' | 'to' | 'startedAt'>,
  signal: AbortSignal,
): Promise<boolean> {
  return markEach(
    nodes,
    (about) => isFlagged(pin(to, about.digest), target, signal),
    (about) => attach({ target, to, about }, quarantineFlag(subjectOf(about), startedAt), signal),
  );
}

/** What was copied, or what lies at the target where nothing had to be; `undefined` = it is gone there. */
async function nodesToFlag(
  learned: Learned,
  { target, image }: { readonly target: TargetRegistry; readonly image: PinnedRef },
  signal: AbortSignal,
): Promise<readonly ImageNode[] | undefined> {
  if (learned.graph) return copiedNodes(learned);
  const root = await target.manifest(image, signal);
  return root && nodesAt(target, image, root, signal);
}

/** Referrers that are opened because their listing leaves open what they are; real images have a handful. */
const MAX_OPENED = 32;

/** Whether the registry lists a flag of an image. */
async function isFlagged(image: PinnedRef, target: TargetRegistry, signal: AbortSignal): Promise<boolean> {
  const listed = await target.referrers(image, signal);
  if (findQuarantineFlag(listed)) return true;
  const open = listed.filter(({ artifactType = '' }) => saysNothing(artifactType)).slice(0, MAX_OPENED);
  for (const { digest } of open) {
    const manifest = await target.manifest(pin(image, digest), signal);
    if (manifest && artifactTypeOf(manifest) === QUARANTINE_TYPE) return true;
  }
  return false;
}

/** Attaches where the image was taken from, to the index and to each image below it; signed, if the promotion has a signer. */
function recordStep(parts: StepParts, { sign }: MirrorSpec): Step {
  const { target, run, startedAt, signer, spec, sourceAuthenticated } = parts;
  const copyReferrers = spec.attachments.carry !== 'None';
  return step('record', async ({ image, to }, learned, signal) => {
    const left: string[] = [];
    const root = rootOf(learned);
    const writes = (await copiedNodes(learned)).flatMap(({ manifest: about }) => {
      const place = { target, to, about };
      const acquisition = {
        ...{ run, copyReferrers, sourceAuthenticated, source: image, acquiredAt: startedAt },
        destination: pin(to, root.digest),
        platform: platformOf(root, about),
      };
      const record = async (until: AbortSignal): Promise<undefined> => {
        if (!findAcquisition(await referrersAt(place, until), acquisition))
          await attach(place, acquisitionRecord(acquisition, subjectOf(about)), until);
      };
      if (!signer || !sign) return [record];
      const signing = { signer, format: sign.format, at: startedAt, left };
      const statement = acquisitionStatement(acquisition);
      return [record, (until: AbortSignal) => writeStatement(place, signing, statement, until)];
    });
    const refused = await writeEach(writes, signal);
    if (refused) return { status: 'failed', reason: refused };
    return { status: 'succeeded', learned: alsoLeft(learned, left) };
  });
}

/** The platform below an index, as files about it are named; `undefined` for the image itself. */
export function platformOf(root: Manifest, { digest }: Manifest): Acquisition['platform'] {
  if (digest === root.digest) return undefined;
  const { platform } = root.manifests.find((one) => one.digest === digest) ?? {};
  const { os, architecture, variant } = platform ?? {};
  // It becomes the name of a file on other machines.
  const name = [os, architecture, variant]
    .filter(Boolean)
    .join('-')
    .replace(/[^\w.-]+/g, '_');
  return {
    digest,
    name: /^\w/.test(name) ? name.slice(0, MAX_PLATFORM_NAME) : digestHex(digest).slice(0, 12),
  };
}

/** Longest name of a platform in the name of a file, in characters: real ones have some twenty. */
const MAX_PLATFORM_NAME = 64;

/** Writes the arrival into the history of the mirror, so that it is not pulled in again once it has been promoted and deleted. */
function rememberStep({ startedAt, run }: StepParts, history: HistoryBook, { force }: MirrorSpec): Step {
  return step('remember', async ({ image: { digest }, planned }, learned, signal) => {
    const { tag, action } = planned;
    const destTag = tagAtTarget(planned);
    if (history.has({ tag, digest }) && (action === 'UpToDate' || !force)) return { status: 'skipped' };
    const arrival = { sourceTag: tag, sourceDigest: digest, destTag, syncedAt: startedAt, run, force };
    // The image has arrived, and has not failed because its arrival cannot be written down.
    const kept = (fault: Fault): { readonly why: string } => {
      if (!isKeptTag(fault)) throw fault;
      return { why: `its arrival is not in the history, so it may be mirrored again: ${fault.message}` };
    };
    const refused = await orFault(history.add(arrival, signal), kept, signal);
    if (refused && 'why' in refused) return { status: 'skipped', learned: alsoLeft(learned, [refused.why]) };
    return refused ? { status: 'failed', reason: refused } : { status: 'succeeded' };
  });
}
