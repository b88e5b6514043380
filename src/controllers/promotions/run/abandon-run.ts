import type { Reason } from '../../../core/model/index.ts';
import { readApprovals } from '../approvals.ts';
import type { Running } from './execute-run.ts';
import type { Hold } from './lease-renewal.ts';
import type { ObjectName, RunObject } from '../ports.ts';
import { beginStatus, endStatus } from '../status/run-status.ts';

/** Why a run is given up, and whether another one may do better without any change. */
export interface Abandoning {
  readonly failure: Reason;
  readonly retryable: boolean;
}

/** Ends a run that nobody can carry out, if nobody does. Throws a `Fault` when the API server cannot be asked. */
export async function abandonRun(
  name: ObjectName,
  { failure, retryable }: Abandoning,
  running: Running,
  signal: AbortSignal,
): Promise<void> {
  const { ports } = running;
  const considered = readApprovals(ports.approvals(name));
  const hold = await holdOf(name, running, signal);
  if (!hold) return;
  const begun = hold.run.status ?? {};
  hold.tell(() => endStatus({ begun, considered, now: ports.clock(), failure, retryable, dryRun: false }));
  await hold.release();
}

/**
 * Lets go of a claim that has run out, so that whoever comes next need not wait it out once more; its holder, should it be alive
 * after all, has lost it. Throws a `Fault` when the API server cannot be asked.
 */
export async function freeRun(name: ObjectName, running: Running, signal: AbortSignal): Promise<void> {
  const hold = await holdOf(name, running, signal);
  await hold?.release();
}

async function holdOf(
  name: ObjectName,
  { ports, claims }: Running,
  signal: AbortSignal,
): Promise<Hold | undefined> {
  const considered = readApprovals(ports.approvals(name));
  const begin = (run: RunObject) => beginStatus(run, considered, ports.clock());
  const taken = await claims.take(name, { begin, signal });
  return taken.state === 'taken' ? taken.hold : undefined;
}
