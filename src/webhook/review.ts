import { formatReference, type JudgedImage, type Parsed, problem, type Fact } from '../core/model/index.ts';
import { refusalAnswer, type AdmissionAnswer, passAnswer, verdictAnswer } from './answer.ts';
import { within } from './deadline.ts';
import { decodeReview, type AdmissionRequest } from './decode.ts';
import type { AdmissionPorts, Decision, Subject, ObjectAddress } from './ports.ts';
import { KUBERNETES_WORKLOADS, type ObjectKind, type WorkloadTable } from '../core/workload/index.ts';
import { labelsFor } from './namespace-labels.ts';
import { scopeOf, type Scope, wholeScope } from './scope.ts';

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

/** An answer with the images it rests on. */
interface Answered {
  readonly answer: AdmissionAnswer;
  readonly images: readonly JudgedImage[];
}

/** HTTP codes of refusals without a verdict: what may go away by itself, and what needs a change by a person. */
const CODE = { unavailable: 503, forbidden: 403 };

/** The answer to a request that could be decoded: scope → judge → answer. Rejects for bugs only. */
async function answerTo(
  request: AdmissionRequest,
  ports: AdmissionPorts,
  signal: AbortSignal,
): Promise<Answered> {
  const table = ports.workloads ?? KUBERNETES_WORKLOADS;
  const scope = scopeOf(request, table);
  if (!scope.ok || scope.value.brings !== 'replicas') return answerScope(scope, request, ports, signal);
  const parent = await parentScope(scope.value.parent, request, { read: ports.parent, table }, signal);
  if (parent.found) return answerScope(parent.scope, request, ports, signal);
  const { unavailable, forbidden } = CODE;
  const again = parent.transient ? ' (temporary, try again)' : '';
  const code = parent.transient ? unavailable : forbidden;
  return {
    answer: refusalAnswer(request.uid, code, 'ParentUnknown', `${parent.detail}${again}`),
    images: [],
  };
}

async function answerScope(
  scope: Parsed<Scope>,
  { uid, kind, namespace }: AdmissionRequest,
  ports: AdmissionPorts,
  signal: AbortSignal,
): Promise<Answered> {
  if (!scope.ok) {
    const detail = scope.problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; ');
    return { answer: refusalAnswer(uid, 400, 'InvalidRequest', `${kind.kind} ${detail}`), images: [] };
  }
  if (scope.value.brings !== 'images') return { answer: passAnswer(uid), images: [] };
  const { images, credentials } = scope.value;
  const policies = ports.policies();
  const labels = await labelsFor(namespace, policies, ports, signal);
  const judged = await ports.judge({ images, policies, labels, credentials, signal });
  return { answer: verdictAnswer(uid, judged), images: judged };
}

/** Why the object that is to be scaled could not be judged. */
interface ParentUnknown {
  readonly detail: string;
  readonly transient: boolean;
}

/** An object that is to be scaled, found or not. */
type ParentScope =
  { readonly found: true; readonly scope: Parsed<Scope> } | ({ readonly found: false } & ParentUnknown);

/** Reads the object that is scaled up, and answers all of its images. */
async function parentScope(
  address: ObjectAddress,
  request: AdmissionRequest,
  { read, table }: { readonly read: AdmissionPorts['parent']; readonly table: WorkloadTable },
  signal: AbortSignal,
): Promise<ParentScope> {
  const what = nameOf(address);
  if (read === undefined) {
    const detail = `${what} is to run more pods, and this webhook runs without access to the cluster and cannot read its images`;
    return { found: false, detail, transient: false };
  }
  const parent = await read(address, signal);
  if (parent.state !== 'found') return { found: false, ...whyUnknown(what, parent) };
  const kind = kindOf(parent.value, address);
  if (kind === undefined) return { found: true, scope: problem('', `${what} has no kind`) };
  return { found: true, scope: wholeScope(parent.value, { ...request, kind }, table) };
}

function whyUnknown(what: string, parent: Exclude<Fact<unknown>, { state: 'found' }>): ParentUnknown {
  // It was there when the API server took the request: it has just gone, or has just come.
  if (parent.state === 'absent') return { detail: `${what} was not found`, transient: true };
  const { reason, transient } = parent;
  return { detail: `${what} could not be read: ${reason.code}: ${reason.detail}`, transient };
}

/** The group is that of the resource asked for; only the kind is taken from the object. */
function kindOf(object: unknown, { resource }: ObjectAddress): Required<ObjectKind> | undefined {
  if (typeof object !== 'object' || object === null || !('kind' in object)) return undefined;
  const { kind } = object;
  return typeof kind === 'string' && kind !== ''
    ? { group: resource.group, version: resource.version, kind }
    : undefined;
}

function nameOf({ resource, namespace, name }: ObjectAddress): string {
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
  return `${resource.plural}${resource.group === '' ? '' : `.${resource.group}`} "${name}"${where}`;
}
