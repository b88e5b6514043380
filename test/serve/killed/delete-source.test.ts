import { expect } from 'chai';
import { Fault } from '../../../src/core/model/index.ts';
import type { PlannedImage } from '../../../src/core/promotion/index.ts';
import { openPromotionFixture, type PromotionFixture } from '../../support/promotions/promotion-fixture.ts';
import { decisions, promotionPath } from '../../support/promotions/promotion-path.ts';
import { quarantine, QUARANTINE, type Quarantined } from '../../support/promotions/quarantined.ts';
import { SILENT } from '../../support/promotions/silent.ts';
import { artifactTypesAbout } from '../../support/registry/listings.ts';
import { pushReferrer } from '../../support/registry/push.ts';

for (const referrersApi of [true, false])
  describe(`a deletion of a source that is killed, ${referrersApi ? 'with the referrers API' : 'with fallback tags'}`, () => {
    let fixture: PromotionFixture;
    const { place, push, promote } = promotionPath(() => fixture);
    const { load, expectFlagged, left } = quarantine(() => fixture);
    const spec = () => promote({ deleteSource: true });
    beforeEach(async () => {
      fixture = await openPromotionFixture({ referrersApi });
    });
    afterEach(async () => {
      await fixture.close();
      expect(fixture.bugs).to.deep.equal([]);
    });

    const DEATH = new Fault({
      code: 'Cancelled',
      operation: 'run',
      side: 'cluster',
      transient: false,
      detail: '',
    });

    /** From the deletion behind so many others on nothing reaches the registry. */
    const dieAtDeletion = (survived: number): AbortController => {
      const death = new AbortController();
      let deleted = 0;
      fixture.registry.intercept(({ method }) => {
        if (death.signal.aborted) return 'hang up';
        if (method !== 'DELETE') return undefined;
        deleted += 1;
        if (deleted <= survived) return undefined;
        death.abort(DEATH);
        return 'hang up';
      });
      return death;
    };

    it('O02 killed before or after any deletion leaves no image without its flag, and continues', async function () {
      this.timeout(60_000);
      let total = 1;
      for (let survived = 0; survived < total; survived += 1) {
        fixture.registry.reset();
        const loaded = await load();
        const execution = await fixture.open({ spec: spec() });
        const found = await execution.plan(AbortSignal.timeout(50_000));
        const planned: readonly PlannedImage[] = found.state === 'planned' ? found.images : [];
        const death = dieAtDeletion(survived);
        const order = { progress: SILENT, dryRun: false, approvals: () => [] };
        await execution.run(planned, order, death.signal);
        await execution.close();
        fixture.registry.intercept(undefined);
        await expectFlagged(loaded, `after ${String(survived)} deletions`);
        fixture.registry.forgetLog();
        const next = await fixture.open({ spec: spec() });
        const ended = await next.run(planned, { ...order, resumed: true }, AbortSignal.timeout(50_000));
        await next.close();
        expect(decisions({ results: ended })).to.deep.equal([['1.0.0', 'Promoted']]);
        expect(await left(loaded), `after ${String(survived)} deletions`).to.deep.equal([]);
        if (survived === 0)
          total = fixture.registry.requests.filter(({ method }) => method === 'DELETE').length;
      }
      expect(total).to.be.greaterThan(10);
    });

    /** Ends a run at a deletion, and runs again with a new plan; the source has another image, which stays. */
    const killedAfter = async (survived: number): Promise<Quarantined> => {
      fixture.registry.reset();
      const loaded = await load();
      const other = await push('quarantine/app', 'other');
      await pushReferrer(place('quarantine/app'), { subject: other, artifactType: QUARANTINE });
      const death = dieAtDeletion(survived);
      await fixture.run({ spec: spec(), signal: death.signal });
      fixture.registry.intercept(undefined);
      await expectFlagged(loaded, `after ${String(survived)} deletions`);
      await fixture.run({ spec: spec() });
      expect(await artifactTypesAbout(place('quarantine/app'), other.digest)).to.deep.equal([QUARANTINE]);
      return loaded;
    };

    it('O02 killed before or after any deletion is continued by a new plan', async function () {
      this.timeout(60_000);
      for (let survived = 0; survived < 15; survived += 2)
        expect(await left(await killedAfter(survived)), `after ${String(survived)} deletions`).to.deep.equal(
          [],
        );
    });

    it('F42 killed between two flags leaves none of them behind when it runs again', async function () {
      this.timeout(60_000);
      const { nodes } = await load();
      // Behind the manifests, what is attached to each, and the signature.
      const first = 2 * nodes.length + 1;
      for (let survived = first; survived < first + nodes.length; survived += 1)
        for (const { digest } of (await killedAfter(survived)).nodes)
          expect(await artifactTypesAbout(place('quarantine/app'), digest), String(survived)).to.deep.equal(
            [],
          );
    });
  });
