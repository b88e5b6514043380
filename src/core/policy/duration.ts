/** Go's duration syntax without sign, as everywhere in Kubernetes: `720h`, `1h30m`, `250ms`. */
export const DURATION_PATTERN = /^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h))+$/;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a duration that matches {@link DURATION_PATTERN}. */
export function durationMs(text: string): number {
  return [...text.matchAll(/([\d.]+)(ms|s|m|h)/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ''] ?? 0),
    0,
  );
}
