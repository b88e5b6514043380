import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { parsed, problem, type Parsed, type TrustRoot } from '../../../src/core/model/index.ts';
import { createPublicRootStore, type PublicRoot } from '../../../src/controllers/policies/index.ts';
import type { PublicRootStatus } from '../../../src/controllers/policies/public-root.ts';
import { NOW } from '../../support/policies.ts';

const EVERY_MS = 5;
/** Long enough for several refreshes, on a busy machine too. */
const SEVERAL_MS = 60;

const rootNamed = (fingerprint: string): TrustRoot => ({ fingerprint, json: '{}' });
const after = (seconds: number) => new Date(NOW.getTime() + seconds * 1_000);

describe('holdPublicRoot', () => {
  let held: PublicRoot | undefined;
  let reported: PublicRootStatus[];
  let now: Date;
  let asked: number;
  beforeEach(() => {
    reported = [];
    now = NOW;
    asked = 0;
  });
  afterEach(() => held?.close());

  /** Holds a root that is refreshed by these answers in turn; the last one is repeated. */
  const hold = (...answers: readonly (() => Promise<Parsed<TrustRoot>>)[]): PublicRoot => {
    held = createPublicRootStore(rootNamed('shipped'), () => now, {
      fetch: () => {
        const answer = answers[Math.min(asked, answers.length - 1)];
        asked += 1;
        return answer ? answer() : Promise.reject(new Error('no answer'));
      },
      everyMs: EVERY_MS,
      onOutcome: (status) => reported.push(status),
    });
    return held;
  };
  const outcomes = async (times: number) => {
    const giveUp = Date.now() + 50_000;
    while (reported.length < times && Date.now() < giveUp) await sleep(1);
    expect(reported.length).to.be.at.least(times);
  };
  const good = (name: string) => async () => parsed(rootNamed(name));
  const unreachable = async () => Promise.reject(new Error('TUF failed with ECONNREFUSED'));
  const unusable = async () => problem('tlogs[0]', 'is not a log');

  it('keeps the shipped root when no refresh is configured', async () => {
    held = createPublicRootStore(rootNamed('shipped'), () => now);
    now = after(3_600);
    await sleep(EVERY_MS);
    expect(held.current().fingerprint).to.equal('shipped');
    expect(held.status()).to.deep.equal({ source: 'shipped', fingerprint: 'shipped', since: NOW });
  });

  it('uses the shipped root until the first refresh has succeeded, which begins at once', async () => {
    const root = hold(good('new'));
    expect(asked).to.equal(1);
    expect(root.current().fingerprint).to.equal('shipped');
    now = after(1);
    await outcomes(1);
    expect(root.current().fingerprint).to.equal('new');
    expect(reported[0]).to.deep.equal({ source: 'refreshed', fingerprint: 'new', since: after(1) });
  });

  it('refreshes again and again, and records since when the same root is confirmed', async () => {
    const root = hold(good('one'), good('two'));
    await outcomes(3);
    expect(root.current().fingerprint).to.equal('two');
    now = after(60);
    await outcomes(reported.length + 1);
    expect(root.status()).to.deep.equal({ source: 'refreshed', fingerprint: 'two', since: after(60) });
  });

  for (const [what, failing, why] of [
    ['cannot be fetched', unreachable, 'TUF failed with ECONNREFUSED'],
    ['cannot be used', unusable, 'tlogs[0] is not a log'],
  ] as const) {
    it(`keeps the last good root when the new one ${what}, and reports the reason and its age`, async () => {
      const root = hold(good('good'), failing);
      await outcomes(1);
      now = after(60);
      await outcomes(3);
      expect(root.current().fingerprint).to.equal('good');
      const status = { source: 'refreshed', fingerprint: 'good', since: NOW, lastFailure: why };
      expect(root.status()).to.deep.equal(status);
      expect(reported.at(-1)).to.deep.equal(status);
    });

    it(`keeps the shipped root when the first one ${what}`, async () => {
      const root = hold(failing);
      await outcomes(1);
      expect(root.current().fingerprint).to.equal('shipped');
      expect(root.status()).to.deep.equal({
        source: 'shipped',
        fingerprint: 'shipped',
        since: NOW,
        lastFailure: why,
      });
    });
  }

  it('clears a failure once a refresh succeeds', async () => {
    const root = hold(unreachable, good('good'));
    await outcomes(2);
    expect(reported[0]).to.have.property('lastFailure');
    expect(root.status()).to.deep.equal({ source: 'refreshed', fingerprint: 'good', since: NOW });
  });

  it('never runs two refreshes at once', async () => {
    let finish: (root: Parsed<TrustRoot>) => void = () => undefined;
    const slow = () =>
      new Promise<Parsed<TrustRoot>>((resolve) => {
        finish = resolve;
      });
    const root = hold(slow, good('second'));
    await sleep(SEVERAL_MS);
    expect(asked).to.equal(1);
    finish(parsed(rootNamed('first')));
    await outcomes(2);
    expect(reported.slice(0, 2).map(({ fingerprint }) => fingerprint)).to.deep.equal(['first', 'second']);
    expect(root.current().fingerprint).to.equal('second');
  });

  it('refreshes no more after close', async () => {
    hold(good('good')).close();
    await outcomes(1);
    await sleep(SEVERAL_MS);
    expect(asked).to.equal(1);
  });
});
