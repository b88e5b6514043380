import type { Random } from './random.ts';

/** Characters and pieces that parsers disagree about: separators, controls, invisible and look-alike letters, surrogates, numbers. */
const ODD: readonly string[] = [
  ...['', ' ', '\t', '\n', '\r\n', '\0', '\u0007', '\u001b[31m', '\u007f', '\u0085', '\u00a0'],
  ...[
    '\u200b',
    '\u202e',
    '\u2028',
    '\u2029',
    '\ufeff',
    '\ud800',
    '\udfff',
    '\u017f',
    '\u212a',
    'ı',
    'İ',
    'é',
  ],
  ...[
    'а',
    '．',
    '／',
    '＠',
    '：',
    '𝟏',
    '💥',
    '*',
    '**',
    '?',
    '[',
    ']',
    '{',
    '}',
    '(',
    ')',
    '<',
    '>',
    '"',
    "'",
  ],
  ...['\\', '/', '//', '/../', '%2f', '%00', '%', '@', '@@', ':', '::', ';', ',', '.', '..', '-', '--', '_'],
  ...[
    '~',
    '~1',
    '#',
    '&',
    '=',
    '|',
    '$',
    '`',
    '+',
    '^',
    '!',
    '0',
    '-1',
    '00',
    '1e999',
    '0x7f',
    'NaN',
    'Infinity',
  ],
  ...[
    '9007199254740993',
    '99999999999999999999',
    'null',
    'true',
    '__proto__',
    'constructor',
    'toString',
    'latest',
  ],
  ...[
    'sha256:',
    `sha256:${'a'.repeat(64)}`,
    `@sha256:${'0'.repeat(64)}`,
    'localhost',
    '127.0.0.1',
    '[::1]',
    'xn--',
  ],
];

/** Longest text that is made: what is longer ends at a limit on bytes, before any of the targets. */
export const MAX_INPUT_LENGTH = 60_000;

/** Most times that a piece is repeated. */
const MAX_REPEATS = 2_000;

type Change = (text: string, random: Random, other: () => string) => string;

const CHANGES: readonly Change[] = [
  (text, random) => insert(text, random.below(text.length + 1), random.pick(ODD)),
  (text, random) => insert(text, random.below(text.length + 1), random.pick(ODD)),
  (text, random) => {
    const [start, end] = range(text, random);
    return text.slice(0, start) + text.slice(end);
  },
  (text, random) => {
    const [start, end] = range(text, random);
    return text.slice(0, start) + random.pick(ODD) + text.slice(end);
  },
  (text, random) => {
    const [start, end] = range(text, random);
    return insert(text, end, text.slice(start, end));
  },
  (text, random) => {
    const [start, end] = range(text, random);
    const piece = text.slice(start, Math.min(end, start + 12));
    return insert(text, end, piece.repeat(random.below(MAX_REPEATS)));
  },
  (text, random) =>
    insert(text, random.below(text.length + 1), random.pick(ODD).repeat(random.below(MAX_REPEATS))),
  (text, random) => {
    const [start, end] = range(text, random);
    const piece = text.slice(start, end);
    const changed = random.oneIn(2) ? piece.toUpperCase() : piece.toLowerCase();
    return text.slice(0, start) + changed + text.slice(end);
  },
  (text, random) => {
    const at = random.below(text.length + 1);
    return (
      text.slice(0, at) +
      String.fromCharCode(random.below(random.oneIn(4) ? 65_536 : 128)) +
      text.slice(at + 1)
    );
  },
  (text, random, other) => {
    const rest = other();
    return text.slice(0, random.below(text.length + 1)) + rest.slice(random.below(rest.length + 1));
  },
  (text, random, other) => {
    const [start, end] = range(text, random);
    const given = other();
    const [from, to] = range(given, random);
    return text.slice(0, start) + given.slice(from, to) + text.slice(end);
  },
];

/** A text that differs from this one in one to four places; `other` brings texts to take pieces from. */
export function mutateText(text: string, random: Random, other: () => string): string {
  let changed = text;
  for (let left = 1 + random.below(4); left > 0; left -= 1)
    changed = random.pick(CHANGES)(changed, random, other).slice(0, MAX_INPUT_LENGTH);
  return changed;
}

function insert(text: string, at: number, piece: string): string {
  return text.slice(0, at) + piece + text.slice(at);
}

function range(text: string, random: Random): readonly [start: number, end: number] {
  const start = random.below(text.length + 1);
  return [start, Math.min(text.length, start + random.below(random.oneIn(3) ? text.length + 1 : 8))];
}
