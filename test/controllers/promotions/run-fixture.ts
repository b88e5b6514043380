import { runStatusSchema } from '../../../src/core/promotion/schema/run.ts';
import { createRunLeases } from '../../../src/controllers/promotions/run/run-lease.ts';
import { executeRun, type RunEnd } from '../../../src/controllers/promotions/run/execute-run.ts';
import type { ApprovalObject, RunObject, RunSubject } from '../../../src/controllers/promotions/ports.ts';
import { fakeExecution, promotionTime, runObject, runStore, type FakeExecution } from './fixture.ts';

export const NAME = { namespace: 'platform', name: 'node-to-golden-1' };

/** A run in a store, and the executor that carries it out. */
export function setting(fake: FakeExecution, spec: object = {}, attempt = 0) {
  const time = promotionTime();
  const store = runStore();
  store.put(runObject(spec, NAME.name, attempt));
  const approvals: ApprovalObject[] = [];
  const execution = fakeExecution(fake, time);
  const reported: unknown[] = [];
  const statuses: RunObject[] = [];
  store.onWrite = (run) => {
    const read = runStatusSchema.safeParse(run.status);
    if (!read.success) throw new Error(read.error.message);
    statuses.push(run);
  };
  const opened: RunSubject[] = [];
  let open = (): Promise<typeof execution> => Promise.resolve(execution);
  const run = (identity = 'controller-a', signal = new AbortController().signal): Promise<RunEnd> => {
    const ports = {
      ...time,
      identity,
      runs: store,
      executions: {
        check: () => Promise.resolve(undefined),
        open: (subject: RunSubject) => (opened.push(subject), open()),
      },
      approvals: () => approvals,
      report: (error: unknown) => void reported.push(error),
    };
    return executeRun(NAME, { ports, leases: createRunLeases(ports) }, signal);
  };
  return {
    time,
    store,
    approvals,
    execution,
    reported,
    opened,
    statuses,
    run,
    status: () => store.peek(NAME.name)?.status ?? {},
    condition: (type: string) => {
      const found = store.peek(NAME.name)?.status?.conditions?.find((one) => one.type === type);
      return found && `${found.status} ${found.reason}`;
    },
    breakOpen: (error: unknown) => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- whatever is thrown
      open = () => Promise.reject(error);
    },
  };
}
