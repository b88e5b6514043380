import { parseDigest } from '../../../core/model/index.ts';
import {
  backupTag,
  type Approval,
  type Candidate,
  type PlannedImage,
  type Resolved,
} from '../../../core/promotion/index.ts';

/*
 * A plan, pinned in the status of its run: one line for each image that is not done. A run that is begun again uses these
 * lines and resolves nothing a second time, so that exactly the planned, judged and approved images are promoted.
 */

/** An image that is not done. */
export interface Pin {
  readonly planned: Resolved;
  /** The hash of the gates' findings, when the image waits for a person. */
  readonly gateHash?: string;
}

const SAME = '=';
const NONE = '-';

/** Formats a pin. Only images with work are pinned. */
export function formatPin({ planned, gateHash }: Pin): string {
  const { tag, digest, expected, atTarget } = planned;
  const what = whatOf(planned);
  return [tag, digest, expected === digest ? SAME : expected, atTarget ?? NONE, what, gateHash]
    .filter((part) => part !== undefined)
    .join(' ');
}

/** Parses a pin; `undefined` = it is not in this format. */
export function parsePin(text: string): Pin | undefined {
  const [tag = '', first, second, third, what, gateHash] = text.split(' ');
  const digest = parseDigest(first);
  const expected = second === SAME ? digest : parseDigest(second);
  const atTarget = parseDigest(third);
  if (!digest || !expected || (!atTarget && third !== NONE)) return undefined;
  const planned = actionOf(what, { tag, digest, expected, ...(atTarget && { atTarget }) });
  return planned && { planned, ...(gateHash !== undefined && { gateHash }) };
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

function whatOf(planned: Resolved): string {
  if (planned.action !== 'Move') return 'Tidy';
  return planned.backup === undefined ? 'Move' : 'Backup';
}

function actionOf(what: string | undefined, candidate: Candidate): Resolved | undefined {
  const { tag, atTarget, expected } = candidate;
  if (what === 'Tidy') return { ...candidate, action: 'UpToDate', tidy: true };
  if (what !== 'Move' && what !== 'Backup') return undefined;
  if (atTarget === expected) return { ...candidate, ungated: true, action: 'Move' };
  const moved: Resolved = { ...candidate, action: 'Move', ...(atTarget && { overwrites: atTarget }) };
  return what === 'Backup' && atTarget ? { ...moved, backup: backupTag(tag, atTarget) } : moved;
}
