import { existsSync } from 'node:fs';
import { join } from 'node:path';
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

/** The longest a timer of Node.js can wait, in milliseconds: some 24 days; it would fire at once for more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The time of this process, for controllers. */
export const TIME = {
  now: () => performance.now(),
  clock,
  /** Calls back once; the answer cancels it. */
  after: (ms: number, run: () => void): (() => void) => {
    const timer = setTimeout(run, Math.min(ms, MAX_TIMER_MS));
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Logs that a collection of the API server could not be read. */
export function logReadFailure(log: Log): (what: string, error: unknown) => void {
  return (what, error) => {
    log.warn({ what, ...errorFields(error) }, 'reading from the API server failed, it is tried again');
  };
}

/** The kubeconfig that kubectl would use; `undefined` = there is none. */
export function usualKubeconfig({
  KUBECONFIG = '',
  HOME = '',
}: ProcessContext['environment']): string | undefined {
  if (KUBECONFIG !== '') return KUBECONFIG;
  const usual = join(HOME, '.kube', 'config');
  return HOME !== '' && existsSync(usual) ? usual : undefined;
}
