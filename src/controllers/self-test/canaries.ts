import pLimit from 'p-limit';
import { Fault } from '../../core/model/index.ts';
import {
  canariesOf,
  judgeCanaries,
  NO_POD,
  readCanary,
  unansweredCanary,
  type Canary,
  type CanaryOutcome,
  type RunningPod,
  type SelfTestVerdict,
} from '../../core/workload/index.ts';
import type { CanaryPorts } from './ports.ts';

/** Canaries under way at a time: enough to be done soon, few enough that admissions do not notice. */
const CONCURRENCY = 3;
/** One canary in milliseconds: the longest timeout a webhook can have, and a little for the way. */
const CANARY_MS = 32_000;
/** A whole run in milliseconds: an API server that answers this slowly gives no proof. */
const RUN_MS = 120_000;

/**
 * Sends every canary once, as a server-side dry run, and says what the answers prove. Never throws for anything the API
 * server does; ends in two minutes at the latest, and at once when the signal aborts.
 */
export async function tryCanaries(
  ports: CanaryPorts,
  { namespace, signal }: { readonly namespace: string; readonly signal: AbortSignal },
): Promise<SelfTestVerdict> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(RUN_MS)]);
  const limit = pLimit(CONCURRENCY);
  const [pod, custom] = await Promise.all([
    attempt(() => ports.findPod(namespace, within), ports),
    attempt(async () => ports.customKinds?.(within) ?? [], ports),
  ]);
  const canaries = canariesOf({
    namespace,
    hex: ports.hex(),
    ...(custom.ok && { custom: custom.value }),
    ...(pod.ok && pod.value && { pod: pod.value }),
  });
  const outcomes = await Promise.all(canaries.map((canary) => limit(() => tryCanary(canary, ports, within))));
  const kinds = custom.ok ? [] : [unansweredCanary({ id: 'custom kinds' }, custom.why)];
  return judgeCanaries([...outcomes, ...podOutcome(pod), ...kinds]);
}

type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

function podOutcome(pod: Attempt<RunningPod | undefined>): readonly CanaryOutcome[] {
  if (!pod.ok) return [unansweredCanary(NO_POD, pod.why)];
  return pod.value ? [] : [NO_POD];
}

async function tryCanary(canary: Canary, ports: CanaryPorts, within: AbortSignal): Promise<CanaryOutcome> {
  const { resource, namespace, write } = canary;
  const signal = AbortSignal.any([within, AbortSignal.timeout(CANARY_MS)]);
  const options = { dryRun: true, signal } as const;
  const answer = await attempt(() => {
    if (write.how === 'create') return ports.create({ resource, namespace }, write.object, options);
    const { name, subresource } = write;
    return ports.patch({ resource, namespace, name, subresource }, write.patch, options);
  }, ports);
  return answer.ok ? readCanary(canary, answer.value) : unansweredCanary(canary, answer.why);
}

/** A broken connection proves nothing; a bug is also reported. */
async function attempt<T>(work: () => Promise<T>, { report }: CanaryPorts): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (error instanceof Fault) return { ok: false, why: error.message };
    report(error);
    return { ok: false, why: 'Pratique failed; its log says how' };
  }
}
