import { pino } from 'pino';

/** Writes one JSON line per call: a constant message and named fields. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A log that writes JSON lines to `write`; errors in a field `err` keep their stack and causes. */
export function createLog(write: (line: string) => void): Log {
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write });
}
