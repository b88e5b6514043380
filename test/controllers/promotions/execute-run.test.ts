import { expect } from 'chai';
import { NAME, setting } from './run-fixture.ts';
import { candidates, fault, runObject, settle } from './fixture.ts';

describe('carrying out a run', () => {
  it('ends a run with rows, counts, phase and conditions', async () => {
    const { run, status, condition } = setting({
      candidates: candidates('1', '2', '3'),
      fate: (tag) =>
        tag === '2'
          ? { decision: 'Blocked', reason: 'Vulnerable', message: 'CVE' }
          : { decision: 'Promoted', requests: 7, bytes: 5, spared: { mounted: 3, skipped: 1 } },
    });
    expect(await run()).to.include({ end: 'over' });
    const { phase, counts, images, requests, bytes, spared, pending, claim, completionTime } = status();
    expect({
      phase,
      requests,
      bytes,
      spared,
      pending,
      holder: claim?.holder,
      ended: completionTime !== undefined,
    }).to.deep.equal({
      phase: 'Blocked',
      requests: 14,
      bytes: 10,
      spared: { mounted: 6, skipped: 2 },
      pending: undefined,
      holder: '',
      ended: true,
    });
    expect(counts).to.include({ candidates: 3, promoted: 2, blocked: 1, failed: 0 });
    expect(images?.map(({ tag, decision }) => `${tag} ${decision}`)).to.deep.equal([
      '1 Promoted',
      '2 Blocked',
      '3 Promoted',
    ]);
    expect(
      ['Resolved', 'GatesPassed', 'Copied', 'Recorded', 'Complete', 'Failed'].map(condition),
    ).to.deep.equal([
      'True Planned',
      'False Vulnerable',
      'True Arrived',
      'True Arrived',
      'True Blocked',
      'False Blocked',
    ]);
  });

  it('records the number of attempts', async () => {
    const first = setting({ candidates: candidates('1') });
    await first.run();
    const third = setting({ candidates: candidates('1') }, {}, 2);
    await third.run();
    expect([first, third].map(({ opened }) => opened.map((one) => one.failedBefore))).to.deep.equal([
      [0],
      [2],
    ]);
  });

  it('stores the plan before it acts', async () => {
    const pinsThen: (number | undefined)[] = [];
    const all = setting({
      candidates: candidates('1', '2'),
      onImage: () => pinsThen.push(all.status().pending?.length),
    });
    await all.run();
    expect(pinsThen).to.deep.equal([2, 2]);
  });

  it('does nothing when the plan cannot be stored', async () => {
    const done: string[] = [];
    const all = setting({ candidates: candidates('1'), onImage: (tag) => done.push(tag) });
    const { writeStatus } = all.store;
    const writes = { ...all.store, writeStatus };
    let count = 0;
    Object.assign(all.store, {
      writeStatus: (...given: Parameters<typeof writeStatus>) => {
        count += 1;
        return count === 1 ? writes.writeStatus(...given) : Promise.reject(fault('ClusterUnavailable', true));
      },
    });
    const ended = all.run();
    await all.time.pass(25_000);
    expect(await ended).to.deep.equal({ end: 'stopped' });
    expect(done).to.deep.equal([]);
    expect(all.status().phase).to.equal('Running');
  });

  it('does nothing when the API server does not keep the pins of the plan', async () => {
    const done: string[] = [];
    const all = setting({ candidates: candidates('1', '2'), onImage: (tag) => done.push(tag) });
    const { writeStatus } = all.store;
    Object.assign(all.store, {
      writeStatus: (...[run, status, signal]: Parameters<typeof writeStatus>) =>
        writeStatus(run, { ...status, pending: undefined }, signal),
    });
    expect(await all.run()).to.include({ end: 'over' });
    expect(done).to.deep.equal([]);
    expect(all.status()).to.include({ phase: 'Failed', retryable: false });
    const failed = all.status().conditions?.find(({ type }) => type === 'Failed');
    expect(failed?.reason).to.equal('ClusterDenied');
    expect(failed?.message).to.include('did not keep: 2;').and.to.include('(CRDs) of this version');
  });

  it('reports the promoted images while it runs, and not more often than every few seconds', async () => {
    const all = setting({ candidates: candidates('1', '2', '3', '4', '5', '6'), imageMs: 5_000 });
    const ended = all.run();
    await all.time.pass(20_000);
    expect(all.status()).to.deep.include({ phase: 'Running' });
    expect(all.status().counts).to.include({ candidates: 6, promoted: 2 });
    expect(all.status().pending).to.have.lengthOf(4);
    await all.time.pass(20_000);
    expect(await ended).to.include({ end: 'over' });
    // Claim, plan, four renewals, end.
    expect(all.store.written()).to.equal(7);
  });

  it('continues after a crash with the digests of the stored plan, and never resolves a tag again', async () => {
    const done: string[] = [];
    const all = setting({
      candidates: candidates('1', '2', '3'),
      imageMs: 5_000,
      onImage: (tag) => done.push(tag),
    });
    const crash = new AbortController();
    const first = all.run('controller-a', crash.signal);
    await all.time.pass(9_000);
    crash.abort();
    expect(await first).to.deep.equal({ end: 'stopped' });
    expect(all.status().phase).to.equal('Running');
    const second = all.run('controller-b');
    await all.time.pass(20_000);
    expect(await second).to.include({ end: 'over' });
    expect(all.execution.plans()).to.equal(1);
    expect(all.status().claim?.epoch).to.equal(2);
    expect(all.status().counts).to.include({ candidates: 3, promoted: 3, failed: 0 });
    expect(done).to.deep.equal(['1', '2', '3']);
  });

  for (const [what, row] of [
    ['missing', undefined],
    ['unreadable', { digest: 'sha256:short' }],
  ] as const)
    it(`fails, and never succeeds, when the pin of an image is ${what} after a crash`, async () => {
      const done: string[] = [];
      const all = setting({
        candidates: candidates('1', '2', '3'),
        imageMs: 5_000,
        onImage: (tag) => done.push(tag),
      });
      const crash = new AbortController();
      const first = all.run('controller-a', crash.signal);
      await all.time.pass(9_000);
      crash.abort();
      await first;
      const stored = all.store.peek(NAME.name);
      const [pin, ...others] = stored?.status?.pending ?? [];
      if (!stored || !pin) throw new Error('there is no pin');
      const pending = [...(row ? [{ ...pin, ...row }] : []), ...others];
      all.store.put({ ...stored, status: { ...stored.status, pending } });
      const before = done.length;
      all.store.onWrite = () => undefined;
      expect(await all.run('controller-b')).to.include({ end: 'over' });
      expect(all.condition('Failed')).to.equal('True ClusterDenied');
      expect(all.status().counts).to.include({ candidates: 3, promoted: 1 });
      expect(done).to.have.lengthOf(before);
    });

  it('does not start a run that has ended or was deleted', async () => {
    const all = setting({ candidates: candidates('1') });
    await all.run();
    expect(await all.run()).to.deep.equal({ end: 'nothing' });
    all.store.remove(NAME.name);
    expect(await all.run()).to.deep.equal({ end: 'nothing' });
  });

  it('stops when the run is deleted', async () => {
    const done: string[] = [];
    const all = setting({
      candidates: candidates('1', '2'),
      imageMs: 10_000,
      onImage: (tag) => done.push(tag),
    });
    const ended = all.run();
    await settle();
    all.store.remove(NAME.name);
    await all.time.pass(8_000);
    expect(await ended).to.deep.equal({ end: 'stopped' });
    expect(done).to.deep.equal([]);
  });

  it('fails the images that are left at its deadline, also when another replica started the run', async () => {
    const all = setting({ candidates: candidates('1', '2', '3'), imageMs: 20_000 }, { timeout: '50s' });
    const crash = new AbortController();
    const first = all.run('controller-a', crash.signal);
    await all.time.pass(21_000);
    crash.abort();
    await first;
    const second = all.run('controller-b');
    await all.time.pass(30_000);
    expect(await second).to.include({ end: 'over' });
    expect(all.status()).to.include({ phase: 'Failed', retryable: false });
    expect(all.status().images?.map(({ tag, decision, reason }) => [tag, decision, reason])).to.deep.equal([
      ['1', 'Promoted', undefined],
      ['2', 'Promoted', undefined],
      ['3', 'Failed', 'DeadlineExceeded'],
    ]);
    expect(all.condition('Failed')).to.equal('True DeadlineExceeded');
  });

  it('fails as a whole when the registry is unavailable, and reports that a retry may succeed', async () => {
    const all = setting({
      candidates: [],
      discovery: () => Promise.reject(fault('RegistryUnavailable', true)),
    });
    await all.run();
    expect(all.status()).to.include({ phase: 'Failed', retryable: true });
    expect(all.condition('Failed')).to.equal('True RegistryUnavailable');
    expect(all.condition('Resolved')).to.equal('False RegistryUnavailable');
  });

  it('fails permanently when an object that it needs cannot be read, or when no image is left to plan', async () => {
    const unreadable = setting({ candidates: [] });
    unreadable.breakOpen(fault('SecretUnreadable', false));
    await unreadable.run();
    expect(unreadable.status()).to.include({ phase: 'Failed', retryable: false });
    expect(unreadable.condition('Failed')).to.equal('True SecretUnreadable');
    const reason = { code: 'ImageNotFound', detail: 'no such repository' } as const;
    const refused = setting({
      candidates: [],
      discovery: () => Promise.resolve({ state: 'refused', reason }),
    });
    await refused.run();
    expect(refused.condition('Failed')).to.equal('True ImageNotFound');
  });

  it('fails a run that cannot be read, and reports a bug as a bug', async () => {
    const invalid = setting({ candidates: [] });
    invalid.store.put({ ...runObject(), spec: { template: { tags: { semver: ['>>1'] } } } });
    await invalid.run();
    expect(invalid.condition('Failed')).to.equal('True InvalidPromotion');
    const bug = setting({ candidates: [] });
    bug.breakOpen(new TypeError('secret'));
    await bug.run();
    expect(bug.condition('Failed')).to.equal('True InternalError');
    expect(JSON.stringify(bug.status())).not.to.include('secret');
    expect(bug.reported).to.have.lengthOf(1);
  });

  it('accepts no more images than can be pinned', async () => {
    const tags = Array.from({ length: 4_001 }, (_, index) => String(index));
    const all = setting({ candidates: candidates(...tags) });
    await all.run();
    expect(all.condition('Failed')).to.equal('True LimitExceeded');
  });

  it('promotes nothing in a dry run, and reports that', async () => {
    const all = setting(
      {
        candidates: candidates('1'),
        fate: (_, { dryRun }) => ({ decision: dryRun ? 'Planned' : 'Promoted' }),
      },
      { dryRun: true },
    );
    await all.run();
    expect(all.status().images?.map(({ decision }) => decision)).to.deep.equal(['Planned']);
    expect(all.condition('Copied')).to.equal('False DryRun');
    expect(all.condition('Complete')).to.equal('True Succeeded');
  });
});
