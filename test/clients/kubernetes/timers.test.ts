import { mock } from 'node:test';
import { expect } from 'chai';
import { SYSTEM_TIMERS } from '../../../src/clients/kubernetes/rest/timers.ts';

const DAY_MS = 86_400_000;
/** The longest time that `setTimeout` can wait. */
const LONGEST_MS = 2 ** 31 - 1;

describe('the timers of the process', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('wait as long as requested, even longer than a timer of Node can', () => {
    let runs = 0;
    SYSTEM_TIMERS.after(60 * DAY_MS, () => (runs += 1));
    mock.timers.tick(LONGEST_MS);
    mock.timers.tick(LONGEST_MS);
    mock.timers.tick(60 * DAY_MS - 2 * LONGEST_MS - 1);
    expect(runs).to.equal(0);
    mock.timers.tick(1);
    expect(runs).to.equal(1);
  });

  it('do not run what was cancelled on the way', () => {
    let runs = 0;
    const cancel = SYSTEM_TIMERS.after(60 * DAY_MS, () => (runs += 1));
    mock.timers.tick(LONGEST_MS);
    cancel();
    mock.timers.tick(LONGEST_MS);
    mock.timers.tick(LONGEST_MS);
    expect(runs).to.equal(0);
  });
});
