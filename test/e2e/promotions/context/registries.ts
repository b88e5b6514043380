import { expect } from 'chai';
import { listTags } from '../../../support/registry/listings.ts';
import { pushImage } from '../../../support/registry/push.ts';
import { freePort } from '../../support/programs/ports.ts';
import { startReadOnlyDistribution } from '../../support/promotions/registries.ts';
import { at, conditionOf, mirror, says, type Around } from './context.ts';

/** Registries that fail. */
export function describeRegistries(around: () => Around): void {
  describe('registries', () => {
    it('that cannot be reached are tried again, and the reason is in the Ready condition', async () => {
      const { flow, open } = around();
      const host = `127.0.0.1:${String(await freePort())}`;
      await flow.apply(mirror('unreachable', at('app', { host }), at('quarantine/unreachable', open)));
      await says(around(), { name: 'unreachable', type: 'Reconciling', said: 'Retrying' });
      const ready = await conditionOf(around(), 'unreachable', 'Ready');
      expect([ready?.status, ready?.reason]).to.deep.equal(['False', 'RegistryUnavailable']);
    });

    it('that accept no push need a person', async () => {
      const { flow, open } = around();
      const readOnly = await startReadOnlyDistribution();
      try {
        await flow.apply(mirror('read-only', at('app', open), at('app', readOnly)));
        await says(around(), { name: 'read-only', type: 'Stalled', said: 'RegistryDenied: ' });
        expect((await conditionOf(around(), 'read-only', 'Ready'))?.status).to.equal('False');
        expect(await listTags({ registry: readOnly.host, repository: 'app' })).to.deep.equal([]);
      } finally {
        await readOnly.stop();
      }
    });

    it('keep a tag that another writer moves during the run, and the run reports it', async () => {
      const { flow, open } = around();
      const there = { registry: open.host, repository: 'quarantine/raced', tag: '1.0.0' };
      open.intercept(async ({ method, url }) => {
        if (method !== 'POST' || !url.pathname.startsWith('/v2/quarantine/raced/')) return undefined;
        open.intercept(undefined);
        await pushImage(there, { salt: 'theirs' });
        return undefined;
      });
      await flow.apply(mirror('raced', at('app', open), at('quarantine/raced', open)));
      await flow.until('raced', 'the answer', ({ status }) => status?.counts?.blocked === 1);
      const [run] = await flow.runsOf('raced');
      expect(run?.status?.phase).to.equal('Blocked');
      const gates = run?.status?.conditions?.find(({ type }) => type === 'GatesPassed');
      expect(gates?.reason).to.equal('TargetMoved');
    });

    it('without any tag, as with a mistyped name, are visible in kubectl get', async () => {
      const { flow, fixture, open } = around();
      await flow.apply(mirror('mistyped', at('ap', fixture.registry), at('quarantine/mistyped', open)));
      await flow.wait('ipr/mistyped', 'Ready');
      const table = await flow.kubectl('get', 'ipr/mistyped', '-o', 'wide');
      expect(table).to.include('/ap is selected: the repository lists no tag at all');
      expect((await conditionOf(around(), 'mistyped', 'Ready'))?.reason).to.equal('NothingSelected');
      const [run] = await flow.runsOf('mistyped');
      const reasons = run?.status?.conditions?.map(({ type, reason }) => `${type} ${reason}`);
      expect(reasons).to.include.members(['Resolved NothingSelected', 'Complete NothingSelected']);
    });
  });
}
