/** The present moment, handed in: nothing that judges reads the time by itself. */
export type Clock = () => Date;

/** Calls back once, after this many milliseconds; the answer cancels it. */
export type After = (ms: number, run: () => void) => () => void;

/** Time, handed in: `now` in milliseconds since some moment, never going back; `clock` as people read it. */
export interface Time {
  readonly now: () => number;
  readonly clock: Clock;
  readonly after: After;
}

/** A moment as records, annotations and conditions spell it: RFC 3339 in UTC, whole seconds. */
export function rfc3339(moment: Date): string {
  return `${moment.toISOString().slice(0, 19)}Z`;
}

/** A moment as `MicroTime` fields want it: the clock knows three of the six digits, the last three (0 to 999) are given. */
export function microTime(moment: Date, micros = 0): string {
  return moment.toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`);
}
