import type { Reason } from '../../core/model/index.ts';
import { readApprovals } from './approvals.ts';
import type { Running } from './execute-run.ts';
import type { ObjectName } from './ports.ts';
import { beginStatus, endStatus } from './run-status.ts';

/** Why a run is given up, and whether another one may do better with nobody changing anything. */
export interface Abandoning {
  readonly failure: Reason;
  readonly retryable: boolean;
}

/** Ends a run that nobody can carry out, if nobody does. Throws a `Fault` when the API server cannot be asked. */
export async function abandonRun(
  name: ObjectName,
  { failure, retryable }: Abandoning,
  { ports, claims }: Running,
  signal: AbortSignal,
): Promise<void> {
  const considered = readApprovals(ports.approvals(name));
  const taken = await claims.take(name, {
    begin: (run) => beginStatus(run, considered, ports.clock()),
    signal,
  });
  if (taken.state !== 'taken') return;
  const { hold } = taken;
  const begun = hold.run.status ?? {};
  hold.tell(() => endStatus({ begun, considered, now: ports.clock(), failure, retryable, dryRun: false }));
  await hold.release();
}
