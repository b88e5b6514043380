import { expect } from 'chai';
import * as fc from 'fast-check';
import type { ConditionOutcome } from '../../../../src/core/model/index.ts';
import { compileCondition } from '../../../../src/core/policy/cel/condition.ts';

const NOW = new Date('2026-11-23T00:00:00Z');
const IMAGE = { reference: 'registry.example.com/shop/web:1.4', digest: `sha256:${'ab'.repeat(32)}` };

const PREDICATE = {
  count: 3,
  score: 8,
  ratio: 7.5,
  negative: -0,
  large: 2 ** 60,
  name: 'web',
  empty: null,
  list: [1, 2.5, 'three'],
  finishedOn: '2026-11-22T00:00:00Z',
  zoned: '2026-11-22T02:00:00+02:00',
  oldDate: 'Tue Mar 01 2022 00:00:00',
  took: '90s',
  parts: [
    { name: 'a', tags: ['x', 'y'] },
    { name: 'b', tags: ['y'] },
  ],
  odd: { constructor: 'mine', 'a-b': 1 },
};

function ask(text: string, predicate: unknown): ConditionOutcome {
  const compiled = compileCondition(text);
  if (!compiled.ok) throw new Error(compiled.problems.map(({ message }) => message).join('; '));
  return compiled.value.holds({ predicate, image: IMAGE, now: NOW });
}

function refusal(text: string): string {
  const compiled = compileCondition(text);
  return compiled.ok ? 'accepted' : compiled.problems.map(({ message }) => message).join('; ');
}

const TRUE: Readonly<Record<string, readonly string[]>> = {
  'an integer of the JSON is an int': [
    'predicate.count == 3',
    'predicate.count in [1, 2, 3]',
    '-predicate.count < 0',
  ],
  'an integer compares with a double': [
    'predicate.count == 3.0',
    'predicate.score > 7.5',
    'predicate.score in [8.0]',
  ],
  'another number is a double': [
    'predicate.ratio == 7.5',
    'predicate.ratio >= 7',
    'double(predicate.count) + predicate.ratio == 10.5',
  ],
  'minus zero is zero': ['predicate.negative == 0'],
  'an integer that JSON cannot carry exactly is a double': [
    'predicate.large > 1e18',
    'predicate.large + 1.0 > 0.0',
  ],
  'a literal stays what it was': [
    '1.0 + 1.5 == 2.5',
    '1e30 > 2.0',
    '0x10 == 16',
    '\'a\\n"\\\'\\u00e9\' == "a\\n\\"\'é"',
  ],
  'a list has a size and elements': [
    'size(predicate.list) <= 10',
    "'three' in predicate.list",
    'predicate.list[1] == 2.5',
  ],
  'a map has keys': [
    "'count' in predicate",
    "!('counts' in predicate)",
    "predicate.odd['a-b'] == 1",
    "predicate.all(k, k != '')",
  ],
  'has() asks whether a field is there': [
    'has(predicate.count)',
    '!has(predicate.counts)',
    'has(predicate.empty)',
  ],
  'every element can be asked': [
    "predicate.parts.all(p, p.tags.exists(t, t == 'y'))",
    "predicate.parts.exists_one(p, 'x' in p.tags)",
    "predicate.parts.filter(p, p.name == 'a').size() == 1",
    "predicate.parts.map(p, p.name) == ['a', 'b']",
    "predicate.parts.map(p, p.name == 'b', p.tags)[0][0] == 'y'",
  ],
  'timestamps and durations compare': [
    "now - timestamp(predicate.finishedOn) < duration('25h')",
    'timestamp(predicate.zoned) == timestamp(predicate.finishedOn)',
    'timestamp(predicate.finishedOn).getFullYear() == 2026',
    "duration(predicate.took) == duration('1m30s')",
    'timestamp(0) < now',
  ],
  'the image can be asked': [
    "image.reference.startsWith('registry.example.com/')",
    "image.digest.contains(':')",
    "image.reference.split('/')[1] == 'shop'",
  ],
  'texts can be searched, cut, joined and folded': [
    "('x' + predicate.name).indexOf('web') == 1",
    "predicate.name.upperAscii() == 'WEB' && predicate.name.substring(1) == 'eb'",
    "[predicate.name, 'b'] + ['c'] == ['web', 'b', 'c']",
  ],
  're2() finds anywhere in the text': [
    "re2(predicate.name, 'e')",
    "!re2(predicate.name, '^e')",
    "re2(predicate.name, r'^\\w+$') && re2(image.digest, '^sha256')",
  ],
  'matches() finds as re2() does': [
    "predicate.name.matches('e')",
    "!predicate.name.matches('^e')",
    "matches(predicate.name, r'^\\w+$') && image.digest.matches('^sha256')",
    "predicate.name.matches('^w') && !predicate.name.matches('^x')",
    "string(predicate.name.matches('^w')).matches('^true$') && !string(predicate.name.matches('^x')).matches('true')",
    "predicate.parts.exists(p, p.name.matches('^b$'))",
  ],
  'operators bind as in CEL': [
    'true || false && false',
    "predicate.name == 'web' ? true : false",
    '!(1 + 2 * 3 != 7)',
  ],
  'an error that does not matter is forgiven': [
    'predicate.missing == 1 || true',
    "predicate.parts.exists(p, p.missing == 1 || p.name == 'b')",
  ],
  'a key named constructor is a key like any other': ["predicate.odd.constructor == 'mine'"],
};

const FAILED: readonly (readonly [title: string, text: string, why: RegExp])[] = [
  ['a missing field', 'predicate.missing == 1', /missing/],
  ['a field of a missing field', 'has(predicate.missing.deeper)', /missing/],
  ['an index past the end', 'predicate.list[7] == 1', /index 7/],
  ['a date in another notation', 'timestamp(predicate.oldDate) < now', /RFC 3339/],
  ['a duration that is none', 'duration(predicate.name) < duration("1h")', /duration/i],
  ['int and double in one sum', 'predicate.count + predicate.ratio > 1.0', /no such overload/],
  ['a predicate value that is not true or false', 'predicate.name', /neither true nor false/],
  ['the constructor of an object', 'predicate.constructor == 1', /constructor/],
  ['the prototype of an object', "predicate['__proto__'] == 1", /__proto__/],
  ['the prototype of an object, as a field', 'predicate.__proto__.polluted', /__proto__/],
  ['the constructor of a text', 'predicate.name.constructor == 1', /constructor/],
  ['the length of a list, as a field', 'predicate.list.length == 3', /length/],
];

const REFUSED: readonly (readonly [title: string, text: string, message: RegExp])[] = [
  ['what does not parse', 'predicate.count == 3 &&', /EOF \(line 1, column 24\)/],
  ['an empty text', '', /EOF/],
  ['an unknown variable', 'true &&\n  foo == 1', /foo \(line 2, column 3\)/],
  ['operands that do not fit', "1 + 'a' == 2", /int \+ string \(line 1, column 1\)/],
  ['an unknown field of the image', "image.tag == ''", /tag \(line 1, column 7\)/],
  ['an answer that is not bool', 'size(predicate)', /answers with int/],
  ['a name of the meter', '__work == 1', /__work/],
  ['a variable named like the meter', 'predicate.list.all(__work, true)', /reserved \(line 1, column 20\)/],
  [
    'matches() with a pattern from the predicate',
    'predicate.name.matches(predicate.name)',
    /matches\(\).*written out/,
  ],
  ['matches() with a backreference', "predicate.name.matches('(a)\\\\1')", /matches\(\) cannot be read/],
  ['matches() without pattern', 'predicate.name.matches()', /must be written out|overload/],
  ['matches() of a number', "(1).matches('1')", /overload/],
  ['a pattern from the predicate', 're2(predicate.name, predicate.name)', /must be written out/],
  ['a pattern that is put together', "re2(predicate.name, 'a' + 'b')", /must be written out/],
  ['a pattern that cannot be read', "re2(predicate.name, '(')", /cannot be read.*\(line 1, column 1\)/],
  ['a pattern with a lookbehind', "re2(predicate.name, '(?<=a)b')", /cannot be read/],
  ['a pattern that is too long', `re2(predicate.name, '${'a'.repeat(513)}')`, /longer than 512/],
  ['a pattern that repeats too much', `re2(predicate.name, '(abcd){1000}')`, /repeats too much/],
  ['re2() without pattern', 're2(predicate.name)', /must be written out|overload/],
  [
    'three macros inside each other',
    '[1].all(a, [1].all(b, [1].all(c, true)))',
    /2 deep \(line 1, column 23\)/,
  ],
  ['a map', "{'a': 1}.size() == 1", /maps cannot/],
  ['bytes', "b'a' == b'a'", /bytes/],
  ['an unsigned number', 'predicate.count == 3u', /unsigned/],
  ['cel.bind', 'cel.bind(x, 1, x == 1)', /bind\(\) is not available/],
  ['join, which can make much of little', "['a'].join('b') == ''", /join\(\) is not available/],
  ['the zone of the machine', 'now.getDayOfYear() == 1', /getDayOfYear\(\) is not available/],
  ['too long a text', `true ${' '.repeat(2_048)}`, /longer than 2048/],
  ['too many nodes', Array.from({ length: 200 }, () => 'true').join(' && '), /maxAstNodes/],
  ['too deep a nesting', `${'('.repeat(30)}true${')'.repeat(30)}`, /maxDepth/],
  ['too long a list', `1 in [${Array.from({ length: 65 }, () => '1').join(',')}]`, /maxListElements/],
];

describe('a condition', () => {
  for (const [title, texts] of Object.entries(TRUE)) {
    for (const text of texts) {
      it(`${title}: ${text}`, () => {
        expect(ask(text, PREDICATE)).to.deep.equal({ ok: true, value: true });
      });
    }
  }

  for (const [title, text, why] of FAILED) {
    it(`has no result, and explains why, for ${title}`, () => {
      const outcome = ask(text, PREDICATE);
      expect(outcome).to.include({ ok: false, kind: 'failed' });
      expect(outcome.ok ? '' : outcome.why).to.match(why);
    });
  }

  for (const [title, text, message] of REFUSED) {
    it(`is refused for ${title}`, () => {
      expect(refusal(text)).to.match(message);
    });
  }

  it('returns false as a value, not as a failure', () => {
    expect(ask('predicate.count == 4', PREDICATE)).to.deep.equal({ ok: true, value: false });
  });

  it('compares only with the given time', () => {
    const condition = compileCondition("now < timestamp('2026-11-23T00:00:01Z')");
    const at = (now: Date) => condition.ok && condition.value.holds({ predicate: {}, image: IMAGE, now });
    expect(at(NOW)).to.deep.equal({ ok: true, value: true });
    expect(at(new Date('2026-11-24T00:00:00Z'))).to.deep.equal({ ok: true, value: false });
  });

  it('treats a statement without predicate as one with an empty predicate', () => {
    expect(ask('has(predicate.count)', undefined)).to.deep.equal({ ok: true, value: false });
    expect(ask('predicate == null', undefined)).to.deep.equal({ ok: true, value: true });
  });

  it('explains on one line of bounded length, whatever the predicate holds', () => {
    const outcome = ask('bool(predicate.s)', { s: `a\n\u202e${'b'.repeat(5_000)}` });
    expect(outcome.ok ? '' : outcome.why).to.match(/^[^\n\u202e]{1,201}$/);
  });

  it('has one of three results for every JSON, and never throws', () => {
    const conditions = [
      "predicate.a.all(x, x.b == 'c')",
      'size(predicate) > 1',
      "predicate['a'] in predicate.b",
      "re2(predicate, 'a+') || predicate[0] == predicate[1]",
      'timestamp(predicate.at) + duration(predicate.d) < now',
      'predicate.constructor == predicate.__proto__',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...conditions), fc.jsonValue(), (text, json) => {
        const outcome = ask(text, json);
        expect(outcome.ok ? typeof outcome.value : outcome.kind).to.be.oneOf(['boolean', 'failed', 'limit']);
      }),
      { numRuns: 500 },
    );
  });

  it('is refused or accepted, whatever the text, and never throws', () => {
    const pieces = [
      'predicate',
      '.a',
      '(',
      ')',
      '[',
      ']',
      "'a'",
      '==',
      '&&',
      '!',
      '-',
      '.all(',
      'x',
      ',',
      '1',
      ' ',
      '?',
      ':',
      're2(',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 40 }), fc.string(), (words, noise) => {
        expect(compileCondition(words.join('')).ok).to.be.a('boolean');
        expect(compileCondition(noise).ok).to.be.a('boolean');
      }),
    );
  });
});
