import { expect } from 'chai';
import type { ConditionOutcome } from '../../../../src/core/model/index.ts';
import { compileCondition } from '../../../../src/core/policy/cel/condition.ts';
import { processorTime } from '../../../support/processor-time.ts';

/** The highest cost of any of these; the deadline of a webhook is ten seconds. */
const SOON_MS = 8_000;
const NO_LIMIT = { ok: true, value: true };

function ask(text: string, predicate: unknown): ConditionOutcome {
  const compiled = compileCondition(text);
  if (!compiled.ok) throw new Error(compiled.problems.map(({ message }) => message).join('; '));
  const worked = processorTime();
  const image = { reference: 'registry.example.com/web:1', digest: `sha256:${'ab'.repeat(32)}` };
  const outcome = compiled.value.holds({ predicate, image, now: new Date(0) });
  expect(worked()).to.be.lessThan(SOON_MS);
  return outcome;
}

const numbers = (length: number) => ({ list: Array.from({ length }, (_, index) => index) });
const packages = (length: number) => ({
  list: Array.from({ length }, (_, index) => ({ name: `package-${String(index)}`, severity: 'Low' })),
});
const twice = (times: number, text: string, body: string) =>
  Array.from({ length: times }).reduce<string>((inner) => `[${inner}].map(x, ${body})[0]`, text);

const TOO_MUCH: readonly (readonly [title: string, text: string, predicate: unknown])[] = [
  ['a macro over a very long list', 'predicate.list.all(x, x >= 0)', numbers(90_000)],
  [
    'two nested macros over a long list',
    'predicate.list.all(a, predicate.list.all(b, a + b >= 0))',
    numbers(1_000),
  ],
  ['rounds that all fail', 'predicate.list.exists(x, x.missing == 1)', numbers(90_000)],
  ['rounds whose failure is forgiven', 'predicate.list.exists(x, x.missing == 1) || true', numbers(90_000)],
  [
    'many macros, one after another',
    Array.from({ length: 20 }, () => 'predicate.list.exists(x, x < 0)').join(' || '),
    numbers(30_000),
  ],
  [
    'a list that is doubled again and again',
    `${twice(12, 'predicate.list', 'x + x')}.size() > 0`,
    numbers(1_000),
  ],
  [
    'a text that is doubled again and again',
    `${twice(12, 'predicate.text', 'x + x + x + x + x + x')} != ''`,
    { text: 'a'.repeat(1_000) },
  ],
  [
    'comparing lists that hold themselves many times',
    `${twice(6, 'predicate.list', '[x, x, x, x, x, x]')} == ${twice(6, 'predicate.list', '[x, x, x, x, x, x]')}`,
    numbers(20),
  ],
  [
    'comparing long lists for every element',
    'predicate.list.exists(x, predicate.list != predicate.other)',
    { ...numbers(30_000), other: numbers(30_000).list },
  ],
  ['looking for every element of a list in it', 'predicate.list.all(x, x in predicate.list)', numbers(2_000)],
  [
    'searching a long text for every element',
    "predicate.list.exists(x, predicate.text.contains('b'))",
    { ...numbers(5_000), text: 'a'.repeat(100_000) },
  ],
  ['making one letter one element', "size(predicate.text.split('')) > 0", { text: 'a'.repeat(2_000_000) }],
  [
    'a pattern on a very long text',
    "re2(predicate.text, '(a|b)*a(a|b){200}c')",
    { text: 'ab'.repeat(500_000) },
  ],
  [
    'a pattern of matches() on a very long text',
    "predicate.text.matches('(a|b)*a(a|b){200}c')",
    { text: 'ab'.repeat(500_000) },
  ],
  [
    'a pattern for every element',
    "predicate.list.exists(x, re2(predicate.text, '(a|b)*a(a|b){15}c'))",
    { ...numbers(10_000), text: 'ab'.repeat(500) },
  ],
  ['too many values', 'true', numbers(100_001)],
  ['too much text', 'true', { text: 'a'.repeat(4_194_305) }],
  ['too long a key', 'true', { ['a'.repeat(4_194_305)]: 1 }],
  ['too deep a nesting', 'true', Array.from({ length: 70 }).reduce<unknown>((inner) => [inner], 1)],
];

describe('the cost of a condition', () => {
  for (const [title, text, predicate] of TOO_MUCH) {
    it(`is limited for ${title}`, () => {
      const outcome = ask(text, predicate);
      expect(outcome).to.include({ ok: false, kind: 'limit' });
      expect(outcome.ok ? '' : outcome.why).to.match(
        /^the (condition takes more work|predicate has more) than/,
      );
    });
  }

  for (const [title, text, predicate] of [
    ['20,000 packages', "predicate.list.all(f, f.severity != 'Critical')", packages(20_000)],
    [
      'a pair of every 150 elements',
      'predicate.list.all(a, predicate.list.all(b, a + b >= 0))',
      numbers(150),
    ],
    [
      'a thousand addresses with a pattern',
      "predicate.list.all(f, re2(f.name, '^package-[0-9]+$'))",
      packages(1_000),
    ],
    ['a long list that is only counted', 'size(predicate.list) == 90000', numbers(90_000)],
  ] as const) {
    it(`is within the limit for ${title}`, () => {
      expect(ask(text, predicate)).to.deep.equal(NO_LIMIT);
    });
  }

  it('does not depend on earlier evaluations of the condition', () => {
    const compiled = compileCondition('predicate.list.all(x, x >= 0)');
    const answers = Array.from(
      { length: 20 },
      () =>
        compiled.ok &&
        compiled.value.holds({
          predicate: numbers(10_000),
          image: { reference: '', digest: '' },
          now: new Date(0),
        }),
    );
    expect(answers.every((answer) => answer && answer.ok && answer.value)).to.equal(true);
  });

  it('is linear for ^(a+)+$, which takes a backtracking matcher very long', () => {
    expect(ask("!predicate.text.matches('^(a+)+$')", { text: `${'a'.repeat(50_000)}!` })).to.deep.equal(
      ask("!re2(predicate.text, '^(a+)+$')", { text: `${'a'.repeat(50_000)}!` }),
    );
    expect(ask("!re2(predicate.text, '^(a+)+$')", { text: `${'a'.repeat(50_000)}!` })).to.deep.equal(
      NO_LIMIT,
    );
  });

  it('includes no durations, because only short ones are read', () => {
    const outcome = ask("duration(predicate.text) < duration('1h')", { text: '1'.repeat(100_000) });
    expect(outcome).to.include({ ok: false, kind: 'failed' });
  });

  it('ends at a value that is no JSON', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    expect(ask('true', circle)).to.include({ ok: false, kind: 'limit' });
    expect(ask('true', { f: () => 1 })).to.include({ ok: false, kind: 'failed' });
    const trap = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('trap');
        },
      },
    );
    expect(ask('true', trap)).to.include({ ok: false, kind: 'failed' });
  });
});
