import type { JudgedImage, ReasonCode } from '../../core/model/index.ts';
import { codesOf, explainRefusal, explainWarnings, isRefused } from '../../core/policy/index.ts';

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
  };
}

/** Characters of the machine form in the audit annotation: audit backends cut events of a few hundred KiB. */
const MAX_AUDIT_LENGTH = 16_384;

/** Lets a request pass that is not ours to judge. */
export function passAnswer(uid: string): AdmissionAnswer {
  return answer({ uid, allowed: true });
}

/** Turns judged images into the answer: refusal with its message, warnings, and the machine form for the audit log. */
export function verdictAnswer(uid: string, images: readonly JudgedImage[]): AdmissionAnswer {
  const allowed = !images.some(isRefused);
  const warnings = explainWarnings(images);
  return answer({
    uid,
    allowed,
    ...(!allowed && { status: { code: 403, reason: 'Forbidden', message: explainRefusal(images) } }),
    ...(warnings.length > 0 && { warnings }),
    ...(images.length > 0 && { auditAnnotations: auditAnnotations(images) }),
  });
}

/** Refuses a request that could not be judged at all. */
export function refusalAnswer(
  uid: string,
  code: number,
  reason: ReasonCode,
  detail: string,
): AdmissionAnswer {
  return answer({
    uid,
    allowed: false,
    status: { code, reason, message: `${reason}: ${detail}` },
    auditAnnotations: { verdict: 'deny', reasons: reason },
  });
}

function answer(response: AdmissionAnswer['response']): AdmissionAnswer {
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response };
}

/** Keys here get the webhook's name put before them by the API server. */
function auditAnnotations(images: readonly JudgedImage[]): Readonly<Record<string, string>> {
  const findings = images.flatMap(({ verdict }) => verdict.findings);
  const details = JSON.stringify(images.map(machineForm));
  return {
    verdict: worst(images),
    ...(findings.length > 0 && { reasons: codesOf(findings).join(',') }),
    images: details.length <= MAX_AUDIT_LENGTH ? details : `${details.slice(0, MAX_AUDIT_LENGTH)}…`,
  };
}

/** The verdict on the whole object: the worst of its images. */
export function worst(images: readonly JudgedImage[]): JudgedImage['verdict']['kind'] {
  const kinds = new Set(images.map(({ verdict }) => verdict.kind));
  return (['deny', 'unknown', 'warn'] as const).find((kind) => kinds.has(kind)) ?? 'allow';
}

function machineForm({ field, image, reference, verdict }: JudgedImage) {
  return {
    field,
    image,
    ...(reference?.digest !== undefined && { digest: reference.digest }),
    verdict: verdict.kind,
    findings: verdict.findings.map(({ reason, effect, policy }) => ({ reason, effect, policy })),
  };
}
