import { expect } from 'chai';
import { parseDigest } from '../../src/core/model/index.ts';
import type { Approval } from '../../src/core/promotion/index.ts';
import { openPromotionFixture, type PromotionFixture } from '../support/promotions/promotion-fixture.ts';
import { readSpec } from '../support/promotions/promotions.ts';
import { listTags } from '../support/registry/listings.ts';
import { pushImage } from '../support/registry/push.ts';

describe('an approval that is used a second time', () => {
  let fixture: PromotionFixture;
  beforeEach(async () => {
    fixture = await openPromotionFixture();
  });
  afterEach(() => fixture.close());

  const place = (repository: string) => ({ registry: fixture.registry.host, repository });
  const spec = (target: string, promote: object = {}) => {
    const { host } = fixture.registry;
    return readSpec({
      source: { repository: `${host}/quarantine/app` },
      target: { repository: `${host}/${target}` },
      tags: { explicit: ['1.0'] },
      promote: { approval: 'Always', ...promote },
    });
  };
  /** What Jane approves: that the image goes to staging, in the first run. */
  const approved = async (): Promise<Approval> => {
    await pushImage({ ...place('quarantine/app'), tag: '1.0' });
    const { results } = await fixture.run({ spec: spec('staging/app'), runUID: 'uid-1' });
    const [row] = results;
    const digest = parseDigest(row?.digest);
    if (!digest) throw new Error('no digest');
    expect(row?.decision).to.equal('AwaitingApproval');
    return {
      ...{ runName: 'run-1', runUID: 'uid-1', digest, gateHash: row?.gateHash ?? '', approver: 'jane' },
      ...{ decision: 'Approve', waive: [], reason: 'for staging only', until: new Date('2099-01-01') },
    };
  };
  const decision = async (
    input: { target: string; promote?: object; runUID: string },
    approval: Approval,
  ) => {
    const asked = spec(input.target, input.promote);
    const { results } = await fixture.run({ spec: asked, runUID: input.runUID, approvals: [approval] });
    return results[0]?.decision;
  };

  it('A09 counts for its run, and for no run of that name to another target', async () => {
    const approval = await approved();
    for (const one of [approval, { ...approval, runUID: undefined }, { ...approval, runUID: 'uid-2' }])
      expect(await decision({ target: 'production/app', runUID: 'uid-2' }, one)).to.equal('AwaitingApproval');
    expect(await listTags(place('production/app')).catch(() => [])).to.deep.equal([]);
    expect(await decision({ target: 'staging/app', runUID: 'uid-1' }, approval)).to.equal('Promoted');
  });

  it('A09 does not count for a run of that name with the same promotion, nor for one with other gates', async () => {
    const approval = await approved();
    const target = 'staging/app';
    const again = { ...approval, runUID: undefined };
    expect(await decision({ target, runUID: 'uid-2' }, again)).to.equal('AwaitingApproval');
    for (const promote of [{ deleteSource: true }, { supersede: { endOfLifeAfter: '1h' } }])
      expect(await decision({ target, promote, runUID: 'uid-1' }, approval)).to.equal('AwaitingApproval');
    expect(await listTags(place(target)).catch(() => [])).to.deep.equal([]);
  });
});
