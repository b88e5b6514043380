import { expect } from 'chai';
import { decide, selectPolicies } from '../../../../src/core/policy/index.ts';
import { nameOf } from '../../../../src/core/model/index.ts';
import { entryOf, readOwner } from '../../../../src/core/promotion/opening/secrets.ts';
import { evidenceOf, found, NOW, policyOf, USE } from '../../../support/policies.ts';
import { pathsOf } from '../../../support/promotions/promotions.ts';

/** Names under which every object has something, in the documents of policies and promotions. */
const INHERITED = ['constructor', 'toString', '__proto__'];

describe('what every object has', () => {
  for (const key of INHERITED) {
    const one = (operator: string) => ({ matchExpressions: [{ key, operator }] });
    it(`F32: is no label of a namespace: ${key}`, () => {
      const covers = (namespaceSelector: object) =>
        policyOf({ match: { images: ['**'], namespaceSelector }, require: {} }).coversNamespace?.({});
      expect([covers(one('DoesNotExist')), covers(one('Exists'))]).to.deep.equal([true, false]);
    });

    it(`F32: is no annotation of an image: ${key}`, () => {
      const policy = policyOf({
        require: {
          quarantine: { annotations: [{ key, values: ['true'] }] },
          lifecycle: { annotations: [{ key, says: 'EndOfLife' }] },
        },
      });
      const selection = selectPolicies([policy], nameOf(USE), found({}));
      expect(decide({ use: USE, evidence: evidenceOf(), selection, now: NOW }).findings).to.deep.equal([]);
    });

    it(`F32: is no entry of a Secret: ${key}`, async () => {
      expect(pathsOf(entryOf({}, key, 'spec.sign.secretRef'))).to.deep.equal(['spec.sign.secretRef']);
      const secretRef = { name: 'keys', key };
      const scan = { authorities: [{ name: 'a', key: { secretRef } }] };
      // No more of a promotion is read here.
      const spec = { source: {}, target: {}, promote: { scan } } as unknown as Parameters<
        typeof readOwner
      >[0]['spec'];
      const owner = await readOwner(
        { spec, namespace: 'shop', read: async () => ({}) },
        AbortSignal.timeout(60_000),
      );
      expect(owner.ok && owner.value.material({ kind: 'Secret', ...secretRef })).to.equal(undefined);
    });
  }
});
