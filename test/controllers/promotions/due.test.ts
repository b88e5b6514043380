import { expect } from 'chai';
import { dueOf, retryAfterMs, type DueFacts } from '../../../src/controllers/promotions/due.ts';
import { runsToPrune } from '../../../src/controllers/promotions/run-object.ts';
import type { RunObject } from '../../../src/controllers/promotions/ports.ts';
import { ANSWERS_REQUEST, knownRuns, readApprovals } from '../../../src/controllers/promotions/run-state.ts';
import { pendingImage } from '../../../src/controllers/promotions/run/pins.ts';
import { NOW } from '../../support/policies.ts';
import { approvalObject, digestFor, runObject } from './fixture.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const ago = (ms: number) => new Date(NOW.getTime() - ms);

interface Past {
  readonly minutesAgo?: number;
  readonly generation?: number;
  readonly attempt?: number;
  readonly requestedAt?: string;
  readonly status?: RunObject['status'];
}

/** A stored run. */
function run(
  name: string,
  { minutesAgo = 60, generation = 1, attempt = 0, requestedAt, status }: Past = {},
): RunObject {
  const object = runObject({}, name);
  return {
    ...object,
    metadata: {
      ...object.metadata,
      creationTimestamp: ago(minutesAgo * MINUTE).toISOString(),
      ...(requestedAt !== undefined && { annotations: { [ANSWERS_REQUEST]: requestedAt } }),
    },
    spec: { promotion: { generation }, attempt },
    ...(status && { status }),
  };
}

const ended = (
  minutesAgo: number,
  phase: 'Succeeded' | 'Blocked' | 'Failed' = 'Succeeded',
  more: object = {},
) => ({
  phase,
  completionTime: ago(minutesAgo * MINUTE).toISOString(),
  ...more,
});

const waits = (name: string, minutesAgo = 60): RunObject =>
  run(name, {
    minutesAgo,
    status: ended(minutesAgo, 'Blocked', {
      pending: [
        pendingImage({
          planned: { tag: '1', digest: digestFor('1'), expected: digestFor('1'), action: 'Move' },
          gateHash: digestFor('gates'),
        }),
      ],
    }),
  });

function due({
  runs = [],
  spec,
  ...facts
}: Partial<Omit<DueFacts, 'runs'>> & { readonly runs?: readonly RunObject[] }) {
  const answer = dueOf({
    generation: 1,
    createdAt: ago(24 * HOUR),
    status: {},
    approvals: [],
    now: NOW,
    ...facts,
    spec: { timeZone: 'Etc/UTC', suspend: false, ...spec },
    runs: knownRuns(runs),
  });
  switch (answer.what) {
    case 'execute':
      return `execute ${answer.run.name}`;
    case 'begin':
      return `begin ${answer.trigger.why}`;
    case 'wait':
      return answer.until ? `wait ${String((answer.until.getTime() - NOW.getTime()) / MINUTE)}` : 'wait';
  }
}

const done = run('done', { status: ended(30) });
const failed = (attempt = 0, minutesAgo = 0.5, more: object = { retryable: true }) =>
  run('failed', { minutesAgo: 5, attempt, status: ended(minutesAgo, 'Failed', more) });

describe('the next step of a promotion', () => {
  const hourAndMinute = `${String(NOW.getUTCMinutes())} ${String(NOW.getUTCHours())}`;
  const rows: readonly (readonly [string, string, Parameters<typeof due>[0]])[] = [
    ['a run when it is new', 'begin Change', {}],
    ['nothing after that', 'wait', { runs: [done] }],
    ['a run when it changes', 'begin Change', { generation: 2, runs: [done] }],
    [
      'no run for a change whose run was deleted since',
      'wait',
      { status: { lastRun: { name: 'x', generation: 1, completionTime: '' } } },
    ],
    [
      'the run that is active, whatever else is due',
      'execute busy',
      { generation: 2, pushedAt: NOW, runs: [run('busy'), done] },
    ],
    [
      'the run that was begun first of two',
      'execute older',
      { runs: [run('newer', { minutesAgo: 1 }), run('older')] },
    ],
    ['a run on request of a person', 'begin Manual', { requestedAt: 'now', runs: [done] }],
    [
      'no run for a request that was answered',
      'wait',
      { requestedAt: 'now', status: { lastHandledReconcileAt: 'now' }, runs: [done] },
    ],
    [
      'no run for a request that an unreported run has answered',
      'wait',
      { requestedAt: 'now', runs: [run('asked', { requestedAt: 'now', status: ended(1) })] },
    ],
    ['a run after a push', 'begin Event', { pushedAt: NOW, runs: [done] }],
    [
      'a run for a push that another replica received',
      'begin Event',
      { pushedAt: ago(MINUTE), runs: [done] },
    ],
    ['a run for such a push at its time', 'wait 2', { pushedAt: ago(-2 * MINUTE), runs: [done] }],
    ['a run for an image that the gate was asked for', 'begin Event', { askedAt: NOW, runs: [done] }],
    [
      'that run at its time',
      'wait 2',
      { askedAt: ago(-2 * MINUTE), pushedAt: ago(-3 * MINUTE), runs: [done] },
    ],
    ['one run for both a push and the gate', 'begin Event', { askedAt: ago(1), pushedAt: NOW, runs: [done] }],
    ['no run for the gate after one that began since', 'wait', { askedAt: ago(90 * MINUTE), runs: [done] }],
    ['no run for a push before the last run', 'wait', { pushedAt: ago(90 * MINUTE), runs: [done] }],
    [
      'no run for such a push when its run was deleted since',
      'wait',
      {
        pushedAt: ago(90 * MINUTE),
        status: {
          lastRun: { name: 'x', generation: 1, completionTime: '' },
          lastRunTime: ago(HOUR).toISOString(),
        },
      },
    ],
    [
      'nothing while it is suspended',
      'wait',
      {
        generation: 2,
        requestedAt: 'now',
        pushedAt: NOW,
        spec: { suspend: true, timeZone: 'Etc/UTC', schedule: '* * * * *' },
        runs: [done, failed()],
      },
    ],
    [
      'the run that was active when the promotion was suspended',
      'execute busy',
      { spec: { suspend: true, timeZone: 'Etc/UTC' }, runs: [run('busy')] },
    ],
    ['a retry after a while', 'wait 0.5', { runs: [failed()] }],
    ['a retry when the pause is over', 'begin Retry', { runs: [failed(0, 1)] }],
    ['a later retry when more have failed', 'wait 3', { runs: [failed(2, 1)] }],
    ['no retry of a failure that is permanent', 'wait', { runs: [failed(0, 60, {})] }],
    ['a retry when a missing object exists', 'begin Retry', { runs: [failed(0, 60, {})], usable: true }],
    ['no retry of a blocked run', 'wait', { runs: [run('blocked', { status: ended(60, 'Blocked') })] }],
    [
      'no retry when another run has succeeded since',
      'wait',
      { runs: [run('fine', { minutesAgo: 1, status: ended(1) }), failed(0, 1)] },
    ],
    ['nothing without an approval', 'wait', { runs: [waits('waits')] }],
    [
      'the run that a person has decided about',
      'execute waits',
      {
        runs: [done, waits('waits')],
        approvals: readApprovals([
          approvalObject({ runName: 'waits', digest: digestFor('1'), gateHash: digestFor('gates') }),
        ]),
      },
    ],
    [
      'nothing from a decision while it is suspended',
      'wait',
      {
        spec: { suspend: true, timeZone: 'Etc/UTC' },
        runs: [waits('waits')],
        approvals: readApprovals([
          approvalObject({ runName: 'waits', digest: digestFor('1'), gateHash: digestFor('gates') }),
        ]),
      },
    ],
    [
      'a run at the time of the schedule',
      'begin Schedule',
      { spec: { schedule: `${hourAndMinute} * * *`, timeZone: 'Etc/UTC', suspend: false }, runs: [done] },
    ],
    [
      'a run that was missed',
      'begin Schedule',
      {
        spec: { schedule: `${hourAndMinute} * * *`, timeZone: 'Etc/UTC', suspend: false },
        now: new Date(NOW.getTime() + 5 * HOUR),
        runs: [done],
      },
    ],
    [
      'one run for many that were missed',
      'wait 1440',
      {
        spec: { schedule: `${hourAndMinute} * * *`, timeZone: 'Etc/UTC', suspend: false },
        status: { lastRunTime: NOW.toISOString() },
        createdAt: ago(90 * 24 * HOUR),
        runs: [run('caught-up', { minutesAgo: 0, status: ended(0) })],
      },
    ],
  ];
  for (const [what, expected, facts] of rows) {
    it(`is ${what}`, () => {
      expect(due(facts)).to.equal(expected);
    });
  }

  it('uses the time zone of the schedule', () => {
    const hours = (timeZone: string) =>
      due({
        spec: { schedule: '0 3 * * *', timeZone, suspend: false },
        runs: [run('r', { minutesAgo: 0, status: ended(0) })],
      });
    expect(hours('Asia/Tokyo')).not.to.equal(hours('Etc/UTC'));
  });

  it('retries with growing pauses, up to an hour', () => {
    expect([0, 1, 2, 6, 60].map((attempt) => retryAfterMs(attempt) / MINUTE)).to.deep.equal([
      1, 2, 4, 60, 60,
    ]);
  });
});

describe('the history of runs', () => {
  const history = [
    ...['s1', 's2', 's3', 's4'].map((name, index) => run(name, { minutesAgo: 10 + index, status: ended(1) })),
    ...['f1', 'f2', 'f3'].map((name, index) =>
      run(name, { minutesAgo: 20 + index, status: ended(1, 'Blocked') }),
    ),
    run('busy', { minutesAgo: 99 }),
  ];
  const pruned = (succeeded: number, failures: number) =>
    runsToPrune(knownRuns(history), { succeeded, failed: failures }).map(({ name }) => name);

  it('keeps the newest runs of each outcome, and the active run', () => {
    expect(pruned(3, 2)).to.deep.equal(['s4', 'f3']);
    expect(pruned(9, 9)).to.deep.equal([]);
  });

  it('keeps the newest run, whatever the limits', () => {
    expect(pruned(0, 0)).to.deep.equal(['s2', 's3', 's4', 'f1', 'f2', 'f3']);
  });
});
