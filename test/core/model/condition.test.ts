import { expect } from 'chai';
import { conditionOf, MAX_CONDITION_MESSAGE, type Condition } from '../../../src/core/model/condition.ts';

const now = new Date('2026-02-03T04:05:06.789Z');
const content = { type: 'Ready', status: 'True', reason: 'InForce', message: 'in force' } as const;
const before: Condition = {
  ...content,
  reason: 'Older',
  observedGeneration: 1,
  lastTransitionTime: '2025-01-01T00:00:00Z',
};
const made = (was: readonly Condition[] | undefined, more: object = {}) =>
  conditionOf({ ...content, ...more }, { before: was, generation: 2, now });

describe('a condition', () => {
  it('has its content, the generation it is about, and the time of its first status', () => {
    const lastTransitionTime = '2026-02-03T04:05:06Z';
    expect(made(undefined)).to.deep.equal({ ...content, observedGeneration: 2, lastTransitionTime });
  });

  const rows: readonly [string, readonly Condition[], string][] = [
    ['keeps its time while the status is the same', [before], before.lastTransitionTime],
    ['gets a new time when the status changes', [{ ...before, status: 'False' }], '2026-02-03T04:05:06Z'],
    [
      'ignores the time of a condition of another type',
      [{ ...before, type: 'Stalled' }],
      '2026-02-03T04:05:06Z',
    ],
  ];
  for (const [what, was, time] of rows) it(what, () => expect(made(was).lastTransitionTime).to.equal(time));

  it('has a message of bounded length', () => {
    expect(made([], { message: 'x'.repeat(5_000) }).message).to.have.lengthOf(MAX_CONDITION_MESSAGE);
  });

  it('O48: has a message of one line, whatever text from outside is in it', () => {
    const message = 'app is blocked\r\n\u2028Ready: True\u202e\u001b[2J';
    expect(made([], { message }).message).to.equal('app is blocked Ready: True [2J');
  });

  it('has a message of the length that the caller allows', () => {
    const about = { before: [], generation: 2, now, maxMessage: 4 };
    expect(conditionOf(content, about).message).to.equal('in …');
  });
});
