import { Fault } from '../../../src/core/model/index.ts';

/** One call of the cluster twin, as it was made. */
export interface ClusterCall {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'replace' | 'apply' | 'patch' | 'remove';
  /** The plural, as `pods`. */
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly dryRun?: boolean;
  readonly fieldManager?: string;
  /** What was sent: the object or the patch. */
  readonly body?: object;
}

/** Some fields of a call; matches every call that has them. */
export type CallPattern = Partial<Omit<ClusterCall, 'body'>>;

/** Records calls and lets tests make them fail. */
export interface CallGate {
  readonly calls: readonly ClusterCall[];
  /** The number of matching calls. */
  count(pattern: CallPattern): number;
  /** Makes matching calls fail, `times` of them or until the returned function is called. */
  fail(pattern: CallPattern, error: unknown, times?: number): () => void;
  /** Holds matching calls back (their signal still ends them) until the returned function is called. */
  hold(pattern: CallPattern): () => void;
  /** Passes the gate. */
  enter(call: ClusterCall, signal?: AbortSignal): Promise<void>;
}

/** A fault as the adapter throws it. */
export function clusterFault(
  code: 'ClusterUnavailable' | 'ClusterDenied' = 'ClusterUnavailable',
  transient = code === 'ClusterUnavailable',
): Fault {
  return new Fault({
    code,
    operation: 'ask the API server',
    side: 'cluster',
    transient,
    detail: 'it failed',
  });
}

/** A gate that holds no call. */
export function createCallGate(): CallGate {
  const calls: ClusterCall[] = [];
  const failures = new Set<{ pattern: CallPattern; error: unknown; left: number }>();
  const gates = new Set<{ pattern: CallPattern; opened: Promise<void> }>();

  const failIfOrdered = (call: ClusterCall): void => {
    for (const failure of failures) {
      if (!fits(call, failure.pattern)) continue;
      failure.left -= 1;
      if (failure.left <= 0) failures.delete(failure);
      throw failure.error;
    }
  };

  return {
    calls,
    count: (pattern) => calls.filter((call) => fits(call, pattern)).length,
    fail: (pattern, error, times = Infinity) => {
      const failure = { pattern, error, left: times };
      failures.add(failure);
      return () => void failures.delete(failure);
    },
    hold: (pattern) => {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const gate = { pattern, opened: promise.then(() => void gates.delete(gate)) };
      gates.add(gate);
      return () => {
        resolve(undefined);
      };
    },
    enter: async (call, signal) => {
      calls.push(call);
      await Promise.resolve(); // no answer arrives in the same turn
      for (const gate of [...gates]) if (fits(call, gate.pattern)) await passGate(gate.opened, signal);
      if (signal?.aborted) throw clusterFault();
      failIfOrdered(call);
    },
  };
}

function fits(call: ClusterCall, pattern: CallPattern): boolean {
  return Object.entries(pattern).every(([key, value]) => call[key as keyof ClusterCall] === value);
}

async function passGate(opened: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return opened;
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const onAbort = (): void => {
    resolve(undefined);
  };
  if (signal.aborted) return;
  signal.addEventListener('abort', onAbort, { once: true });
  await Promise.race([opened, aborted]);
  signal.removeEventListener('abort', onAbort);
}
