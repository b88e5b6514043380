import { formatReference } from '../core/model/index.ts';
import { refusalAnswer, type AdmissionAnswer } from './answer.ts';
import { within } from './deadline.ts';
import { decodeReview, type AdmissionRequest } from './decode.ts';
import type { AdmissionPorts, Decision, Subject } from './ports.ts';
import { answerTo, type Answered } from './verdict.ts';

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
    // Without a uid no API server can match the answer; the HTTP status reports the error to the sender.
    const status = request.uid === '' ? 400 : 200;
    const answer = refusalAnswer(request.uid, 400, 'InvalidRequest', detail);
    logDecision(answer, { ...UNREAD, uid: request.uid }, started, ports);
    return { status, answer };
  }
  const { answer, images } = await answerInTime(request.value, budgetMs, ports);
  const subject = {
    ...subjectOf(request.value),
    images: images.map(({ image, reference }) => (reference ? formatReference(reference) : image)),
  };
  logDecision(answer, subject, started, ports);
  return { status: 200, answer };
}

/** What a request is about, in the words of the log line. */
export function subjectOf({ uid, kind, namespace, name, operation, dryRun }: AdmissionRequest): Subject {
  return { uid, namespace, name, operation, dryRun, kind: kind.kind };
}

/** A review that could not be read has no known object; its refusal is logged all the same. */
const UNREAD = { kind: '', namespace: '', name: '', operation: '', dryRun: false, images: [] } as const;

function logDecision(
  { response }: AdmissionAnswer,
  subject: Subject & Pick<Decision, 'images'>,
  started: number,
  ports: AdmissionPorts,
): void {
  const { verdict = 'allow', reasons = '' } = response.auditAnnotations ?? {};
  ports.onDecision({
    ...subject,
    allowed: response.allowed,
    verdict,
    reasons: reasons === '' ? [] : reasons.split(','),
    milliseconds: Math.round((performance.now() - started) * 10) / 10,
  });
}

async function answerInTime(
  request: AdmissionRequest,
  budgetMs: number,
  ports: AdmissionPorts,
): Promise<Answered> {
  const refuse = (...why: [number, 'DeadlineExceeded' | 'InternalError', string]): Answered => ({
    answer: refusalAnswer(request.uid, ...why),
    images: [],
  });
  try {
    const answered = await within(budgetMs, (signal) => answerTo(request, ports, signal));
    return (
      answered ??
      refuse(504, 'DeadlineExceeded', 'the images could not be judged in time (temporary, try again)')
    );
  } catch (error) {
    ports.report(error);
    return refuse(500, 'InternalError', 'Pratique failed while judging this object; its log says how');
  }
}
