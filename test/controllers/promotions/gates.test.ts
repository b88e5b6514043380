import { expect } from 'chai';
import { customObject } from '../../../src/controllers/promotions/cluster-store.ts';
import { controllerFixture } from './controller-fixture.ts';
import { candidates } from './fixture.ts';

describe('a gate that is weakened', () => {
  const led = async () => {
    const all = controllerFixture({ candidates: candidates('1') }, { promote: { approval: 'Always' } });
    all.lead();
    all.put();
    await all.time.pass(2_000);
    return all;
  };
  const reported = ({ events }: Awaited<ReturnType<typeof led>>) =>
    events.filter(({ reason }) => reason === 'GateWeakened');

  it('A04 is reported once by an event that names the field, the generation, the writer and the time', async () => {
    const all = await led();
    expect(reported(all)).to.deep.equal([]);
    const writtenBy = { manager: 'kubectl-edit', time: '2026-03-03T10:00:00Z' };
    all.put({ spec: { promote: { approval: 'Never' } }, metadata: { generation: 2, writtenBy } });
    await all.time.pass(2_000);
    all.controller.onPromotion({ namespace: 'platform', name: 'node-to-golden' });
    await all.time.pass(2_000);
    const [event, ...others] = reported(all);
    expect(others).to.deep.equal([]);
    expect(event).to.include({ type: 'Warning', action: 'Change' });
    expect(event?.note).to.equal(
      'generation 2, written by field manager "kubectl-edit" at 2026-03-03T10:00:00Z; the user is in the audit log of the API server: promote.approval was Always, is Never',
    );
  });

  it('A04 is reported also when it is suspended meanwhile', async () => {
    const all = await led();
    all.put({ spec: { suspend: true, promote: { approval: 'Never' } }, metadata: { generation: 2 } });
    await all.time.pass(2_000);
    expect(reported(all)).to.have.lengthOf(1);
  });

  it('is not reported when it is strengthened', async () => {
    const all = await led();
    const promote = { approval: 'Always', policies: ['signed'] };
    all.put({ spec: { promote }, metadata: { generation: 2 } });
    await all.time.pass(2_000);
    expect(reported(all)).to.deep.equal([]);
  });

  it('has the last writer of its spec, and none of its status', () => {
    const field = (manager: string, time: string, part: string) => ({
      ...{ manager, time, operation: 'Update', apiVersion: 'pratique.dev/v1alpha1', fieldsType: 'FieldsV1' },
      fieldsV1: { [part]: {} },
    });
    const managedFields = [
      field('argocd', '2026-03-01T10:00:00Z', 'f:spec'),
      field('kubectl-edit', '2026-03-02T10:00:00Z', 'f:spec'),
      field('pratique-promotions', '2026-03-04T10:00:00Z', 'f:status'),
    ];
    const object = { apiVersion: 'v1', kind: 'Any', metadata: { name: 'x', managedFields } };
    expect(customObject(object).metadata.writtenBy).to.deep.equal({
      manager: 'kubectl-edit',
      time: '2026-03-02T10:00:00Z',
    });
  });
});
