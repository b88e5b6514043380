import { setTimeout as sleep } from 'node:timers/promises';

export interface Wait {
  /** The awaited condition, as the error names it. */
  readonly what: string;
  readonly withinMs: number;
  /** Milliseconds between two checks; by default more and more of them, up to half a second. */
  readonly everyMs?: number;
  /** True when the condition holds. An exception means "not yet"; the last one is reported at the timeout. */
  readonly check: () => Promise<boolean>;
  /** Ends the waiting early, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Short compared with every awaited condition. */
const FIRST_MS = 50;
/** Long compared with one check, which is often a start of a program. */
const LAST_MS = 500;
/** Part of the time since the begin of the waiting, which is no more than what a condition may be seen late. */
const SHARE = 0.1;

/** Checks again and again until the condition holds. @throws at the timeout or when the signal aborts. */
export async function until({ what, withinMs, everyMs, check, signal }: Wait): Promise<void> {
  const began = performance.now();
  let lastError: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      if (await check()) return;
    } catch (error) {
      lastError = error;
    }
    const waitedMs = performance.now() - began;
    if (waitedMs > withinMs) break;
    await sleep(everyMs ?? Math.min(Math.max(waitedMs * SHARE, FIRST_MS), LAST_MS));
  }
  const last = lastError instanceof Error ? `; last: ${lastError.message}` : '';
  throw new Error(`${what} did not come within ${withinMs} ms${last}`);
}
