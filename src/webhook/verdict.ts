import type { JudgedImage, Parsed } from '../core/model/index.ts';
import { KUBERNETES_WORKLOADS } from '../core/workload/index.ts';
import { passAnswer, refusalAnswer, verdictAnswer, type AdmissionAnswer } from './answer.ts';
import type { AdmissionRequest } from './decode.ts';
import { labelsFor } from './namespace-labels.ts';
import { parentScope } from './parent.ts';
import type { AdmissionPorts } from './ports.ts';
import { scopeOf, type Scope } from './scope.ts';

/** An answer with the images it rests on. */
export interface Answered {
  readonly answer: AdmissionAnswer;
  readonly images: readonly JudgedImage[];
}

/** HTTP codes of refusals without a verdict: what may go away by itself, and what needs somebody to act. */
const CODE = { unavailable: 503, forbidden: 403 };

/** The answer to a request that could be decoded: scope → judge → answer. Rejects for bugs only. */
export async function answerTo(
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
