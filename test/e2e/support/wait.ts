import { setTimeout as sleep } from 'node:timers/promises';

export interface Wait {
  /** The awaited condition, as the error names it. */
  readonly what: string;
  readonly withinMs: number;
  readonly everyMs?: number;
  /** True when the condition holds. An exception means "not yet"; the last one is reported at the timeout. */
  readonly check: () => Promise<boolean>;
  /** Ends the waiting early, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Short compared with every awaited condition, long compared with one check. */
const EVERY_MS = 50;

/** Checks again and again until the condition holds. @throws at the timeout or when the signal aborts. */
export async function until({ what, withinMs, everyMs = EVERY_MS, check, signal }: Wait): Promise<void> {
  const deadline = performance.now() + withinMs;
  let lastError: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      if (await check()) return;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > deadline) break;
    await sleep(everyMs);
  }
  const last = lastError instanceof Error ? `; last: ${lastError.message}` : '';
  throw new Error(`${what} did not come within ${withinMs} ms${last}`);
}
