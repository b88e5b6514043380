import * as z from 'zod';
import { nameOf, parseJson } from '../model/index.ts';
import type { Digest, Evidence, ImageRef, ProvenSignature, Reason } from '../model/index.ts';
import { parseTime, RELEASE_PREDICATE_TYPE, type AppliedException, type Authority } from '../policy/index.ts';
import type { GateResult } from './gates/gate.ts';
import { judgeScan } from './gates/scan-gate.ts';
import { isBy, newestReports, readProven } from './gates/signed-reports.ts';
import type { ScanSpec } from './schema.ts';

/** By what an image at the target is judged again. */
export interface StandingRule {
  readonly scan: Pick<ScanSpec, 'failOn' | 'fixableOnly' | 'unknownSeverity' | 'unsupported'>;
  /** The exceptions of the promotion as they are today. */
  readonly exceptions: readonly AppliedException[];
  /** Whose reports count. What none of them signed neither raises a flag nor clears one: anyone who can push can write it. */
  readonly reportsBy: readonly Authority[];
  /** The promotion's own signer, whose release statements list what it has promoted, and what was waived. */
  readonly releasesBy: readonly Authority[];
  /** Repositories of the promotion. */
  readonly source: ImageRef;
  readonly target: ImageRef;
}

/** How an image at the target stands today. */
export type Standing =
  /** Today it would pass; or it is no longer there. */
  | { readonly state: 'well' | 'gone' }
  /** No accepted signer has reported on it. */
  | { readonly state: 'unreported' }
  | { readonly state: 'blocked' | 'unknown'; readonly reason: Reason };

/**
 * Judges an image at the target by the newest report by an accepted signer, with the rules of today. The age of
 * the report is not asked: it is what it says that makes an image worse. `known` = it is known to have been promoted by this
 * promotion; `undefined` = this promotion has not promoted it. What could not be read may be newer and worse: the image then does
 * not count as compliant, but findings are still reported.
 */
export function standingOf(
  {
    digest,
    known,
    signatures,
  }: { readonly digest: Digest; readonly known: boolean } & Pick<Evidence, 'signatures'>,
  rule: StandingRule,
  now: Date,
): Standing | undefined {
  const { proven, unread } = readProven(signatures);
  const unknown = unread && ({ state: 'unknown', reason: unread.reason } as const);
  const releases = proven.flatMap((one) => releaseIn(one, rule));
  if (releases.length === 0 && !known) return unknown;
  const reports = newestReports(proven, rule.reportsBy, digest);
  if (reports.length === 0) return unknown ?? { state: 'unreported' };
  const { failOn, fixableOnly, unknownSeverity, unsupported } = rule.scan;
  const exceptions = [...rule.exceptions, ...releases.flatMap(waiversOf)];
  const result = judgeScan(reports, { failOn, fixableOnly, unknownSeverity, unsupported, exceptions }, now);
  if (result.answer === 'Pass') return unknown ?? { state: 'well' };
  return { state: result.answer === 'Block' ? 'blocked' : 'unknown', reason: reasonOf(result) };
}

/** What a person accepted for this digest, as exceptions. */
function waiversOf({ waived, approvalReason: reason, approvedUntil }: z.output<typeof release>) {
  // Invalid where the statement does not say: then the approval has ended, nothing is forgiven by mistake.
  const until = parseTime(approvedUntil) ?? new Date(NaN);
  return waived.map((id): AppliedException => ({ id, reason, until, appliesToImage: true }));
}

/** The code shows what a person can do: when only the exceptions have ended, the findings need no new check. */
function reasonOf({ reason = 'ScannerFailed', message, findings, expiredExceptions }: GateResult): Reason {
  const ended = new Set(expiredExceptions.map((id) => id.trim().toLowerCase()));
  const onlyEnded = reason === 'Vulnerable' && findings.every(({ id }) => ended.has(id.toLowerCase()));
  return { code: onlyEnded ? 'ExceptionExpired' : reason, detail: message };
}

const place = z.object({ repository: z.string() });
/** What of a release statement counts after the release. */
const release = z.object({
  source: place,
  target: place,
  /** Ids of findings that an approver accepted. */
  waived: z.array(z.string()),
  approvalReason: z.string().default(''),
  approvedUntil: z.string().default(''),
});

/**
 * The release statement of the promotion's own signer by which an image came from this source to this target; none for any other
 * statement: one key may sign for several promotions, and what one lets pass is nothing to the others.
 */
function releaseIn(signature: ProvenSignature, { releasesBy, source, target }: StandingRule) {
  const { says } = signature;
  if (says.kind !== 'statement' || says.predicateType !== RELEASE_PREDICATE_TYPE) return [];
  // With many exceptions it is a large one, of which the main thread has the text only.
  const predicate = says.large?.json ? parseJson(says.large.json) : says.predicate;
  const read = isBy(releasesBy, signature) ? release.safeParse(predicate).data : undefined;
  const isOurs = read?.source.repository === nameOf(source) && read.target.repository === nameOf(target);
  return isOurs ? [read] : [];
}
