import { expect } from 'chai';
import { policyOf, type WrittenSpec } from '../../support/policies.ts';

const prod = { env: 'prod', team: 'shop' };
const selects = (namespaceSelector: WrittenSpec, labels: Readonly<Record<string, string>>) =>
  policyOf({ match: { images: ['**'], namespaceSelector }, require: {} }).coversNamespace?.(labels);
const one = (key: string, operator: string, values?: string[]) => ({
  matchExpressions: [{ key, operator, ...(values && { values }) }],
});

describe('label selector', () => {
  const table: readonly [title: string, selector: WrittenSpec, labels: Record<string, string>, boolean][] = [
    ['an empty selector selects everything', {}, {}, true],
    ['an empty matchLabels selects everything', { matchLabels: {} }, prod, true],
    ['a label with its value', { matchLabels: { env: 'prod' } }, prod, true],
    ['a label with another value', { matchLabels: { env: 'dev' } }, prod, false],
    ['a missing label', { matchLabels: { tier: 'gold' } }, prod, false],
    ['all labels must match', { matchLabels: { env: 'prod', team: 'pay' } }, prod, false],
    ['In holds', one('env', 'In', ['dev', 'prod']), prod, true],
    ['In does not hold', one('env', 'In', ['dev']), prod, false],
    ['In needs the label', one('tier', 'In', ['gold']), prod, false],
    ['NotIn holds', one('env', 'NotIn', ['dev']), prod, true],
    ['NotIn does not hold', one('env', 'NotIn', ['prod']), prod, false],
    ['NotIn holds without the label', one('tier', 'NotIn', ['gold']), prod, true],
    ['Exists holds', one('env', 'Exists'), prod, true],
    ['Exists holds for an empty value', one('env', 'Exists'), { env: '' }, true],
    ['Exists does not hold', one('tier', 'Exists'), prod, false],
    ['what every object has is no label', one('constructor', 'DoesNotExist'), prod, true],
    ['DoesNotExist holds', one('tier', 'DoesNotExist'), prod, true],
    ['DoesNotExist does not hold', one('env', 'DoesNotExist'), prod, false],
    [
      'labels and expressions must both hold',
      { matchLabels: { env: 'prod' }, ...one('team', 'In', ['pay']) },
      prod,
      false,
    ],
  ];
  for (const [title, selector, labels, expected] of table) {
    it(title, () => {
      expect(selects(selector, labels)).to.equal(expected);
    });
  }

  it('no selector covers every namespace', () => {
    expect(policyOf({ require: {} })).not.to.have.property('coversNamespace');
  });
});
