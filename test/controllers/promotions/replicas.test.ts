import { expect } from 'chai';
import { candidates } from './fixture.ts';
import { controllerFixture } from './controller-fixture.ts';

const HOUR = 3_600_000;

describe('the promotion controller with several replicas', () => {
  it('continues a run of an earlier leader', async () => {
    const all = controllerFixture({ candidates: candidates('1', '2', '3'), imageMs: 5_000 });
    const stop = all.lead();
    all.put();
    await all.time.pass(7_000);
    await stop();
    expect(all.phases()).to.deep.equal(['Running']);
    all.lead();
    await all.time.pass(30_000);
    expect(all.phases()).to.deep.equal(['Succeeded']);
    expect(all.runs()[0]?.status?.claim?.epoch).to.equal(2);
    expect(all.status().counts).to.include({ promoted: 3 });
  });

  it('reports and counts nothing a second time after a change of leader', async () => {
    const all = controllerFixture({
      candidates: candidates('1', '2'),
      fate: (tag) => (tag === '1' ? { decision: 'Promoted' } : { decision: 'Blocked', reason: 'Vulnerable' }),
    });
    const stop = all.lead();
    all.put();
    await all.time.pass(5_000);
    await stop();
    const before = [all.events.length, all.counted.length, all.runs().length];
    expect(before).to.deep.equal([2, 2, 1]);
    all.lead();
    await all.time.pass(5_000);
    expect([all.events.length, all.counted.length, all.runs().length]).to.deep.equal(before);
  });

  it('runs once for a push that was received by a replica that is not the leader', async () => {
    const all = controllerFixture({ candidates: candidates('1') }, { historyLimits: { succeeded: 0 } });
    all.lead();
    all.put();
    await all.time.pass(5_400);
    all.put({ metadata: { annotations: { 'pratique.dev/pushed-at': all.time.clock().toISOString() } } });
    await all.time.pass(2 * HOUR);
    expect(all.begun).to.deep.equal(['Change', 'Event']);
  });

  it('starts one run, whatever a cache shows', async () => {
    const all = controllerFixture({ candidates: candidates('1'), imageMs: 20_000 });
    all.hideRunsMs(8_000);
    all.lead();
    all.put();
    for (let second = 0; second < 15; second += 1) {
      all.put({ metadata: { annotations: { any: String(second) } } });
      await all.time.pass(1_000);
    }
    await all.time.pass(30_000);
    expect(all.begun).to.deep.equal(['Change']);
    expect(all.phases()).to.deep.equal(['Succeeded']);
    expect(all.condition('Ready')).to.equal('True Succeeded');
  });

  it('waits for a run that another replica holds, and does not read it in a tight loop', async () => {
    const all = controllerFixture({ candidates: candidates('1') });
    const leave = all.lead();
    all.put();
    await all.time.pass(1_000);
    await leave();
    const [run] = all.runs();
    const claim = { holder: 'another', epoch: 9, renewTime: '2026-06-15T12:00:00Z', durationSeconds: 30 };
    if (!run) throw new Error('no run was begun');
    all.store.put({ ...run, status: { phase: 'Running', claim } });
    let reads = 0;
    const { read } = all.store;
    Object.assign(all.store, {
      read: (...given: Parameters<typeof read>) => {
        reads += 1;
        return read(...given);
      },
    });
    all.lead();
    await all.time.pass(20_000);
    expect(reads).to.be.within(1, 3);
    await all.time.pass(20_000);
    expect(all.conditions()).to.include({ Ready: 'True Succeeded' });
  });
});
