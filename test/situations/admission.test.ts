import { expect } from 'chai';
import { podReview } from '../support/reviews.ts';
import { answerTo, openAdmissions, type AdmissionFixture } from './admission-fixture.ts';
import { SETUPS } from './admission-setups.ts';
import { ADMISSIONS, COLUMNS, KINDS, type AdmissionRow, type AdmissionSituation } from './rows.ts';

/** Longer than any answer here takes. */
const BUDGET_MS = 8_000;

describe('what an admission answers when', () => {
  let fixture: AdmissionFixture;
  beforeEach(async () => {
    fixture = await openAdmissions();
  });
  afterEach(() => fixture.close());

  for (const [situation, row] of Object.entries(ADMISSIONS) as [AdmissionSituation, AdmissionRow][])
    it(`O40 ${row.what.replaceAll('*', '')}: ${row.kind}`, async () => {
      const setup = (await SETUPS[situation](fixture)) ?? {};
      const { budgetMs = BUDGET_MS, review = (column) => podReview([fixture.image(column)]) } = setup;
      const ports = { ...fixture.ports, ...setup.ports };
      const answers = await Promise.all(COLUMNS.map(({ name }) => answerTo(review(name), ports, budgetMs)));
      const reason = row.reason ?? '';
      const expected = KINDS[row.kind].map((seen) => ({ seen, reasons: reason }));
      expect(answers).to.deep.equal(expected);
    });
});
