import {
  type Fault,
  formatReference,
  pin,
  type ImageRef,
  type JudgedFinding,
  type JudgedImage,
  type ReasonCode,
} from '../core/model/index.ts';
import { codesOf, explainFinding, explainWarning } from '../core/policy/index.ts';
import { errorAnswer, warning, type ErrorCode, type GateAnswer } from './answer.ts';
import type { PullEvent } from './ports.ts';
import type { Admission } from './verdict.ts';
import { retryAfter, type Way } from './missing/way.ts';

/** An answer with what the log says about it. */
export interface Outcome {
  readonly answer: GateAnswer;
  readonly about: Partial<PullEvent>;
}

/** An answer about no image. */
export function plain(answer: GateAnswer): Outcome {
  return { answer, about: {} };
}

/** Seconds after which a client may try again what could not be found out: unknown facts are remembered for seconds. */
const RETRY_SECONDS = '5';

/** An image that is there, and that a caller may not have. */
export type Refusal = Extract<Admission, { kind: 'refused' | 'unknown' }>;

/** The answer for what a caller may not have: 403 with the sentence of admissions, 503 where it is not known. */
export function refusalOf(admission: Refusal, asked: ImageRef, way?: Way): Outcome {
  const { judged } = admission;
  const { verdict, reference } = judged;
  const own = deniedBy(judged);
  // Where it is on its way is of more use than what would bring it there.
  const finding = way ? { ...own, next: `${way.found}; ${way.next}` } : own;
  const { digest } = reference ?? {};
  const message = explainFinding({ ...judged, reference: digest ? pin(asked, digest) : asked }, finding);
  const { reason, found, next, policy } = finding;
  const detail = {
    reason,
    image: formatReference(asked),
    digest,
    policy: policy || undefined,
    found,
    next,
  };
  const about = { verdict: verdict.kind, reason, digest };
  if (admission.kind === 'refused')
    return { about, answer: errorAnswer('DENIED', message, { detail, headers: retryAfter(way) }) };
  const code = CODES[reason] ?? 'UNAVAILABLE';
  const headers = code === 'DENIED' ? {} : { 'Retry-After': RETRY_SECONDS };
  return { about, answer: errorAnswer(code, message, { detail, headers }) };
}

/** The finding for which an image is refused. */
export function deniedBy({ verdict }: JudgedImage): JudgedFinding {
  const finding = verdict.findings.find(({ effect }) => effect === 'deny');
  if (!finding) throw new Error('a refusal has no finding');
  return finding;
}

/** The answer for a registry that failed while it was read. */
export function faultOutcome(fault: Fault): Outcome {
  const { code: reason, message, transient } = fault;
  const about = { verdict: 'unknown', reason } as const;
  const code = CODES[reason] ?? 'UNAVAILABLE';
  const headers = transient ? { 'Retry-After': RETRY_SECONDS } : {};
  return { about, answer: errorAnswer(code, `${reason}: ${message}`, { headers }) };
}

const CODES: Partial<Record<ReasonCode, ErrorCode>> = {
  RegistryDenied: 'DENIED',
  NotGranted: 'DENIED',
  RegistryRateLimited: 'TOOMANYREQUESTS',
};

/** There is no such thing, or the upstream does not show it. */
export function absent(code: 'MANIFEST_UNKNOWN' | 'BLOB_UNKNOWN', asked: ImageRef): Outcome {
  const message = `the registry has no ${formatReference(asked)}, or does not show it to this login`;
  return { about: { reason: 'ImageNotFound' }, answer: errorAnswer(code, message) };
}

/** The headers that warn of what was found and is admitted. */
export function warningsOf(judged: JudgedImage): { readonly Warning?: string } {
  const findings = judged.verdict.findings.filter(({ effect }) => effect !== 'audit');
  const [first] = findings;
  return first ? { Warning: warning(explainWarning(judged, first)) } : {};
}

/** The first reason code of a verdict, as admissions count it; empty where nothing was found. */
export function reasonOf(judged: JudgedImage): string {
  return codesOf(judged.verdict.findings)[0] ?? '';
}
