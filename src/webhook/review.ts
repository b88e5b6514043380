import type { ObjectAddress } from '../clients/kubernetes/index.ts';
import {
  describeProblems,
  formatReference,
  nameOf,
  objectOf,
  parseReference,
  problem,
  textOf,
} from '../core/model/index.ts';
import type { Fact, ImageRef, Parsed, Problem, ReasonCode } from '../core/model/index.ts';
import {
  explainWarning,
  policiesAt,
  selectPolicies,
  type CompiledPolicy,
  type Labels,
} from '../core/policy/index.ts';
import { KUBERNETES_WORKLOADS, type ImageUse } from '../core/workload/index.ts';
import { passAnswer, refusalAnswer, verdictAnswer, type AdmissionAnswer, type Answered } from './answer.ts';
import { within } from './deadline.ts';
import { readReview, type AdmissionRequest, type Review } from './decode.ts';
import { labelsFor, type AdmissionPorts, type Subject } from './ports.ts';
import { broughtBy, isPod, scopeOf, wholeScope, type Scope } from './scope.ts';

/** An answer with the HTTP status it is sent under: 200 for every review that could be read. */
export interface ReviewOutcome {
  readonly status: number;
  readonly answer: AdmissionAnswer;
}

/**
 * Answers one AdmissionReview: decode → scope → judge → answer. Always answers, with an AdmissionReview, within the
 * budget: what cannot be read, what fails and what takes too long is refused with its reason.
 */
export async function review(asked: Review, ports: AdmissionPorts): Promise<ReviewOutcome & Answered> {
  const started = performance.now();
  const request = await readReview(asked, ports);
  if (!request.ok) {
    const reason = reasonOf(request.problems);
    const refused = refusalAnswer(
      request.uid,
      CODES[reason] ?? 400,
      reason,
      describeProblems(request.problems),
    );
    logDecision(refused, { ...UNREAD, uid: request.uid }, started, ports);
    // Without a uid no API server can match the answer; the HTTP status reports the error to the sender.
    return { status: request.uid === '' ? 400 : 200, ...refused };
  }
  const answered = await answerInTime(request.value, asked.budgetMs - millisecondsSince(started), ports);
  logDecision(answered, subjectOf(request.value), started, ports);
  return { status: 200, ...answered };
}

/** Codes of refusals that are not the sender's fault. */
const CODES: Partial<Record<ReasonCode, number>> = { DeadlineExceeded: 504, InternalError: 500 };

/** The reason why a review could not be read. */
export function reasonOf([first]: readonly Problem[]): ReasonCode {
  return first?.reason ?? 'InvalidRequest';
}

/** What a request is about, in the words of the log line. */
export function subjectOf({ uid, kind, namespace, name, operation, dryRun }: AdmissionRequest): Subject {
  return { uid, namespace, name, operation, dryRun, kind: kind.kind };
}

/** Milliseconds since a moment of `performance.now()`, with one digit behind the point. */
export function millisecondsSince(started: number): number {
  return Math.round((performance.now() - started) * 10) / 10;
}

/** A review that could not be read has no known object; its refusal is logged all the same. */
const UNREAD = { kind: '', namespace: '', name: '', operation: '', dryRun: false } as const;

function logDecision(
  { answer, verdict, reasons, images: judged }: Answered,
  subject: Subject,
  started: number,
  { onDecision }: AdmissionPorts,
): void {
  const { allowed } = answer.response;
  const images = judged.map(({ image, reference }) => (reference ? formatReference(reference) : image));
  onDecision({ ...subject, allowed, verdict, reasons, images, milliseconds: millisecondsSince(started) });
}

async function answerInTime(
  request: AdmissionRequest,
  budgetMs: number,
  ports: AdmissionPorts,
): Promise<Answered> {
  const { uid } = request;
  try {
    const answered = await within(budgetMs, (signal) => answerTo(request, ports, signal));
    if (answered) return answered;
    const why = 'the images could not be judged in time (temporary, try again)';
    return refusalAnswer(uid, 504, 'DeadlineExceeded', why);
  } catch (error) {
    ports.report(error);
    const why = 'Pratique failed while judging this object; its log says how';
    return refusalAnswer(uid, 500, 'InternalError', why);
  }
}

/** The answer to a request that could be decoded: scope → judge → answer. Rejects for bugs only. */
async function answerTo(
  request: AdmissionRequest,
  ports: AdmissionPorts,
  signal: AbortSignal,
): Promise<Answered> {
  const { uid, kind, namespace } = request;
  const asked = scopeOf(request, ports.workloads ?? KUBERNETES_WORKLOADS);
  const isScale = asked.ok && asked.value.brings === 'replicas';
  const scope = isScale ? await parentScope(asked.value.parent, request, ports, signal) : asked;
  if ('unreadable' in scope) return parentUnknown(uid, scope);
  if (!scope.ok) {
    return refusalAnswer(uid, 400, 'InvalidRequest', `${kind.kind} ${describeProblems(scope.problems)}`);
  }
  if (scope.value.brings !== 'images') return passAnswer(uid);
  const { images, credentials } = scope.value;
  const policies = policiesAt(ports.policies(), 'Admission');
  const labels = await labelsFor(namespace, policies, ports, signal);
  const owner = { namespace };
  const judged = await ports.judge({ images, policies, labels, credentials, owner, signal });
  // A change of scale brings no image.
  const brought = isScale ? [] : broughtBy(request, images, ports.workloads ?? KUBERNETES_WORKLOADS);
  const isPinnedLater = ports.objects === 'Pods' && !isPod(request);
  return verdictAnswer(uid, judged, warnCachedTags(brought, { policies, labels, isPinnedLater }));
}

interface ParentUnknown {
  readonly unreadable: string;
  readonly transient: boolean;
}

/** What may go away by itself is unavailable (503); what needs a change by a person is forbidden (403). */
function parentUnknown(uid: string, { unreadable, transient }: ParentUnknown): Answered {
  return transient
    ? refusalAnswer(uid, 503, 'ParentUnknown', `${unreadable} (temporary, try again)`)
    : refusalAnswer(uid, 403, 'ParentUnknown', unreadable);
}

/** Reads the object that is scaled up, and answers all of its images. */
async function parentScope(
  address: ObjectAddress,
  request: AdmissionRequest,
  { parent: read, workloads = KUBERNETES_WORKLOADS }: AdmissionPorts,
  signal: AbortSignal,
): Promise<Parsed<Scope> | ParentUnknown> {
  const { group, version, plural } = address.resource;
  const where = address.namespace === undefined ? '' : ` in namespace ${address.namespace}`;
  const what = `${plural}${group === '' ? '' : `.${group}`} "${address.name}"${where}`;
  if (read === undefined) {
    const unreadable = `${what} is to run more pods, and this webhook runs without access to the cluster and cannot read its images`;
    return { unreadable, transient: false };
  }
  const parent = await read(address, signal);
  // It was there when the API server took the request: it has just gone, or has just come.
  if (parent.state === 'absent') return { unreadable: `${what} was not found`, transient: true };
  if (parent.state === 'unknown') {
    const { reason, transient } = parent;
    return { unreadable: `${what} could not be read: ${reason.code}: ${reason.detail}`, transient };
  }
  // The group is that of the resource asked for; only the kind is taken from the object.
  const kind = textOf(objectOf(parent.value).kind);
  if (kind === '') return problem('', `${what} has no kind`);
  return wholeScope(parent.value, { ...request, kind: { group, version, kind } }, workloads);
}

/** Under which policies images come, and what happens to them afterwards. */
interface Circumstances {
  readonly policies: readonly CompiledPolicy[];
  readonly labels: Fact<Labels>;
  /** Pods made from this object get digests from policies that pin. */
  readonly isPinnedLater: boolean;
}

/**
 * Warnings about images that a node may have under the same tag already, another one than was judged: one for each reference with
 * a tag only that the node does not always pull, where a policy that denies asks for signatures. A node that has such an image runs
 * it without asking the registry, and nothing here can see that.
 */
export function warnCachedTags(images: readonly ImageUse[], given: Circumstances): readonly string[] {
  const warned = new Map<string, string>();
  for (const use of images) {
    if (use.image.includes('@')) continue; // it names a digest, or is no reference
    const ref = parseReference(use.image);
    if (!ref.ok || isAlwaysPulled(use, ref.value)) continue;
    const policy = policyAgainst(ref.value, given);
    const key = formatReference(ref.value);
    if (policy && !warned.has(key)) warned.set(key, warningAbout(use, ref.value, policy));
  }
  return [...warned.values()];
}

/** Kubernetes pulls `latest` always and every other tag if it is not there, unless the object says it (`imagePullPolicy`). */
function isAlwaysPulled({ pullPolicy }: ImageUse, { tag }: ImageRef): boolean {
  return (pullPolicy ?? (tag === 'latest' ? 'Always' : '')) === 'Always';
}

function policyAgainst(
  ref: ImageRef,
  { policies, labels, isPinnedLater }: Circumstances,
): CompiledPolicy | undefined {
  const { applying } = selectPolicies(policies, nameOf(ref), labels);
  if (isPinnedLater && applying.some(({ pinDigests }) => pinDigests)) return undefined;
  return applying.find(({ enforcement, signatures, attestations }) => {
    return enforcement === 'Deny' && (signatures !== undefined || attestations.length > 0);
  });
}

function warningAbout(use: ImageUse, reference: ImageRef, { name }: CompiledPolicy): string {
  const found = 'a node that has another image under this tag runs that one';
  const next = 'add the digest, pinDigests or imagePullPolicy: Always';
  const finding = { reason: 'TagMayDiffer', found, next, policy: name, transient: false } as const;
  return explainWarning({ ...use, reference }, finding);
}
