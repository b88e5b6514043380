import { expect } from 'chai';
import { approvalObject, candidates, digestFor, fault } from './fixture.ts';
import { controllerFixture } from './controller-fixture.ts';

const HOUR = 3_600_000;

describe('the promotion controller', () => {
  it('runs a new promotion, and reports the result', async () => {
    const all = controllerFixture({ candidates: candidates('1', '2'), imageMs: 1_000 });
    all.lead();
    all.put();
    await all.time.pass(1_500);
    expect(all.status().activeRun).to.equal(all.runs()[0]?.metadata.name);
    expect(all.conditions()).to.include({
      Ready: 'Unknown Progressing',
      Reconciling: 'True Running',
      Stalled: 'False Progressing',
    });
    await all.time.pass(5_000);
    expect(all.begun).to.deep.equal(['Change']);
    expect(all.conditions()).to.include({
      Ready: 'True Succeeded',
      Reconciling: 'False Idle',
      Stalled: 'False Progressing',
    });
    const { activeRun, counts, lastRunTime, lastSuccessfulTime, observedGeneration } = all.status();
    expect({ activeRun, observedGeneration }).to.deep.equal({ activeRun: undefined, observedGeneration: 1 });
    expect(counts).to.include({ candidates: 2, promoted: 2 });
    expect([lastRunTime, lastSuccessfulTime]).not.to.include(undefined);
    expect(all.counted).to.deep.equal(['Promoted//1', 'Promoted//1']);
    expect(all.events.map(({ reason, regarding }) => `${regarding.kind} ${reason}`)).to.deep.equal([
      'ImagePromotion Promoted',
      'ImagePromotion Promoted',
    ]);
  });

  it('reports that no image is selected, and why', async () => {
    const nothing = 'no tag of registry.example.com/quarantine/node is selected';
    const all = controllerFixture({
      candidates: [],
      discovery: () => Promise.resolve({ state: 'planned', images: [], nothing }),
    });
    all.lead();
    all.put();
    await all.time.pass(5_000);
    expect(all.conditions()).to.include({
      Ready: 'True NothingSelected',
      Reconciling: 'False Idle',
      Stalled: 'False Progressing',
    });
    const [run] = all.runs();
    expect(run?.status?.plan?.nothing).to.equal(nothing);
    const said = run?.status?.conditions?.map(({ type, reason }) => `${type} ${reason}`);
    expect(said).to.include.members(['Resolved NothingSelected', 'Complete NothingSelected']);
  });

  it('writes nothing after a run that has ended', async () => {
    const all = controllerFixture({ candidates: candidates('1') });
    all.lead();
    all.put();
    await all.time.pass(60_000);
    const writes = all.statusWrites();
    await all.time.pass(5 * HOUR);
    expect(all.statusWrites()).to.equal(writes);
    expect(all.runs()).to.have.lengthOf(1);
    expect(all.troubles).to.deep.equal([]);
  });

  it('runs again after a change of the promotion, a request by a person, a push, and by its schedule', async () => {
    const all = controllerFixture(
      { candidates: candidates('1') },
      { schedule: '0 */6 * * *', historyLimits: { succeeded: 9 } },
    );
    all.lead();
    all.put();
    await all.time.pass(2_000);
    all.put({ metadata: { generation: 2 } });
    await all.time.pass(2_000);
    all.put({ metadata: { annotations: { 'reconcile.pratique.dev/requestedAt': 'today' } } });
    await all.time.pass(2_000);
    expect(all.status().lastHandledReconcileAt).to.equal('today');
    all.push();
    await all.time.pass(2_000);
    expect(all.begun).to.deep.equal(['Change', 'Change', 'Manual', 'Event']);
    expect(all.status().nextRunTime).to.match(/T\d\d:00:00Z$/);
    await all.time.pass(12 * HOUR);
    expect(all.begun.slice(4)).to.deep.equal(['Schedule', 'Schedule']);
  });

  it('starts one run for one change, one request and any number of events', async () => {
    const all = controllerFixture({ candidates: candidates('1'), imageMs: 10_000 });
    all.lead();
    all.put();
    await all.time.pass(1_000);
    for (let index = 0; index < 100; index += 1) all.push();
    all.put({ metadata: { generation: 2, annotations: { 'reconcile.pratique.dev/requestedAt': 'today' } } });
    all.push();
    await all.time.pass(60_000);
    expect(all.begun).to.deep.equal(['Change', 'Change']);
    expect(all.status().lastHandledReconcileAt).to.equal('today');
  });

  it('starts no run while the promotion is suspended, and lets the active run end', async () => {
    const all = controllerFixture({ candidates: candidates('1'), imageMs: 10_000 });
    all.lead();
    all.put();
    await all.time.pass(1_000);
    all.put({ spec: { suspend: true, schedule: '* * * * *' }, metadata: { generation: 2 } });
    await all.time.pass(2 * HOUR);
    expect(all.phases()).to.deep.equal(['Succeeded']);
    expect(all.condition('Reconciling')).to.equal('False Suspended');
    expect(all.status().nextRunTime).to.equal(undefined);
    all.put({ spec: {}, metadata: { generation: 3 } });
    await all.time.pass(20_000);
    expect(all.phases()).to.have.lengthOf(2);
  });

  it('reports that a person must act when a promotion cannot run as it is written, and starts no run', async () => {
    const all = controllerFixture({ candidates: [] }, { schedule: 'whenever' });
    all.lead();
    all.put();
    await all.time.pass(HOUR);
    expect(all.conditions()).to.include({
      Ready: 'False InvalidPromotion',
      Stalled: 'True InvalidPromotion',
      Reconciling: 'False InvalidPromotion',
    });
    expect(all.runs()).to.have.lengthOf(0);
    all.put({ spec: {}, metadata: { generation: 2 } });
    await all.time.pass(2_000);
    expect(all.conditions()).to.include({ Ready: 'True Succeeded', Stalled: 'False Progressing' });
  });

  it('waits for a missing Secret without a run, and starts when the Secret exists', async () => {
    const all = controllerFixture({ candidates: candidates('1') });
    all.fixture.check = () => Promise.resolve({ code: 'SecretUnreadable', detail: 'Secret pull is missing' });
    all.lead();
    all.put();
    await all.time.pass(HOUR);
    expect(all.conditions()).to.include({
      Ready: 'False SecretUnreadable',
      Stalled: 'True SecretUnreadable',
    });
    expect(all.runs()).to.have.lengthOf(0);
    all.fixture.check = () => Promise.resolve(undefined);
    await all.time.pass(65_000);
    expect(all.conditions()).to.include({ Ready: 'True Succeeded', Stalled: 'False Progressing' });
  });

  it('runs again when a Secret that was deleted during the run exists again, and not before', async () => {
    const all = controllerFixture({ candidates: candidates('1') });
    const { open } = all.fixture;
    all.fixture.open = () => Promise.reject(fault('SecretUnreadable', false));
    all.fixture.check = () =>
      Promise.resolve(all.runs().length > 0 ? { code: 'SecretUnreadable', detail: '' } : undefined);
    all.lead();
    all.put();
    await all.time.pass(3 * HOUR);
    expect(all.phases()).to.deep.equal(['Failed']);
    expect(all.condition('Stalled')).to.equal('True SecretUnreadable');
    all.fixture.open = open;
    all.fixture.check = () => Promise.resolve(undefined);
    await all.time.pass(125_000);
    expect(all.phases()).to.deep.equal(['Failed', 'Succeeded']);
    expect(all.condition('Stalled')).to.equal('False Progressing');
  });

  it('retries with growing pauses while a registry is unavailable, and reports it once', async () => {
    const all = controllerFixture({
      candidates: candidates('1'),
      discovery: () => Promise.reject(fault('RegistryUnavailable', true)),
    });
    all.lead();
    all.put();
    await all.time.pass(30_000);
    expect(all.conditions()).to.include({
      Ready: 'False RegistryUnavailable',
      Reconciling: 'True Retrying',
      Stalled: 'False Progressing',
    });
    await all.time.pass(16 * 60_000);
    expect(all.begun).to.deep.equal(['Change', 'Retry', 'Retry', 'Retry', 'Retry']);
    expect(all.events).to.have.lengthOf(1);
    all.fixture.fake = { candidates: candidates('1') };
    await all.time.pass(16 * 60_000);
    expect(all.condition('Ready')).to.equal('True Succeeded');
    await all.time.pass(10 * HOUR);
    expect(all.begun.filter((trigger) => trigger === 'Retry')).to.have.lengthOf(5);
  });

  it('does not retry an image that a gate blocked', async () => {
    const all = controllerFixture({
      candidates: candidates('1'),
      fate: () => ({ decision: 'Blocked', reason: 'Vulnerable' }),
    });
    all.lead();
    all.put();
    await all.time.pass(24 * HOUR);
    expect(all.phases()).to.deep.equal(['Blocked']);
    expect(all.conditions()).to.include({
      Ready: 'True Blocked',
      Reconciling: 'False Idle',
      Stalled: 'False Progressing',
    });
  });

  it('stops the run of a deleted promotion, and reports nothing about it', async () => {
    const moved: string[] = [];
    const all = controllerFixture({
      candidates: candidates('1', '2', '3'),
      imageMs: 2_000,
      onImage: (tag) => moved.push(tag),
    });
    all.lead();
    all.put();
    await all.time.pass(3_000);
    all.remove();
    await all.time.pass(HOUR);
    expect(moved).to.deep.equal(['1']);
    expect([all.events, all.troubles]).to.deep.equal([[], []]);
  });

  it('continues a run as soon as a person has decided', async () => {
    const all = controllerFixture({
      candidates: candidates('1', '2'),
      fate: (tag, { approvals }) =>
        tag === '1' || approvals().length > 0
          ? { decision: 'Promoted' }
          : { decision: 'AwaitingApproval', reason: 'ApprovalNeeded', gateHash: digestFor('gates') },
    });
    all.lead();
    all.put();
    await all.time.pass(2_000);
    expect(all.condition('Ready')).to.equal('True ApprovalNeeded');
    expect(all.status().counts).to.include({ promoted: 1, awaitingApproval: 1 });
    const [run] = all.runs();
    if (!run) throw new Error('no run');
    all.approvals.push(
      approvalObject({ runName: run.metadata.name, digest: digestFor('2'), gateHash: digestFor('gates') }),
    );
    all.controller.onApproval(run.metadata);
    await all.time.pass(2_000);
    expect(all.condition('Ready')).to.equal('True Succeeded');
    expect(all.status().counts).to.include({ promoted: 2, awaitingApproval: 0 });
    expect(all.begun).to.deep.equal(['Change']);
    expect(all.events.map(({ action, note }) => `${action} ${note.slice(0, 1)}`)).to.deep.equal([
      'AwaitingApproval 2',
      'Promoted 1',
      'Promoted 2',
    ]);
  });

  it('keeps no more runs than its history limits', async () => {
    const all = controllerFixture(
      { candidates: candidates('1') },
      { schedule: '0 * * * *', historyLimits: { succeeded: 2, failed: 1 } },
    );
    all.lead();
    all.put();
    await all.time.pass(6 * HOUR);
    expect(all.runs()).to.have.lengthOf(2);
    expect(all.removed).to.have.length.greaterThan(3);
  });

  it('carries out no more runs at a time than configured', async () => {
    let active = 0;
    let most = 0;
    const all = controllerFixture({ candidates: [] }, {}, { maxConcurrentRuns: 2 });
    all.fixture.open = () => {
      active += 1;
      most = Math.max(most, active);
      const planned = new Promise<never>((_, reject) => {
        all.time.after(5_000, () => {
          active -= 1;
          reject(fault('RegistryDenied', false));
        });
      });
      const nothing = () => Promise.resolve([]);
      return Promise.resolve({ plan: () => planned, run: nothing, close: () => Promise.resolve() });
    };
    all.lead();
    for (let index = 0; index < 7; index += 1) all.put({}, `promotion-${String(index)}`);
    await all.time.pass(60_000);
    expect(most).to.equal(2);
    expect(all.phases()).to.deep.equal(Array.from({ length: 7 }, () => 'Failed'));
  });
});
