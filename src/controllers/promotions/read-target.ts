import { Fault } from '../../core/model/index.ts';
import { parsePromotion, type RunImage } from '../../core/promotion/index.ts';
import { knownRuns } from './run/recorded-run.ts';
import type { Reconciling } from './refresh.ts';
import type { ControllerPorts, ObjectName, PromotionObject, WatchedTarget } from './ports.ts';
import { knownAtTarget, type Looked } from './reassess.ts';

/** Checks the target of a promotion and leaves the result to the next reconciliation of the promotion. */
export async function lookAtTarget(
  name: ObjectName,
  reconciling: Reconciling,
  signal: AbortSignal,
): Promise<void> {
  const { ports, looks, rejudgeEveryMs } = reconciling;
  const key = `${name.namespace}/${name.name}`;
  const subject = subjectOf(name, reconciling);
  // A promotion that cannot be read is reported elsewhere.
  const looked = subject && (await see(subject, ports, signal));
  if (!looks.has(key)) return;
  looks.set(key, looked ? { looked } : { dueMs: ports.now() + rejudgeEveryMs });
  if (looked && looked !== 'unjudged') publishUnreadable(key, looked, ports);
}

function subjectOf(name: ObjectName, { ports, statuses }: Reconciling): WatchedTarget | undefined {
  const object = ports.promotion(name);
  const read = object && parsePromotion(object);
  if (!object || !read?.ok) return undefined;
  const { namespace, name: own } = object.metadata;
  const status = statuses.get(`${namespace}/${own}`)?.status ?? object.status ?? {};
  const known = knownAtTarget(status, lastImages(object, ports));
  return { namespace, name: own, spec: read.value.spec, known };
}

/** The images that the last completed run reports. */
function lastImages(object: PromotionObject, ports: ControllerPorts): readonly RunImage[] {
  const last = knownRuns(ports.runsOf(object)).find(({ over }) => over);
  return last?.object.status?.images ?? [];
}

async function see(
  subject: WatchedTarget,
  { rejudge, clock }: ControllerPorts,
  signal: AbortSignal,
): Promise<Looked | 'unjudged'> {
  try {
    const judgement = await rejudge?.(subject, signal);
    return judgement ? { at: clock(), judgement } : 'unjudged';
  } catch (error) {
    if (!(error instanceof Fault) || signal.aborted) throw error;
    const { code, message: detail } = error;
    return { at: clock(), known: subject.known.length, failure: { code, detail } };
  }
}

function publishUnreadable(key: string, looked: Looked, { onError: onError }: ControllerPorts): void {
  const operation = `judge again what ImagePromotion ${key} has promoted`;
  if ('failure' in looked) {
    onError({ operation, detail: looked.failure.detail });
    return;
  }
  const { judged, reason } = looked.judgement;
  const unreadable = judged.flatMap((one) => (one.state === 'unknown' ? [one.reason] : []));
  const why = unreadable[0] ?? reason;
  if (why) onError({ operation, detail: why.detail });
}
