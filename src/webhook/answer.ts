import { oneLine, type JudgedImage, type ReasonCode } from '../core/model/index.ts';
import { codesOf, explainRefusal, explainWarnings, isRefused } from '../core/policy/index.ts';
import type { PatchOperation } from './patch.ts';

/** An AdmissionReview v1 with its response, ready to be written as JSON. */
export interface AdmissionAnswer {
  readonly apiVersion: 'admission.k8s.io/v1';
  readonly kind: 'AdmissionReview';
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
    readonly warnings?: readonly string[];
    readonly auditAnnotations?: Readonly<Record<string, string>>;
    /** A JSON patch in base64; never there without its type, nor empty. */
    readonly patch?: string;
    readonly patchType?: 'JSONPatch';
  };
}

/** Characters of the machine form in the audit annotation: audit backends cut events of a few hundred KiB. */
const MAX_AUDIT_LENGTH = 16_384;

/** Refusals that say nothing about the images: we could not find out. */
const UNDETERMINED: ReadonlySet<ReasonCode> = new Set(['DeadlineExceeded', 'InternalError', 'ParentUnknown']);

/** What an answer says, for its audit annotations and for the log. */
interface Said {
  /** The verdict on the whole object: the worst of its images. */
  readonly verdict: JudgedImage['verdict']['kind'];
  /** The codes of all findings, each once. */
  readonly reasons: readonly string[];
  readonly images: readonly JudgedImage[];
}

/** An answer with what it says. */
export interface Answered extends Said {
  readonly answer: AdmissionAnswer;
}

/** Lets a request pass that is not ours to judge. */
export function passAnswer(uid: string): Answered {
  return { answer: answer({ uid, allowed: true }), verdict: 'allow', reasons: [], images: [] };
}

/**
 * Turns judged images into the answer: refusal with its message, warnings, and the machine form for the audit log. `more` = warnings
 * about an object that is admitted.
 */
export function verdictAnswer(
  uid: string,
  images: readonly JudgedImage[],
  more: readonly string[] = [],
): Answered {
  const allowed = !images.some(isRefused);
  const warnings = [...explainWarnings(images), ...(allowed ? more : [])];
  const kinds = new Set(images.map(({ verdict }) => verdict.kind));
  const verdict = (['deny', 'unknown', 'warn'] as const).find((kind) => kinds.has(kind)) ?? 'allow';
  const reasons = codesOf(images.flatMap(({ verdict: { findings } }) => findings));
  const said: Said = { verdict, reasons, images };
  const response = {
    uid,
    allowed,
    ...(!allowed && { status: { code: 403, reason: 'Forbidden', message: explainRefusal(images) } }),
    ...(warnings.length > 0 && { warnings }),
    ...(images.length > 0 && { auditAnnotations: auditAnnotations(said) }),
  };
  return { answer: answer(response), ...said };
}

/** Lets a request pass with these changes. Without any there is no patch: an empty one fails at the API server. */
export function patchAnswer(
  uid: string,
  operations: readonly PatchOperation[],
  warnings: readonly string[],
): AdmissionAnswer {
  return answer({
    uid,
    allowed: true,
    ...(warnings.length > 0 && { warnings }),
    ...(operations.length > 0 && {
      patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
      patchType: 'JSONPatch',
    }),
  });
}

/** Refuses a request that could not be judged at all. */
export function refusalAnswer(uid: string, code: number, reason: ReasonCode, why: string): Answered {
  const verdict = UNDETERMINED.has(reason) ? 'unknown' : 'deny';
  const status = { code, reason, message: `${reason}: ${oneLine(why)}` };
  const response = { uid, allowed: false, status, auditAnnotations: { verdict, reasons: reason } };
  return { answer: answer(response), verdict, reasons: [reason], images: [] };
}

function answer(response: AdmissionAnswer['response']): AdmissionAnswer {
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response };
}

/** Keys here get the webhook's name put before them by the API server. */
function auditAnnotations({ verdict, reasons, images }: Said): Readonly<Record<string, string>> {
  const listed = whatFits(images);
  return {
    verdict,
    ...(reasons.length > 0 && { reasons: reasons.join(',') }),
    images: `[${listed.join(',')}]`,
    ...(listed.length < images.length && { imagesLeftOut: String(images.length - listed.length) }),
  };
}

/** As many images as fit, those with findings first: JSON that is cut off in the middle cannot be parsed. */
function whatFits(images: readonly JudgedImage[]): readonly string[] {
  const silent = ({ verdict }: JudgedImage) => Number(verdict.findings.length === 0);
  let length = 2;
  const forms = images.toSorted((a, b) => silent(a) - silent(b)).map((image) => machineForm(image));
  const tooMany = forms.findIndex((form) => (length += form.length + 1) > MAX_AUDIT_LENGTH);
  return tooMany < 0 ? forms : forms.slice(0, tooMany);
}

function machineForm({ field, image, reference, verdict }: JudgedImage): string {
  return JSON.stringify({
    field,
    image,
    ...(reference?.digest !== undefined && { digest: reference.digest }),
    verdict: verdict.kind,
    findings: verdict.findings.map(({ reason, effect, policy }) => ({ reason, effect, policy })),
  });
}
