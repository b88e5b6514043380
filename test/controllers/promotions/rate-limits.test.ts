import { expect } from 'chai';
import { controllerFixture } from './controller-fixture.ts';
import { candidates } from './fixture.ts';

describe('a registry that is left alone because of its limits', () => {
  it('P14 is named while a run waits for it, and not afterwards', async () => {
    const all = controllerFixture({
      candidates: candidates('1', '2'),
      imageMs: 60_000,
      fate: (_, { progress }) => {
        progress.onRest?.({ side: 'source', ms: 30_000 });
        return { decision: 'Promoted' };
      },
    });
    const status = () => all.runs()[0]?.status ?? {};
    const limited = () => status().conditions?.find(({ type }) => type === 'RateLimited');
    all.lead();
    all.put();
    await all.time.pass(75_000);
    const until = new Date(all.time.clock().getTime() + 15_000).toISOString().slice(0, 16);
    expect(status().waitsUntil).to.include(until);
    expect(limited()).to.include({ status: 'True', reason: 'RegistryRateLimited' });
    expect(limited()?.message).to.include('source').and.include(until);
    expect(all.condition('Reconciling')).to.equal('True RegistryRateLimited');
    expect(all.waits.at(-1)).to.equal(true);
    await all.time.pass(30_000);
    expect([status().phase, status().waitsUntil]).to.deep.equal(['Running', undefined]);
    expect(all.condition('Reconciling')).to.equal('True Running');
    expect(all.waits.at(-1)).to.equal(false);
    await all.time.pass(60_000);
    expect([all.phases(), limited()]).to.deep.equal([['Succeeded'], undefined]);
    expect(status().waitsUntil).to.equal(undefined);
  });
});
