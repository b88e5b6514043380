import type { Evidence, ProvenSignature, StatementClaim, UnsignedStatement } from '../../model/index.ts';
import { objection, type Authority } from '../compile/authority.ts';
import { readSignatures } from '../readings.ts';

/** Clocks differ: a time this far ahead of ours is not yet "from the future". Milliseconds. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** A statement with a signature of an accepted authority. */
export interface AcceptedStatement {
  readonly says: StatementClaim;
  readonly signedAt?: Date;
}

/** Statements of an image for one requirement: those that count, and those that are merely there. */
export interface StatementReading {
  readonly accepted: readonly AcceptedStatement[];
  readonly unsigned: readonly UnsignedStatement[];
  /** Why signed ones do not count. */
  readonly objections: readonly string[];
  readonly incomplete?: ReturnType<typeof readSignatures>['incomplete'];
}

/** Reads the statements that `isWanted` picks, by whom they are signed. */
export function readStatements(
  signatures: Evidence['signatures'],
  from: readonly Authority[],
  isWanted: (says: StatementClaim) => boolean,
): StatementReading {
  const { proven, unsigned, unproven, incomplete } = readSignatures(signatures);
  const wanted = proven.flatMap((signature) => statementOf(signature, isWanted));
  const objectionsTo = (signature: ProvenSignature) =>
    from.map((authority) => objection(authority, signature));
  const accepted = wanted.filter(({ signature }) => objectionsTo(signature).includes(undefined));
  const refused = wanted.filter((one) => !accepted.includes(one));
  return {
    accepted: accepted.map(({ signature, says }) => ({
      says,
      ...(signature.signedAt && { signedAt: signature.signedAt }),
    })),
    unsigned: unsigned.filter(({ says }) => isWanted(says)),
    objections: [
      ...refused.map(({ signature }) => objectionsTo(signature)[0] ?? 'by no accepted authority'),
      ...unproven.map(({ why }) => why),
    ],
    ...(incomplete && { incomplete }),
  };
}

function statementOf(signature: ProvenSignature, isWanted: (says: StatementClaim) => boolean) {
  const { says } = signature;
  return says.kind === 'statement' && isWanted(says) ? [{ signature, says }] : [];
}

/** What was found instead of a statement that counts, as a clause. */
export function foundInstead({ unsigned, objections }: StatementReading): string {
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
  const future = futureObjection(moment, now);
  if (future !== undefined) return future;
  return now.getTime() - moment.getTime() > maxAgeMs
    ? `is of ${moment.toISOString().slice(0, 16)}Z`
    : undefined;
}
