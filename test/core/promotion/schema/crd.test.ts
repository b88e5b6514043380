import { Ajv } from 'ajv';
import { expect } from 'chai';
import { promotionCrds } from '../../../../src/core/promotion/index.ts';
import { promotionReferences } from '../../../../src/core/promotion/schema/crd.ts';
import { schemaOf, specFields } from '../../../support/crd.ts';
import { promotionDocument, type Written } from '../../../support/promotions/promotions.ts';

const PAGES = {
  imagepromotions: 'image-promotion.md',
  imagepromotionruns: 'image-promotion-run.md',
  promotionapprovals: 'promotion-approval.md',
} as const;

describe('definitions of promotion', () => {
  it('are those of the three kinds, of a namespace, under short names and one category', () => {
    const reported = [...promotionCrds().values()].map((crd) => {
      const { scope, names } = crd.spec as { scope: string; names: Written };
      return [scope, names.kind, names.shortNames, names.categories];
    });
    expect(reported).to.deep.equal([
      ['Namespaced', 'ImagePromotion', ['ipr'], ['pratique']],
      ['Namespaced', 'ImagePromotionRun', ['iprr'], ['pratique']],
      ['Namespaced', 'PromotionApproval', ['ipa'], ['pratique']],
    ]);
  });

  for (const [plural, page] of Object.entries(PAGES)) {
    const crd = promotionCrds().get(plural);

    it(`${plural}: structural, without keywords that Kubernetes refuses`, () => {
      expect(JSON.stringify(crd)).not.to.match(
        /"(?:\$ref|additionalProperties":false|propertyNames|const|oneOf|anyOf|\$schema)/,
      );
    });

    it(`${plural}: every map, list and free text of spec and status is bounded`, () => {
      const bounds = { array: ['maxItems'], string: ['maxLength', 'enum'] };
      const unbounded = (node: unknown): boolean => {
        if (typeof node !== 'object' || node === null) return false;
        const type = 'type' in node ? node.type : undefined;
        const needed = type === 'array' || type === 'string' ? bounds[type] : undefined;
        if (needed && !needed.some((bound) => bound in node)) return true;
        if ('additionalProperties' in node && !('maxProperties' in node)) return true;
        return Object.values(node).some(unbounded);
      };
      const { spec, status } = schemaOf(crd).properties!;
      expect([unbounded(spec), unbounded(status)]).to.deep.equal([false, false]);
    });

    it(`${plural}: every field is on the reference page`, () => {
      const text = promotionReferences().get(page);
      for (const field of specFields(crd)) expect(text).to.include(`| \`spec.${field}\` |`);
    });
  }

  it('accept by their structure what the parser accepts', () => {
    const passes = new Ajv({ strict: false }).compile(schemaOf(promotionCrds().get('imagepromotions')));
    expect(passes(promotionDocument()), JSON.stringify(passes.errors)).to.be.true;
    for (const wrong of [
      { onTagExists: 'Move' },
      { timeout: '-1m' },
      { maxParallelImages: 17 },
      { tags: undefined },
    ]) {
      expect(passes(JSON.parse(JSON.stringify(promotionDocument(wrong)))), JSON.stringify(wrong)).to.be.false;
    }
  });
});
