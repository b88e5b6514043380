import { setTimeout as sleep } from 'node:timers/promises';

export interface Wait {
  /** What is waited for, as the error is to name it. */
  readonly what: string;
  readonly withinMs: number;
  readonly everyMs?: number;
  /** True when it has come. An exception means "not yet"; the last one is reported when time is up. */
  readonly check: () => Promise<boolean>;
  /** Ends the waiting early, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Short against everything that is waited for here, long against the cost of one look. */
const EVERY_MS = 50;

/** Asks again and again until the answer is yes. @throws when time is up or the signal says so. */
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
