import { Fault } from '../model/index.ts';

/** Starts one piece of work that stands and falls with the others. */
export type Start = <T>(task: () => Promise<T>) => Promise<T>;

/**
 * Does work in many pieces that stand and fall together: the first that fails aborts all others, they are waited for, and its
 * error is thrown. Nothing runs on after that, and no other work is aborted.
 */
export async function together<T>(
  signal: AbortSignal,
  work: (signal: AbortSignal, start: Start) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const started: Promise<unknown>[] = [];
  let first: { readonly error: unknown } | undefined;
  const start: Start = (task) => {
    const running = task().catch((error: unknown) => {
      first ??= { error };
      stop.abort();
      throw error;
    });
    started.push(running);
    return running;
  };
  try {
    return await work(AbortSignal.any([signal, stop.signal]), start);
  } catch (error) {
    stop.abort();
    throw first === undefined ? error : first.error;
  } finally {
    await Promise.allSettled(started);
  }
}

/** Whether a registry has refused for good what is pushed. What may pass, what is too large and what was not granted is something else. */
export function isRefused({ code, transient }: Fault): boolean {
  return !transient && (code === 'RegistryDenied' || code === 'RegistryMisbehaved');
}

/** Whether a registry has refused to replace what lies under a tag, because its tags are immutable. A login without the right is another thing. */
export function isKeptTag(fault: Fault): boolean {
  return fault.isKept && isRefused(fault);
}

/** What work gives; instead of a Fault what is made of it, unless the signal has ended the work. */
export async function orFault<T, U>(
  work: Promise<T>,
  instead: (fault: Fault) => U,
  signal: AbortSignal,
): Promise<T | U> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Fault) || signal.aborted) throw error;
    return instead(error);
  }
}
