import type { Evidence, StatementClaim } from '../../model/index.ts';
import { objection, type Authority } from '../compile/authority.ts';
import { readSignatures } from '../readings.ts';

/** Clocks differ: a time this far ahead of ours is not yet "from the future". Milliseconds. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** A statement with a signature of an accepted authority. */
export interface AcceptedStatement {
  readonly says: StatementClaim;
  readonly signedAt?: Date | undefined;
}

/**
 * Reads the statements that `isWanted` picks: those that count, those that are not signed, and why signed ones do not count.
 * `incomplete` = why some may be missing.
 */
export function readStatements(
  signatures: Evidence['signatures'],
  from: readonly Authority[],
  isWanted: (says: StatementClaim) => boolean,
) {
  const { proven, unsigned, unproven, incomplete } = readSignatures(signatures);
  const wanted = proven.flatMap((signature) => {
    const { says, signedAt } = signature;
    if (says.kind !== 'statement' || !isWanted(says)) return [];
    return [{ says, signedAt, objections: from.map((authority) => objection(authority, signature)) }];
  });
  const refused = wanted.filter(({ objections }) => !objections.includes(undefined));
  const accepted: readonly AcceptedStatement[] = wanted.filter((one) => !refused.includes(one));
  const objections = [
    ...refused.map((one) => one.objections[0] ?? 'by no accepted authority'),
    ...unproven.map(({ why }) => why),
  ];
  return { accepted, unsigned: unsigned.filter(({ says }) => isWanted(says)), objections, incomplete };
}

/** What was found instead of a statement that counts, as a clause. */
export function foundInstead({
  unsigned,
  objections,
}: Pick<ReturnType<typeof readStatements>, 'unsigned' | 'objections'>): string {
  const parts = [
    ...(unsigned.length > 0 ? [`${unsigned.length} found that is not signed`] : []),
    ...(objections.length > 0 ? [`${objections.length} found, ${objections[0] ?? ''}`] : []),
  ];
  return parts.length > 0 ? parts.join('; ') : 'none found';
}

/** Why a moment cannot be true yet, as a clause; `undefined` when it can. */
export function futureObjection(moment: Date | undefined, now: Date): string | undefined {
  if (!moment || moment.getTime() - now.getTime() <= CLOCK_SKEW_MS) return undefined;
  return `claims to be from the future, ${moment.toISOString()}`;
}

/** Why a moment is not recent enough, as a clause; `undefined` when it is. */
export function ageObjection(
  moment: Date | undefined,
  maxAgeMs: number | undefined,
  now: Date,
): string | undefined {
  if (maxAgeMs === undefined) return undefined;
  if (!moment) return 'says no time';
  const isOld = now.getTime() - moment.getTime() > maxAgeMs;
  return futureObjection(moment, now) ?? (isOld ? `is of ${moment.toISOString().slice(0, 16)}Z` : undefined);
}
