import { expect } from 'chai';
import fc from 'fast-check';
import { runElection } from '../../../src/clients/kubernetes/lease/election.ts';
import { clusterFault, createClusterTwin, no } from '../../support/twins/cluster.ts';
import { DURATIONS, LEASE, openLeaseFixture, type Candidate } from './lease-fixture.ts';

const SECOND = 1_000;
const YEAR_MS = 365 * 86_400_000;

/** From now on every call is lost. */
function cut({ link }: Candidate): () => void {
  const { there } = link;
  link.there = () => undefined;
  return () => {
    link.there = there;
  };
}

describe('kubernetes: the election', () => {
  it('lets the first candidate lead, writes a Lease that others understand, and renews it', async () => {
    const { time, close, enter, spec, twin } = openLeaseFixture();
    const a = enter('a');
    await time.advance(0);
    const first = twin.peek(LEASE);
    expect(spec()).to.include({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 });
    expect([spec().acquireTime, spec().renewTime]).to.satisfy((times: string[]) =>
      times.every((each) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(each)),
    );
    await time.advance(60 * SECOND);
    expect([a.election.isLeader(), a.election.holder()]).to.deep.equal([true, 'a']);
    expect(twin.count({ verb: 'replace' })).to.equal(30);
    expect(twin.peek(LEASE)?.metadata.uid).to.equal(first?.metadata.uid);
    expect(a.troubles).to.deep.equal([]);
    await close();
  });

  it('lets a second candidate wait as long as the first renews, whatever their clocks show', async () => {
    const { time, close, enter, log } = openLeaseFixture();
    enter('a', { clockMs: -YEAR_MS / 1_000 });
    await time.advance(SECOND);
    const b = enter('b', { clockMs: YEAR_MS / 1_000 });
    await time.advance(300 * SECOND);
    expect(log).to.deep.equal(['a begins 0']);
    expect([b.election.isLeader(), b.election.holder()]).to.deep.equal([false, 'a']);
    await close();
  });

  it('stops a candidate that is cut off before another begins, and counts the change', async () => {
    const { time, close, enter, log, spec, most } = openLeaseFixture();
    const a = enter('a');
    await time.advance(SECOND);
    enter('b');
    await time.advance(29 * SECOND);
    const mend = cut(a);
    await time.advance(30 * SECOND);
    expect(log).to.deep.equal(['a begins 0', 'a stops 40', 'b begins 47']);
    expect(a.election.isLeader()).to.equal(false);
    expect(spec()).to.include({ holderIdentity: 'b', leaseTransitions: 1 });
    mend();
    await time.advance(30 * SECOND);
    expect([a.election.holder(), most()]).to.deep.equal(['b', 1]);
    await close();
  });

  it('stops in time when requests arrive and only their answers are lost', async () => {
    const { time, close, enter, log } = openLeaseFixture();
    const a = enter('a');
    await time.advance(SECOND);
    a.link.back = () => undefined;
    await time.advance(20 * SECOND);
    expect(log).to.deep.equal(['a begins 0', 'a stops 10']);
    await close();
  });

  it('survives a single request that hangs', async () => {
    const { time, close, enter, log } = openLeaseFixture();
    const a = enter('a');
    await time.advance(SECOND);
    const mend = cut(a);
    await time.advance(2 * SECOND);
    mend();
    await time.advance(60 * SECOND);
    expect([log, a.troubles.length]).to.deep.equal([['a begins 0'], 1]);
    await close();
  });

  it('does not lead when the answer comes after its own Lease has expired', async () => {
    const { time, close, twin, enter, log } = openLeaseFixture();
    twin.put(LEASE.resource, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: LEASE.name, namespace: LEASE.namespace },
      spec: { holderIdentity: '', leaseDurationSeconds: 1 },
    });
    const a = enter('a');
    a.link.back = () => 12 * SECOND; // longer than any timeout
    await time.advance(60 * SECOND);
    expect(log).to.deep.equal([]);
    a.link.back = () => 0;
    await time.advance(10 * SECOND);
    expect(log.length).to.equal(1);
    await close();
  });

  it('does not try again while its work still runs', async () => {
    const { time, close, enter, log, twin } = openLeaseFixture();
    const a = enter('a');
    a.windDownMs = 100 * SECOND;
    await time.advance(SECOND);
    const mend = cut(a);
    await time.advance(12 * SECOND);
    mend();
    const writes = (): number => twin.count({ verb: 'replace' }) + twin.count({ verb: 'create' });
    const before = writes();
    await time.advance(90 * SECOND);
    expect([log, writes()]).to.deep.equal([['a begins 0', 'a stops 10'], before]);
    a.windDownMs = 0;
    await time.advance(20 * SECOND);
    expect(log.slice(2).map((line) => line.replace(/ \d+$/, ''))).to.deep.equal(['a begins']);
    await close();
  });

  it('releases the Lease when the work ends by itself, reports why, and tries again', async () => {
    const { time, close, enter, log } = openLeaseFixture();
    const a = enter('a');
    await time.advance(SECOND);
    const error = new Error('it broke');
    a.finish(error);
    await time.advance(9 * SECOND);
    expect(a.troubles).to.deep.equal([error]);
    expect(log.map((line) => line.split(' ', 2).join(' '))).to.deep.equal([
      'a begins',
      'a stops',
      'a begins',
    ]);
    await close();
  });

  it('releases the Lease on close after the work has stopped, and the other replica begins at its next try', async () => {
    const { time, close, enter, log, holder, leaders } = openLeaseFixture();
    const a = enter('a');
    await time.advance(SECOND);
    enter('b');
    a.windDownMs = 3 * SECOND;
    await time.advance(9 * SECOND);
    const closed = a.election.close();
    await time.advance(2 * SECOND);
    expect([holder(), [...leaders]]).to.deep.equal(['a', []]);
    await time.advance(2 * SECOND);
    await closed;
    await time.advance(2 * SECOND);
    expect([holder(), log]).to.deep.equal(['b', ['a begins 0', 'a stops 10', 'b begins 15']]);
    await close();
    expect(holder()).to.equal('');
  });

  it('does not touch the Lease of another on close', async () => {
    const { time, close, enter, holder } = openLeaseFixture();
    const a = enter('a');
    await time.advance(SECOND);
    const b = enter('b');
    await time.advance(SECOND);
    const closed = b.election.close();
    await time.advance(SECOND);
    await closed;
    expect([holder(), a.election.isLeader()]).to.deep.equal(['a', true]);
    await close();
  });

  it('stops at once when another replica holds the Lease', async () => {
    const { time, close, enter, log, twin } = openLeaseFixture();
    const a = enter('a');
    await time.advance(SECOND);
    await twin.patch(LEASE, { spec: { holderIdentity: 'a person' } });
    await time.advance(5 * SECOND);
    expect([log, a.election.holder()]).to.deep.equal([['a begins 0', 'a stops 4'], 'a person']);
    await close();
  });

  it('waits the full duration after its Lease was deleted', async () => {
    const { time, close, enter, log, twin, most } = openLeaseFixture();
    enter('a');
    await time.advance(SECOND);
    enter('b');
    await time.advance(10 * SECOND);
    await twin.remove(LEASE);
    await time.advance(30 * SECOND);
    expect([log, most()]).to.deep.equal([['a begins 0'], 1]);
    await close();
  });

  it('reports refusals and failures, and continues', async () => {
    const { time, close, enter, twin, log } = openLeaseFixture();
    const allow = twin.deny(() => no(403, 'Forbidden', 'not you'));
    const a = enter('a');
    await time.advance(SECOND);
    expect(a.troubles.map((error) => (error as { code?: string }).code)).to.deep.equal(['ClusterDenied']);
    allow();
    twin.fail({ verb: 'get' }, clusterFault(), 1);
    await time.advance(5 * SECOND);
    expect(a.troubles.map((error) => (error as { code?: string }).code)).to.deep.equal([
      'ClusterDenied',
      'ClusterUnavailable',
    ]);
    expect(log.length).to.equal(1);
    await close();
  });

  it('refuses durations that would allow two leaders', () => {
    const election = (durations: object) => () =>
      runElection({
        ...DURATIONS,
        ...durations,
        cluster: createClusterTwin(),
        namespace: 'x',
        name: 'x',
        identity: 'x',
        lead: () => Promise.resolve(),
      });
    expect(election({ renewDeadlineMs: 15_000 })).to.throw(RangeError);
    expect(election({ retryMs: 5_000 })).to.throw(RangeError);
    expect(election({ retryMs: 0 })).to.throw(RangeError);
  });

  it('never has two leaders at once, however late or lost requests and answers are', async () => {
    // Latency per call. Most calls succeed; otherwise no replica would lead for long.
    const journey = fc.oneof(
      { weight: 20, arbitrary: fc.nat(300) },
      { weight: 2, arbitrary: fc.nat(16_000) },
      { weight: 1, arbitrary: fc.constant(undefined) },
    );
    const journeys = fc.array(journey, { minLength: 1, maxLength: 60 });
    const scenario = fc.record({
      lines: fc.array(fc.tuple(journeys, journeys), { minLength: 2, maxLength: 3 }),
      clocks: fc.array(fc.integer({ min: -1_000_000, max: 1_000_000 }), { minLength: 3, maxLength: 3 }),
    });
    let begun = 0;
    await fc.assert(
      fc.asyncProperty(scenario, async ({ lines, clocks }) => {
        const bed = openLeaseFixture();
        const candidates = lines.map(([there, back], n) => {
          const candidate = bed.enter(`c${n}`, { clockMs: clocks[n] ?? 0 });
          let call = 0;
          candidate.link.there = () => there[call % there.length];
          candidate.link.back = () => back[call++ % back.length];
          return candidate;
        });
        await bed.time.advance(240 * SECOND);
        begun += bed.log.filter((line) => line.includes('begins')).length;
        expect(bed.most()).to.be.at.most(1);
        for (const { link } of candidates) Object.assign(link, { there: () => 0, back: () => 0 });
        await bed.close();
      }),
      { numRuns: 20 },
    );
    expect(begun, 'scenarios with a leader').to.be.above(20);
  });
});
