import { expect } from 'chai';
import { controllerFixture } from './controller-fixture.ts';
import { NAME, setting } from './run-fixture.ts';
import { approvalObject, candidates, digestFor } from './fixture.ts';

const HASH = digestFor('gates');

describe('a run that waits for a person', () => {
  const waiting = () =>
    setting({
      candidates: candidates('1', '2'),
      fate: (tag, order) => {
        if (tag === '1') return { decision: 'Promoted' };
        const [given] = order.approvals();
        if (given?.decision === 'Deny') return { decision: 'Blocked', reason: 'ApprovalDenied' };
        if (given?.waive.includes('CVE-2026-1')) return { decision: 'Promoted', approvedBy: given.approver };
        return { decision: 'AwaitingApproval', reason: 'ApprovalNeeded', gateHash: HASH };
      },
    });
  const decision = (spec: object = {}, uid?: string) =>
    approvalObject({ digest: digestFor('2'), gateHash: HASH, waive: ['CVE-2026-1'], ...spec }, uid);

  it('has ended, keeps that image pinned, and continues with this image alone after an approval', async () => {
    const all = waiting();
    await all.run();
    expect(all.status()).to.include({ phase: 'Blocked' });
    expect(all.status().pending).to.have.lengthOf(1);
    expect([all.condition('Approved'), all.condition('Complete')]).to.deep.equal([
      'False ApprovalNeeded',
      'False ApprovalNeeded',
    ]);
    expect(await all.run()).to.deep.equal({ end: 'nothing' });
    all.approvals.push(decision());
    expect(await all.run()).to.include({ end: 'over' });
    expect(all.status()).to.include({ phase: 'Succeeded' });
    expect(all.status().pending).to.equal(undefined);
    expect(all.status().counts).to.include({ candidates: 2, promoted: 2, awaitingApproval: 0 });
    expect([all.condition('Approved'), all.condition('Complete')]).to.deep.equal([
      'True Approved',
      'True Succeeded',
    ]);
    expect(all.execution.plans()).to.equal(1);
  });

  it('A01 is opened with its own UID and that of its promotion, so that its hash depends on them', async () => {
    const all = waiting();
    await all.run();
    expect(all.opened[0]).to.deep.include({ runName: NAME.name, runUID: `uid-${NAME.name}` });
    expect(all.opened[0]?.promotion).to.deep.include({ uid: 'promotion-1' });
  });

  it('is blocked by a rejection', async () => {
    const all = waiting();
    await all.run();
    all.approvals.push(decision({ decision: 'Deny' }));
    await all.run();
    expect(all.status()).to.include({ phase: 'Blocked' });
    expect(all.condition('Approved')).to.equal('False ApprovalDenied');
    expect(all.condition('Complete')).to.equal('True Blocked');
  });

  it('does not try an approval again that was not sufficient', async () => {
    const all = waiting();
    await all.run();
    all.approvals.push(decision({ waive: [] }));
    expect(await all.run()).to.include({ end: 'over' });
    expect(all.condition('Approved')).to.equal('False ApprovalNeeded');
    expect(await all.run()).to.deep.equal({ end: 'nothing' });
    all.approvals.unshift(decision({}, 'approval-2'));
    await all.run();
    expect(all.status()).to.include({ phase: 'Succeeded' });
  });

  for (const [what, spec] of [
    ['another digest', { digest: digestFor('1') }],
    ['other findings', { gateHash: digestFor('others') }],
    ['another run', { runName: 'another' }],
    ['the past', { until: '2020-01-01' }],
  ] as const) {
    it(`P06 is not promoted by an approval of ${what}`, async () => {
      const all = waiting();
      await all.run();
      all.approvals.push(decision(spec));
      expect(await all.run()).to.deep.equal({ end: 'nothing' });
    });
  }

  it('continues from a status in which an older version has pinned the images as text', async () => {
    const all = waiting();
    await all.run();
    const { pending = [], ...status } = all.status();
    const pins = pending.map(({ tag, digest, gateHash = '' }) => `${tag} ${digest} = - Move ${gateHash}`);
    const stored = all.store.peek(NAME.name);
    if (!stored) throw new Error('the run is gone');
    all.store.put({ ...stored, status: { ...status, pins } });
    all.approvals.push(decision());
    expect(await all.run()).to.include({ end: 'over' });
    expect(all.status()).to.include({ phase: 'Succeeded' });
    expect([all.status().pins, all.status().pending]).to.deep.equal([undefined, undefined]);
  });
});

describe('an approval that does not count', () => {
  const waits = async () => {
    const all = controllerFixture({
      candidates: candidates('1'),
      fate: () => ({ decision: 'AwaitingApproval', reason: 'ApprovalNeeded', gateHash: HASH }),
    });
    all.lead();
    all.put();
    await all.time.pass(2_000);
    const [run] = all.runs();
    if (!run) throw new Error('no run');
    return { all, run: run.metadata };
  };
  for (const [what, spec, why] of [
    ['an earlier run of that name', { runUID: 'uid-0' }, 'an earlier run of that name, with UID uid-0'],
    ['other findings', { gateHash: digestFor('others') }, 'another run, target, policy, gate or finding'],
    ['the past', { until: '2020-01-01' }, 'it has expired'],
    ['another digest', { digest: digestFor('3') }, 'it is about sha256:'],
  ] as const)
    it(`A02 names its reason in the condition and one event: ${what}`, async () => {
      const { all, run } = await waits();
      all.approvals.push(
        approvalObject({ runName: run.name, digest: digestFor('1'), gateHash: HASH, ...spec }, 'by-jane'),
      );
      for (let time = 0; time < 3; time += 1) {
        all.controller.onApproval(run);
        await all.time.pass(2_000);
      }
      const ready = all.status().conditions?.find(({ type }) => type === 'Ready');
      expect(ready?.reason).to.equal('ApprovalNeeded');
      expect(ready?.message).to.include(`"by-jane" does not count for run ${run.name}: `).and.to.include(why);
      expect(all.events.filter(({ reason }) => reason === 'ApprovalUnfit')).to.have.lengthOf(1);
    });
});
