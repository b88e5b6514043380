import { Cron } from 'croner';
import { parsed, problem, type Parsed } from '../model/index.ts';

/** Gives the first moment after another at which a schedule wants a run; `undefined` = never again. */
export type Schedule = (after: Date) => Date | undefined;

/**
 * Reads a schedule as CronJob writes it: five fields, or `@daily` and its like; a day that either day field names. Where the
 * clocks go forward over it, a run comes when they have; where they go back over it, it comes once. A problem's path is
 * `schedule` or `timeZone`.
 */
export function parseSchedule(schedule: string, timeZone: string): Parsed<Schedule> {
  if (!isTimeZone(timeZone)) return problem('timeZone', 'is no time zone; write one such as Etc/UTC');
  // Besides patterns the library takes a date, for something that happens once.
  if (/^\s*\d+-/.test(schedule)) return problem('schedule', FIVE_FIELDS);
  try {
    const cron = new Cron(schedule, { timezone: timeZone, mode: '5-part', paused: true });
    const next: Schedule = (after) => cron.nextRun(after) ?? undefined;
    return next(SOME_LEAP_YEAR) === undefined
      ? problem('schedule', 'names no day that ever comes')
      : parsed(next);
  } catch {
    return problem('schedule', FIVE_FIELDS);
  }
}

const FIVE_FIELDS = 'is no schedule; write five fields as cron does: minute, hour, day, month, weekday';
/** Any fixed moment does to ask whether a pattern comes round at all. */
const SOME_LEAP_YEAR = new Date('2024-01-01T00:00:00Z');

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** The first run after `after`, by a schedule and a time zone that were checked before; `undefined` = never, or unreadable. */
export function nextRun(schedule: string, timeZone: string, after: Date): Date | undefined {
  const read = parseSchedule(schedule, timeZone);
  return read.ok ? read.value(after) : undefined;
}
