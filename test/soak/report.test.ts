import { expect } from 'chai';
import type { Answer } from '../../bench/soak/caller.ts';
import type { Product, Taken } from '../../bench/soak/product.ts';
import { createReport } from '../../bench/soak/report.ts';
import { lastHalf, slopeOf } from '../../bench/soak/trend.ts';

const MINUTES = 10;
const TAKEN: Taken = { residentMiB: 150, peakMiB: 200, descriptors: 60, sockets: 40, threads: 12 };
const ALLOWED: Answer = { sent: 0, answered: 5, outcomes: ['allow'], verdict: 'allow' };

/** A process that takes this much in each minute. */
interface Life {
  readonly taken?: (minute: number) => Partial<Taken>;
  readonly timers?: (minute: number) => number;
  readonly deaths?: readonly string[];
  readonly bugs?: readonly string[];
}

describe('the report of a soak', () => {
  const failuresOf = async (
    { taken = () => ({}), timers = () => 20, deaths = [], bugs = [] }: Life,
    more: (report: ReturnType<typeof createReport>) => void = () => undefined,
  ): Promise<readonly string[]> => {
    let minute = 0;
    const product: Product = {
      ...{ deaths, bugs },
      taken: () => ({ ...TAKEN, ...taken(minute) }),
      inside: async () => ({ p99: 5, max: 9, timers: timers(minute) }),
      metric: async () => 100,
      ready: async () => true,
      stop: async () => undefined,
    };
    const report = createReport({
      ...{ product, minutes: MINUTES, print: () => undefined, now: () => minute * 60_000 },
      promotions: () => ({ pushed: 1, arrived: 1, signed: 1, promoted: 1 }),
    });
    report.answered('warm', ALLOWED, { late: false });
    more(report);
    for (minute = 1; minute <= MINUTES; minute++) await report.measure();
    return (await report.finish()).failures;
  };

  it('F51 passes a process that grows while it warms up only', async () => {
    const residentMiB = (minute: number) => Math.min(200, 100 + minute * 20);
    expect(await failuresOf({ taken: (minute) => ({ residentMiB: residentMiB(minute) }) })).to.be.empty;
  });

  it('F51 fails one whose memory, descriptors or timers grow without end', async () => {
    const grown = async (life: Life, what: RegExp) => {
      const failures = await failuresOf(life);
      expect(failures).to.have.lengthOf(1);
      expect(failures[0]).to.match(what);
    };
    await grown({ taken: (minute) => ({ residentMiB: 150 + 5 * minute }) }, /^MiB grow by more than 4/);
    await grown({ taken: (minute) => ({ descriptors: 60 + 5 * minute }) }, /^descriptors grow/);
    await grown({ timers: (minute) => 20 + 21 * minute }, /^timers grow/);
    await grown({ taken: (minute) => ({ peakMiB: minute === 3 ? 481 : 200 }) }, /480 MiB at the peak/);
    await grown({ taken: (minute) => ({ descriptors: minute === 3 ? 601 : 60 }) }, /600 descriptors/);
  });

  it('F52 fails after one wrong decision, and says which', async () => {
    const failures = await failuresOf({}, (report) => report.wrong('warm: allow where Unsigned is right'));
    expect(failures).to.deep.equal(['1 wrong decisions']);
  });

  it('F52 fails after something wrong at a promotion, which counts once', async () => {
    const failures = await failuresOf({}, (report) => {
      report.problems(['app:v1 stands without its quarantine flag']);
      report.problems(['app:v1 stands without its quarantine flag']);
    });
    expect(failures).to.deep.equal(['1 wrong decisions']);
  });

  it('F53 fails after the process ended, and after a bug in its log', async () => {
    expect(await failuresOf({ deaths: ['SIGKILL'] })).to.deep.equal(['the process ended: SIGKILL']);
    expect(await failuresOf({ bugs: ['{"msg":"internal error"}'] })).to.have.lengthOf(1);
  });

  it('F54 fails after a decision that took longer than its budget', async () => {
    const failures = await failuresOf({}, (report) => report.answered('warm', ALLOWED, { late: true }));
    expect(failures).to.deep.equal(['1 decisions took longer than their budget']);
  });

  it('F54 fails after many decisions that were out of time, and not after a few', async () => {
    const failures = (count: number) =>
      failuresOf({}, (report) => {
        for (let n = 1; n < 1_000; n++) report.answered('warm', ALLOWED, { late: false });
        for (let n = 0; n < count; n++) report.outOfTime();
      });
    expect(await failures(10)).to.be.empty;
    expect(await failures(11)).to.deep.equal(['11 decisions out of time']);
  });

  it('F51 knows the slope of the last half', () => {
    const points = [0, 1, 2, 3, 4].map((minute) => ({ minute, value: minute < 2 ? 900 : minute * 3 }));
    expect(slopeOf(lastHalf(points))).to.be.closeTo(3, 1e-9);
    expect(slopeOf([])).to.equal(0);
    expect(slopeOf(points.slice(0, 1))).to.equal(0);
  });
});
