import type { Log } from '../../core/model/index.ts';
import { pino } from 'pino';

/** A log that writes JSON lines to `write`; errors in a field `err` keep their stack and causes. */
export function createLog(write: (line: string) => void): Log {
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write });
}
