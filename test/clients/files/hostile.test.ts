import { expect } from 'chai';
import { Readable } from 'node:stream';
import { readDocuments } from '../../../src/clients/files/index.ts';
import { processorTime } from '../../support/processor-time.ts';

const lines = (count: number, line: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => line(n)).join('');
const readText = (text: string) => readDocuments('-', { stdin: Readable.from([Buffer.from(text)]) });

/** Milliseconds of processor time for one file: ten times what it takes, and a hundredth of what it took. */
const MOST_MS = 5_000;

/** Texts that a reader without limits needs seconds, hours or gigabytes for, and the problem of each. */
const REFUSED: Readonly<Record<string, readonly [string, RegExp]>> = {
  'very many keys': [lines(60_000, (n) => `k${n}: 1\n`), /^-:\d{5} has more than 250000 tokens/],
  'very many documents': [lines(60_000, () => '---\na: 1\n'), /^-:\d{5} has more than 250000 tokens/],
  'very many comments': [lines(200_000, () => '# c\n'), /^-:\d{6} has more than 250000 tokens/],
  'JSON of very many values': [`[${'1,'.repeat(200_000)}1]`, /^-:1 has more than 250000 tokens/],
  'anchors and aliases': [
    lines(10_000, (n) => `- &a${n} x\n- *a${n}\n`),
    /^-:\d+ uses too many YAML aliases/,
  ],
  'nested brackets': ['['.repeat(5_000), /^-:1 is nested deeper than 100 levels/],
  'nested brackets in lines': ['[\n'.repeat(5_000), /^-:1\d\d is nested deeper than 100 levels/],
  'nested lists': ['- '.repeat(5_000), /^-:1 is nested deeper than 100 levels/],
  'nested keys': ['? '.repeat(5_000), /^-:1 is nested deeper than 100 levels/],
  'nested mappings': [lines(300, (n) => `${' '.repeat(n)}a:\n`), /^-:10\d is nested deeper than 100 levels/],
  'keys that are collections': ['? '.repeat(60), /^-:1 A map key must be plain text/],
  'keys that are lists of keys': [
    `${'{? '.repeat(90)}${'}'.repeat(90)}`,
    /^-:1 A map key must be plain text/,
  ],
  'a key that is an alias': ['a: &a x\n*a : 1\n', /^-:2 A map key must be plain text/],
  'a very long key': [`${'x'.repeat(3_000_000)}: 1`, /^-:1 has a key of more than 1024 characters/],
  'a very long text': [`a: ${'x'.repeat(5_000_000)}`, /^-:1 is longer than 4194304 characters/],
  'doubled keys': ['a: 1\nb: 2\nb: 3\n', /^-:3 Map keys must be unique/],
  'doubled keys of two types': ['1: a\n"1": b\n', /^-:2 Map keys must be unique/],
  'doubled keys in JSON': ['{"a": 1,\n"a": 2}', /^-:2 Map keys must be unique/],
};

/** Texts that are read, though they need much of the library. */
const READ: Readonly<Record<string, string>> = {
  keys: lines(20_000, (n) => `k${n}: 1\n`),
  documents: lines(20_000, () => '---\na: 1\n'),
  'lines of a scalar': `a: |\n${lines(100_000, () => '  x\n')}`,
  'a long scalar': `a: ${'x y '.repeat(900_000)}`,
  tags: lines(20_000, (n) => `- !t${n} x\n`),
  'merge keys': `a: &a {${lines(2_000, (n) => `k${n}: 1,`)}}\nb:\n${lines(50, (n) => `  c${n}: {<<: *a}\n`)}`,
  JSON: JSON.stringify(Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`k${n}`, { n }]))),
};

describe('files of strangers', () => {
  // The test runner keeps whole stacks, the product ten calls: the library makes an error for each of thousands of mistakes.
  const { stackTraceLimit } = Error;
  before(() => (Error.stackTraceLimit = 10));
  after(() => (Error.stackTraceLimit = stackTraceLimit));

  for (const [name, [text, expected]] of Object.entries(REFUSED))
    it(`M09: ${name}: refused in time, with the line`, async () => {
      const time = processorTime();
      const { documents, problems } = await readText(text);
      expect(time(), 'ms').to.be.below(MOST_MS);
      const [first = { path: '', message: '' }] = problems;
      expect(`${first.path} ${first.message}`).to.match(expected);
      expect(problems.length).to.be.at.most(20);
      expect(documents).to.deep.equal([]);
    });

  for (const [name, text] of Object.entries(READ))
    it(`M09: ${name}: read in time`, async () => {
      const time = processorTime();
      const { documents, problems } = await readText(text);
      expect(time(), 'ms').to.be.below(MOST_MS);
      expect(problems).to.deep.equal([]);
      expect(documents).to.not.have.length(0);
    });

  it('M09: reports no more than twenty problems of a file, in time', async () => {
    for (const text of [']\n'.repeat(30_000), lines(20_000, () => '- "\n'), 'a: b: c\n'.repeat(20_000)]) {
      const time = processorTime();
      const { problems } = await readText(text);
      expect(time(), 'ms').to.be.below(MOST_MS);
      expect(problems).to.have.length(20);
    }
  });
});
