import { expect } from 'chai';
import { buildReports } from '../../../src/controllers/audit/report.ts';
import { createUnits } from '../../../src/controllers/audit/image-groups.ts';
import { evidenceOf, NOW, policyOf, verdictOf } from '../../support/policies.ts';
import { pod } from './pods.ts';

describe('the report of an audit', () => {
  it('O48: text from outside adds no line to it, and hides none', () => {
    const image = 'registry.example.com/web\u001b[2J\nallowed\u2028\u202e';
    const units = createUnits();
    const one = pod({ namespace: 'shop', images: { [image]: '' } });
    units.set(one.namespace, one.name, one);
    const found = verdictOf([policyOf({ require: { digest: {} } })], { evidence: evidenceOf({}) });
    const findings = [{ kind: 'refused', effect: 'deny', reason: 'NotPinned', policy: 'p' } as const].map(
      (finding) => ({
        ...finding,
        found: image,
        next: 'pin it',
        transient: false,
      }),
    );
    const judgement = {
      image,
      verdict: { ...found, kind: 'deny', findings } as const,
      covering: ['p'],
      judgedAt: NOW,
    };
    const reports = buildReports([...units.all()].map((unit) => ({ unit, judgement, since: NOW })));
    const [result] = reports.get('shop')?.results ?? [];
    expect(result?.message).to.equal('registry.example.com/web [2J allowed ; pin it');
    expect(result?.properties.image).to.equal('registry.example.com/web [2J allowed ');
  });
});
