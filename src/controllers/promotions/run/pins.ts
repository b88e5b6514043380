/*
 * A plan, pinned in the status of its run: one row for each image that is not done. A run that is begun again uses these rows
 * and resolves nothing a second time, so that exactly the planned, judged and approved images are promoted.
 */
import { definedFields, parseDigest } from '../../../core/model/index.ts';
import {
  backupTag,
  type Approval,
  type Candidate,
  type PlannedImage,
  type Resolved,
  type ImagePromotionRunStatus,
} from '../../../core/promotion/index.ts';

/** An image that is not done. */
export interface Pin {
  readonly planned: Resolved;
  /** The hash of the gates' findings, when the image waits for a person. */
  readonly gateHash?: string;
}

type PendingImage = NonNullable<ImagePromotionRunStatus['pending']>[number];

/** The row of a status for a pin. Only images with work are pinned. */
export function pendingImage({ planned, gateHash }: Pin): PendingImage {
  const { repository, tag, targetTag, digest, expected, atTarget } = planned;
  const action = actionOf(planned);
  return {
    repository,
    tag,
    targetTag,
    digest,
    expected: expected === digest ? undefined : expected,
    atTarget,
    action,
    gateHash,
  };
}

/** The pins of a status, in the order of the plan. What cannot be read is left out. */
export function readPins({
  pending,
  pins = [],
}: Pick<ImagePromotionRunStatus, 'pending' | 'pins'>): readonly Pin[] {
  return (pending ?? pins.map(oldForm)).flatMap((row) => readPin(row) ?? []);
}

function readPin({
  repository,
  tag,
  targetTag,
  action,
  gateHash,
  ...row
}: Partial<Record<keyof PendingImage, string>>): Pin | undefined {
  const digest = parseDigest(row.digest);
  const expected = row.expected === undefined ? digest : parseDigest(row.expected);
  const atTarget = parseDigest(row.atTarget);
  if (tag === undefined || !digest || !expected || (row.atTarget !== undefined && !atTarget))
    return undefined;
  const planned = plannedBy(
    action,
    definedFields({ repository, tag, targetTag, digest, expected, atTarget }),
  );
  return planned && { planned, ...(gateHash !== undefined && { gateHash }) };
}

/** A pin as a line of text: tag, digest, expected digest (`=`: the same), digest at the target (`-`: none), action, gate hash. */
function oldForm(text: string): Partial<Record<keyof PendingImage, string>> {
  const [tag, digest, expected = '', atTarget, action, gateHash] = text.split(' ');
  return {
    ...{ tag, digest, action, gateHash },
    expected: expected === '=' ? undefined : expected,
    atTarget: atTarget === '-' ? undefined : (atTarget ?? ''),
  };
}

/** Whether an image needs work, and so is pinned. */
export function isWork(planned: PlannedImage): planned is Resolved {
  return planned.action === 'Move' || (planned.action === 'UpToDate' && planned.tidy);
}

/** The decision about an image that waits, if there is one. */
export type Decide = (pin: Required<Pick<Pin, 'gateHash'>> & Pin) => Approval | undefined;

/** Whether there is work for an image now: one that waits for a person continues only when there is a decision. */
export function isReady(pin: Pin, decide: Decide): boolean {
  return pin.gateHash === undefined || decide({ ...pin, gateHash: pin.gateHash }) !== undefined;
}

function actionOf(planned: Resolved): PendingImage['action'] {
  if (planned.action !== 'Move') return 'Tidy';
  return planned.backup === undefined ? 'Move' : 'Backup';
}

function plannedBy(action: string | undefined, candidate: Candidate): Resolved | undefined {
  const { tag, targetTag = tag, atTarget, expected } = candidate;
  if (action === 'Tidy') return { ...candidate, action: 'UpToDate', tidy: true };
  if (action !== 'Move' && action !== 'Backup') return undefined;
  if (atTarget === expected) return { ...candidate, ungated: true, action: 'Move' };
  const moved: Resolved = { ...candidate, action: 'Move', ...(atTarget && { overwrites: atTarget }) };
  return action === 'Backup' && atTarget ? { ...moved, backup: backupTag(targetTag, atTarget) } : moved;
}
