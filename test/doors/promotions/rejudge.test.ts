import { expect } from 'chai';
import type { Reason } from '../../../src/core/model/index.ts';
import { NOW } from '../../support/policies.ts';
import { candidates, digestFor, fault } from './shore.ts';
import { promotionWorld } from './world.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A promotion that has let one image pass by an exception of three days, and one without. */
async function passed(rejudge?: (tag: string) => Promise<Reason | undefined>) {
  const all = promotionWorld({
    candidates: candidates('1', '2'),
    fate: (tag) => ({
      decision: 'Promoted',
      ...(tag === '1' && { exceptionsUntil: new Date(NOW.getTime() + 3 * DAY) }),
    }),
  });
  if (rejudge) all.world.rejudge = ({ tag }) => rejudge(tag);
  else all.world.rejudge = () => Promise.reject(fault('RegistryUnavailable', true));
  all.lead();
  all.put();
  await all.time.pass(2_000);
  all.events.length = 0;
  return all;
}

describe('what is in golden', () => {
  it('is flagged when an exception expires that let it pass: condition, one event, metric', async () => {
    const all = await passed();
    expect(all.condition('ExceptionsExpired')).to.equal('False NoneExpired');
    expect(all.status().exceptions).to.have.lengthOf(1);
    await all.time.pass(2 * DAY);
    expect(all.condition('ExceptionsExpired')).to.equal('False NoneExpired');
    await all.time.pass(DAY + HOUR);
    expect(all.condition('ExceptionsExpired')).to.equal('True ExceptionExpired');
    expect(all.status().flagged).to.deep.equal([
      { tag: '1', digest: digestFor('1'), reason: 'ExceptionExpired' },
    ]);
    await all.time.pass(10 * DAY);
    expect(all.events.map(({ reason, action }) => `${action} ${reason}`)).to.deep.equal([
      'Rejudge ExceptionExpired',
    ]);
    expect(all.flagged.at(-1)).to.equal(1);
    expect(all.condition('Ready')).to.equal('True Succeeded');
  });

  it('is flagged when it is judged again and would be blocked, until it would not', async () => {
    let reason: Reason | undefined;
    const all = await passed((tag) => Promise.resolve(tag === '2' ? reason : undefined));
    await all.time.pass(DAY);
    expect(all.condition('ExceptionsExpired')).to.equal('False NoneExpired');
    reason = { code: 'Vulnerable', detail: 'CVE-2026-2' };
    await all.time.pass(DAY);
    expect(all.condition('ExceptionsExpired')).to.equal('True Vulnerable');
    reason = undefined;
    await all.time.pass(DAY);
    expect(all.condition('ExceptionsExpired')).to.equal('False NoneExpired');
    expect(all.events).to.have.lengthOf(1);
  });

  it('is not flagged for an exception that expired when it would pass without', async () => {
    const all = await passed(() => Promise.resolve(undefined));
    await all.time.pass(4 * DAY);
    expect(all.condition('ExceptionsExpired')).to.equal('False NoneExpired');
    expect(all.status().exceptions).to.deep.equal([]);
  });

  it('is no longer flagged when it arrives anew without an exception', async () => {
    const all = await passed();
    await all.time.pass(4 * DAY);
    expect(all.condition('ExceptionsExpired')).to.equal('True ExceptionExpired');
    all.world.fake = { candidates: candidates('1') };
    all.put({ metadata: { generation: 2 } });
    await all.time.pass(5_000);
    expect(all.condition('ExceptionsExpired')).to.equal('False NoneExpired');
  });
});
