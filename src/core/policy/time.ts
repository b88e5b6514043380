const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIMESTAMP =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?([Zz]|[+-](\d{2}):(\d{2}))$/;
const LAST_MS_OF_DAY = 24 * 3_600_000 - 1;

/**
 * Reads a date (`2026-10-01`: the end of that day, UTC) or an RFC 3339 timestamp with its zone. Anything else, also a day
 * that does not exist or a time without zone, is `undefined`: unreadable, which is not the same as absent.
 */
export function parseTime(text: string): Date | undefined {
  const trimmed = text.trim();
  const date = DATE.exec(trimmed);
  if (date) {
    const start = day(date);
    return start === undefined ? undefined : new Date(start + LAST_MS_OF_DAY);
  }
  const stamp = TIMESTAMP.exec(trimmed);
  if (!stamp || day(stamp) === undefined || !timeExists(stamp)) return undefined;
  const moment = new Date(trimmed.replace(' ', 'T').toUpperCase());
  return Number.isNaN(moment.getTime()) ? undefined : moment;
}

/** The day of a moment in UTC, as people write it: `2026-10-01`. */
export function formatDay(moment: Date): string {
  return moment.toISOString().slice(0, 10);
}

function day(match: RegExpExecArray): number | undefined {
  const [year, month, date] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const ms = Date.UTC(year, month - 1, date);
  const made = new Date(ms);
  return made.getUTCMonth() === month - 1 && made.getUTCDate() === date ? ms : undefined;
}

function timeExists(stamp: RegExpExecArray): boolean {
  const [hour, minute, second] = [Number(stamp[4]), Number(stamp[5]), Number(stamp[6])];
  const [zoneHour, zoneMinute] = [Number(stamp[8] ?? 0), Number(stamp[9] ?? 0)];
  return hour < 24 && minute < 60 && second < 60 && zoneHour < 24 && zoneMinute < 60;
}

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
