import { setTimeout as sleep } from 'node:timers/promises';

/** Longest pause of one call for the server's convenience, in milliseconds; a longer one is the caller's to make. */
const MAX_PAUSE_MS = 10_000;
/** Milliseconds for a 429 that names no time: what the API server names nearly always. */
const USUAL_PAUSE_MS = 1_000;

/** How long the server asks to wait before the call is sent again; `undefined` when it is an answer as it is. */
export function pauseAfter({
  status,
  headers,
}: {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}): number | undefined {
  if (status !== 429 && status !== 503) return undefined;
  const value = headers['retry-after'];
  const asked =
    typeof value === 'string' && /^\d{1,6}$/.test(value.trim()) ? Number(value) * 1_000 : undefined;
  const ms = asked ?? (status === 429 ? USUAL_PAUSE_MS : undefined);
  return ms === undefined || ms > MAX_PAUSE_MS ? undefined : ms;
}

/** Waits; rejects when the signal fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal });
}
