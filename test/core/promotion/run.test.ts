import { expect } from 'chai';
import pLimit from 'p-limit';
import { digestOf, Fault, type Reason } from '../../../src/core/model/index.ts';
import type { PlannedImage } from '../../../src/core/promotion/plan.ts';
import { SILENT } from '../../support/promotions/silent.ts';
import { countResults, phaseOf, type ImageResult } from '../../../src/core/promotion/result.ts';
import { runPlan, type RunParts } from '../../../src/core/promotion/run.ts';
import { blocked } from '../../../src/core/promotion/steps/step.ts';
import type { ImageTask, Learned, Step, StepName } from '../../../src/core/promotion/steps/step.ts';

type Outcome = ReturnType<Step['run']>;
type Act = (tag: string, learned: Learned) => Outcome;

/** What a copy of so many bytes reports. */
const moved = (bytes: number): NonNullable<Learned['moved']> => ({
  bytes,
  blobs: { present: 0, mounted: 0, copied: 1, shared: 0 },
  spared: { present: 0, mounted: 0, shared: 0 },
  keptTags: [],
  refused: [],
  rootIsLeft: false,
});

const moving = (tag: string) => ({
  tag,
  digest: digestOf(tag),
  expected: digestOf(tag),
  action: 'Move' as const,
});
const cancelled = new Fault({
  ...{ code: 'Cancelled', operation: 'run', side: 'cluster', transient: true, detail: 'it was cancelled' },
});
const fault = (transient: boolean): Fault =>
  new Fault({
    code: 'RegistryUnavailable',
    operation: 'push',
    side: 'target',
    transient,
    detail: 'it is down',
  });
const done: Act = () => Promise.resolve({ status: 'succeeded' });

/** Runs images through steps by name; pauses take no time and are recorded. */
async function run(
  images: readonly PlannedImage[],
  acts: Partial<Record<StepName, Act>>,
  more: Partial<RunParts> = {},
  signal: AbortSignal = new AbortController().signal,
) {
  const pauses: number[] = [];
  const reported: unknown[] = [];
  const steps = Object.entries(acts).map(([name, act]) => ({
    name: name as StepName,
    run: ({ planned }: ImageTask, learned: Learned) => act(planned.tag, learned),
  }));
  const results = await runPlan(
    images,
    {
      steps: () => steps,
      taskOf: (planned) => ({
        planned,
        image: { registry: 'r', repository: 'a', digest: planned.digest },
        to: { registry: 'r', repository: 'b' },
        targetIsNew: () => Promise.resolve(false),
      }),
      arrivedAs: 'Promoted',
      limit: pLimit(4),
      restOf: () => Promise.resolve({ side: 'source', ms: 0 }),
      pause: (ms) => {
        pauses.push(ms);
        return Promise.resolve();
      },
      clock: () => new Date('2026-11-24T12:00:00Z'),
      progress: SILENT,
      report: (error) => reported.push(error),
      ...more,
    },
    signal,
  );
  return { results, pauses, reported };
}

describe('a run', () => {
  it('runs all steps for every image, and passes on their results', async () => {
    const seen: string[] = [];
    const { results } = await run([moving('a'), moving('b')], {
      copy: (tag) => {
        seen.push(`copy ${tag}`);
        return Promise.resolve({ status: 'succeeded', learned: { moved: moved(7) } });
      },
      tag: (tag, learned) => {
        seen.push(`tag ${tag} ${String(learned.moved?.bytes)}`);
        return Promise.resolve({ status: 'succeeded' });
      },
    });
    expect(results.map(({ decision, bytes }) => [decision, bytes])).to.deep.equal([
      ['Promoted', 7],
      ['Promoted', 7],
    ]);
    expect(seen.filter((line) => line.endsWith('a') || line.includes('a 7'))).to.deep.equal([
      'copy a',
      'tag a 7',
    ]);
  });

  it('ends an image at the step that blocks it, and no other image', async () => {
    const { results } = await run([moving('bad'), moving('good')], {
      scan: (tag) =>
        Promise.resolve(tag === 'bad' ? blocked('Vulnerable', 'CVE-2026-1') : { status: 'succeeded' }),
      tag: done,
    });
    expect(results.map(({ decision, reason }) => [decision, reason])).to.deep.equal([
      ['Blocked', 'Vulnerable'],
      ['Promoted', undefined],
    ]);
  });

  it('waits for a person', async () => {
    const reason: Reason = { code: 'ApprovalNeeded', detail: 'approve it' };
    const { results } = await run([moving('a')], {
      approve: () => Promise.resolve({ status: 'waiting', reason }),
    });
    expect(results[0]).to.include({ decision: 'AwaitingApproval', reason: 'ApprovalNeeded' });
  });

  it('retries from the failed step, with longer pauses, when a retry may help', async () => {
    const copies: string[] = [];
    let pushes = 0;
    const { results, pauses } = await run([moving('a')], {
      copy: (tag) => {
        copies.push(tag);
        return Promise.resolve({ status: 'succeeded', learned: { moved: moved(5) } });
      },
      tag: () => {
        pushes += 1;
        return pushes < 3 ? Promise.reject(fault(true)) : Promise.resolve({ status: 'succeeded' });
      },
    });
    expect(results[0]).to.include({ decision: 'Promoted', bytes: 5 });
    expect(copies).to.deep.equal(['a']);
    expect(pauses).to.deep.equal([1_000, 4_000]);
  });

  it('gives up after the last retry, and names the step', async () => {
    const { results, pauses } = await run([moving('a')], { copy: () => Promise.reject(fault(true)) });
    expect(results[0]).to.include({ decision: 'Failed', reason: 'RegistryUnavailable', transient: true });
    expect(results[0]?.message).to.match(/^copy: /);
    expect(pauses).to.have.lengthOf(2);
  });

  it('does not retry a failure that only a person can resolve', async () => {
    const { results, pauses } = await run([moving('a')], { copy: () => Promise.reject(fault(false)) });
    expect(results[0]).to.include({ decision: 'Failed', transient: false });
    expect(pauses).to.deep.equal([]);
  });

  it('fails one image on a bug, reports the bug, and shows no detail to the person', async () => {
    const { results, reported } = await run([moving('bug'), moving('a')], {
      copy: (tag) =>
        tag === 'bug' ? Promise.reject(new TypeError('secret')) : Promise.resolve({ status: 'succeeded' }),
    });
    expect(results.map(({ decision, reason }) => [decision, reason])).to.deep.equal([
      ['Failed', 'InternalError'],
      ['Promoted', undefined],
    ]);
    expect(results[0]?.message).not.to.include('secret');
    expect(reported).to.have.lengthOf(1);
  });

  it('runs no step for images that the plan has decided', async () => {
    const { results } = await run(
      [
        { ...moving('a'), action: 'UpToDate', tidy: false },
        { ...moving('b'), action: 'Skip', reason: 'MirroredBefore', message: 'gone' },
        { ...moving('c'), action: 'Block', reason: 'TagExists', message: 'there' },
      ],
      { copy: () => Promise.reject(new Error('not to be called')) },
    );
    expect(results.map(({ decision }) => decision)).to.deep.equal(['UpToDate', 'Skipped', 'Blocked']);
  });

  it('cleans up the source of an image that is at the target, and reports it as up to date', async () => {
    let tidied = 0;
    const { results } = await run([{ ...moving('a'), action: 'UpToDate', tidy: true }], {
      'delete source': () => {
        tidied += 1;
        return Promise.resolve({ status: 'succeeded' });
      },
    });
    expect(results[0]).to.include({ decision: 'UpToDate' });
    expect(tidied).to.equal(1);
  });

  it('waits as long as a registry requests before the next image', async () => {
    const { pauses } = await run(
      [moving('a')],
      { copy: done },
      { restOf: () => Promise.resolve({ side: 'target', ms: 250 }) },
    );
    expect(pauses).to.deep.equal([250]);
  });

  for (const [what, reason, code] of [
    ['its time is over', undefined, 'RegistryRateLimited'],
    ['it is cancelled', cancelled, 'Cancelled'],
  ] as const)
    it(`P14 an image that waits for a registry until ${what} ends as ${code}`, async () => {
      const stop = new AbortController();
      const pause = () => {
        stop.abort(reason);
        return Promise.resolve();
      };
      const restOf = () => Promise.resolve({ side: 'source', ms: 300_000 } as const);
      const { results } = await run([moving('a')], { copy: done }, { restOf, pause }, stop.signal);
      expect(results[0]).to.include({ decision: 'Failed', reason: code });
    });

  it('runs no more images at once than configured', async () => {
    let underway = 0;
    let most = 0;
    await run(
      Array.from({ length: 9 }, (_, index) => moving(String(index))),
      {
        copy: async () => {
          underway += 1;
          most = Math.max(most, underway);
          await Promise.resolve();
          underway -= 1;
          return { status: 'succeeded' };
        },
      },
      { limit: pLimit(3) },
    );
    expect(most).to.equal(3);
  });

  const ends: readonly [string, unknown, string][] = [
    ['its time is over', new Error('timeout'), 'DeadlineExceeded'],
    [
      'it is cancelled',
      new Fault({
        code: 'Cancelled',
        operation: 'run',
        side: 'cluster',
        transient: false,
        detail: 'deleted',
      }),
      'Cancelled',
    ],
  ];
  for (const [when, why, reason] of ends) {
    it(`ends when ${when}: open images fail for that reason, finished images stay finished`, async () => {
      const over = new AbortController();
      const { results } = await run(
        [moving('a'), moving('b')],
        {
          copy: (tag) => {
            if (tag === 'a') return Promise.resolve({ status: 'succeeded' });
            over.abort(why);
            return Promise.reject(fault(true));
          },
        },
        { limit: pLimit(1) },
        over.signal,
      );
      expect(results.map((row) => [row.decision, row.reason])).to.deep.equal([
        ['Promoted', undefined],
        ['Failed', reason],
      ]);
    });
  }
});

describe('a run in numbers', () => {
  const rows = (...decisions: ImageResult['decision'][]) => decisions.map((decision) => ({ decision }));

  it('counts each decision once', () => {
    expect(
      countResults(rows('Promoted', 'Mirrored', 'UpToDate', 'Blocked', 'Failed', 'Skipped')),
    ).to.deep.equal({
      candidates: 6,
      promoted: 2,
      upToDate: 1,
      skipped: 1,
      blocked: 1,
      awaitingApproval: 0,
      failed: 1,
    });
  });

  it('fails with a failed image rather than a blocked one, and is blocked rather than done', () => {
    expect(phaseOf(countResults(rows('Promoted', 'Blocked', 'Failed')))).to.equal('Failed');
    expect(phaseOf(countResults(rows('Promoted', 'AwaitingApproval')))).to.equal('Blocked');
    expect(phaseOf(countResults(rows('Promoted', 'Skipped')))).to.equal('Succeeded');
  });
});
