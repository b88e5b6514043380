import { formatReference, type JudgedImage } from '../../core/model/index.ts';
import type { ImageUse } from '../../core/workload/index.ts';
import { passAnswer, refusalAnswer, verdictAnswer, type AdmissionAnswer } from './answer.ts';
import { decodeReview, type AdmissionRequest } from './decode.ts';
import type { AdmissionPorts, Decision } from './ports.ts';
import { imagesToJudge } from './scope.ts';

/** An answer with the HTTP status it is sent under: 200 for every review that could be read. */
export interface ReviewOutcome {
  readonly status: number;
  readonly answer: AdmissionAnswer;
}

/** Bytes of a review and the moment by which it must be answered. */
export interface Review {
  readonly body: Uint8Array;
  /** Milliseconds this review may take in all. */
  readonly budgetMs: number;
}

/**
 * Answers one AdmissionReview: decode → scope → judge → answer. Always answers, with an AdmissionReview, within the
 * budget: what cannot be read, what fails and what takes too long is refused with its reason.
 */
export async function review({ body, budgetMs }: Review, ports: AdmissionPorts): Promise<ReviewOutcome> {
  const started = performance.now();
  const request = decodeReview(body);
  if (!request.ok) {
    const detail = request.problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; ');
    // Without a uid no API server can match the answer; the status tells whoever sent it.
    const status = request.uid === '' ? 400 : 200;
    const answer = refusalAnswer(request.uid, 400, 'InvalidRequest', detail);
    tell(answer, { ...UNREAD, uid: request.uid }, started, ports);
    return { status, answer };
  }
  const { answer, images } = await answerInTime(request.value, budgetMs, ports);
  const { uid, kind, namespace, name, operation, dryRun } = request.value;
  const subject = {
    uid,
    namespace,
    name,
    operation,
    dryRun,
    kind: kind.kind,
    images: images.map(({ image, reference }) => (reference ? formatReference(reference) : image)),
  };
  tell(answer, subject, started, ports);
  return { status: 200, answer };
}

/** What a decision is about. */
type Subject = Pick<Decision, 'uid' | 'kind' | 'namespace' | 'name' | 'operation' | 'dryRun' | 'images'>;

/** A review that could not be read is about nothing anybody knows; that it was refused is told all the same. */
const UNREAD = { kind: '', namespace: '', name: '', operation: '', dryRun: false, images: [] } as const;

function tell({ response }: AdmissionAnswer, subject: Subject, started: number, ports: AdmissionPorts): void {
  const { verdict = 'allow', reasons = '' } = response.auditAnnotations ?? {};
  ports.onDecision({
    ...subject,
    allowed: response.allowed,
    verdict,
    reasons: reasons === '' ? [] : reasons.split(','),
    milliseconds: Math.round((performance.now() - started) * 10) / 10,
  });
}

interface Answered {
  readonly answer: AdmissionAnswer;
  readonly images: readonly JudgedImage[];
}

async function answerInTime(
  request: AdmissionRequest,
  budgetMs: number,
  ports: AdmissionPorts,
): Promise<Answered> {
  const refuse = (
    ...why: [number, 'InvalidRequest' | 'DeadlineExceeded' | 'InternalError', string]
  ): Answered => ({
    answer: refusalAnswer(request.uid, ...why),
    images: [],
  });
  try {
    const uses = imagesToJudge(request);
    if (!uses.ok) {
      const detail = uses.problems.map(({ path, message }) => `${path} ${message}`).join('; ');
      return refuse(400, 'InvalidRequest', `${request.kind.kind} ${detail}`);
    }
    if (uses.value.length === 0) return { answer: passAnswer(request.uid), images: [] };
    const images = await judgeInTime(request, uses.value, budgetMs, ports);
    if (!images)
      return refuse(504, 'DeadlineExceeded', 'the images could not be judged in time (temporary, try again)');
    return { answer: verdictAnswer(request.uid, images), images };
  } catch (error) {
    ports.report(error);
    return refuse(500, 'InternalError', 'Pratique failed while judging this object; its log says how');
  }
}

/** Share of the time left in which the last word is spoken, should something not listen to its signal. */
const HARD_STOP_SHARE = 0.95;

/** The verdicts, or `undefined` when something did not keep the deadline it was given. */
async function judgeInTime(
  { namespace }: AdmissionRequest,
  images: readonly ImageUse[],
  budgetMs: number,
  ports: AdmissionPorts,
): Promise<readonly JudgedImage[] | undefined> {
  const { promise: tooLate, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => {
    resolve(undefined);
  }, budgetMs);
  try {
    const judging = ports.judge({
      images,
      policies: ports.policies(),
      labels: ports.namespaceLabels(namespace),
      signal: AbortSignal.timeout(Math.floor(budgetMs * HARD_STOP_SHARE)),
    });
    return await Promise.race([judging, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
