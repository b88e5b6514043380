import { expect } from 'chai';
import { Fault } from '../../src/core/model/index.ts';
import { listTags } from '../support/registry/listings.ts';
import { SILENT } from '../support/promotions/silent.ts';
import { PROMOTIONS, type PromotionRow, type PromotionSituation } from './promotion-rows.ts';
import { PROMOTION_SETUPS, type Made } from './promotion-setups.ts';

/** What a run ends with: the decision and the reason about its one image, or about the run as a whole. */
async function outcomeOf({ fixture, input }: Made): Promise<Omit<PromotionRow, 'what'>> {
  const execution = await fixture.open(input);
  const signal = AbortSignal.timeout(20_000);
  try {
    const planned = await execution.plan(signal).catch((error: unknown) => {
      if (error instanceof Fault) return { state: 'refused', reason: { code: error.code } } as const;
      throw error;
    });
    if (planned.state === 'refused') return { decision: 'Refused', reason: planned.reason.code };
    const order = { progress: SILENT, dryRun: false, approvals: () => input.approvals ?? [] };
    const results = await execution.run(planned.images, order, signal);
    expect(results).to.have.lengthOf(1);
    const [{ decision, reason } = { decision: '', reason: undefined }] = results;
    return { decision: decision as PromotionRow['decision'], ...(reason && { reason }) };
  } finally {
    await execution.close();
  }
}

describe('what a mirror or a promotion does when', () => {
  for (const [situation, row] of Object.entries(PROMOTIONS) as [PromotionSituation, PromotionRow][])
    it(`O41 ${row.what.replaceAll('*', '')}: ${row.decision}`, async () => {
      const made = await PROMOTION_SETUPS[situation]();
      try {
        const { decision, reason } = row;
        const expected = { decision, ...(reason && { reason }) };
        expect(await outcomeOf(made)).to.deep.equal(expected);
        made.fixture.registry.intercept(undefined);
        const registry = made.fixture.registry.host;
        const arrived = await Promise.all(
          ['golden/app', ...('mirror' in made.input.spec ? ['quarantine/mirrored'] : [])].map((repository) =>
            listTags({ registry, repository }).catch(() => []),
          ),
        );
        const hasArrived = row.decision === 'Promoted' || row.decision === 'Mirrored';
        expect(arrived.flat()).to.deep.equal(hasArrived ? ['1.0.0'] : []);
      } finally {
        await made.close();
      }
    });
});
