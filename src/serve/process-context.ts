import { errorFields, type Log } from '../core/model/index.ts';

/** What the process gives: environment, standard input, and where log lines go. */
export interface ProcessContext {
  readonly version: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly writeLog: (line: string) => void;
}

/** The one clock of the process. */
export const clock = () => new Date();

/** Logs that a collection of the API server could not be read. */
export function logReadFailure(log: Log): (what: string, error: unknown) => void {
  return (what, error) => {
    log.warn({ what, ...errorFields(error) }, 'reading from the API server failed, it is tried again');
  };
}
