import { isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, parseAllDocuments } from 'yaml';
import type { Document as YamlDocument } from 'yaml';
import { parsed, type Parsed, type Problem } from '../../core/model/index.ts';

/**
 * Most tokens of one file: 35,000 lines of a manifest, or a policy a hundred times as long as real ones. The library needs a few
 * microseconds for each, so that the worst file is read within about a second.
 */
const MAX_TOKENS = 250_000;
/** Tokens of a file times its aliases: each alias is looked up in all of the document, and may repeat most of it. */
const MAX_ALIASED_TOKENS = 1_000_000;
/** Longest text of one file: the library reads characters of long scalars and spaces at about ten million a second. */
const MAX_LENGTH = 4 * 1024 * 1024;
/** Longest key: that of the YAML specification. */
const MAX_KEY = 1_024;
/** Deepest nesting: the API server and real manifests have far less, and reading is recursive. */
const MAX_DEPTH = 100;
/** Most problems reported of one file. */
const MAX_PROBLEMS = 20;

/** A document that is valid YAML, with its place among the documents of the text. */
export interface YamlPart {
  readonly index: number;
  readonly document: YamlDocument;
}

/** The documents of a text, and problems of the others with file and line. */
export interface YamlText {
  readonly parts: readonly YamlPart[];
  readonly problems: readonly Problem[];
}

/** Reads YAML or JSON of any author, in time and memory that grow with its length only. Merge keys are resolved later. */
export function parseYaml(file: string, text: string): YamlText {
  const bounded = countTokens(file, text);
  if (!bounded.ok) return { parts: [], problems: bounded.problems };
  const lines = new LineCounter();
  // The library compares each key with all others of its mapping: twenty thousand keys take seconds.
  const all = documentsIn(text, lines);
  if (all === undefined)
    return { parts: [], problems: [{ path: file, message: 'is nested too deeply', isLimit: true }] };
  const parts: YamlPart[] = [];
  const problems: Problem[] = [];
  for (const [index, document] of all.entries()) {
    const found = problemsOf(document, (offset) => `${file}:${String(lines.linePos(offset).line)}`);
    if (found.length === 0) parts.push({ index, document });
    problems.push(...found.slice(0, MAX_PROBLEMS - problems.length));
  }
  return { parts, problems };
}

/** The documents of a text; `undefined` where the library, which is recursive, comes to the end of its stack. */
function documentsIn(text: string, lineCounter: LineCounter): readonly YamlDocument[] | undefined {
  try {
    return [...parseAllDocuments(text, { merge: true, uniqueKeys: false, prettyErrors: false, lineCounter })];
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Counts before anything is built of them; problems name the line where it is too much. */
function countTokens(file: string, text: string): Parsed<undefined> {
  const over = (offset: number, message: string): Parsed<never> => {
    const line = text.slice(0, offset).split('\n').length;
    return { ok: false, problems: [{ path: `${file}:${String(line)}`, message, isLimit: true }] };
  };
  if (text.length > MAX_LENGTH) return over(MAX_LENGTH, `is longer than ${String(MAX_LENGTH)} characters`);
  const counts: Counts = { tokens: 0, aliases: 0, explicitKeys: 0, brackets: 0, dashes: 0, scalar: 0 };
  let offset = 0;
  for (const token of tokensOf(text)) {
    if (!token.isMark) offset += token.text.length;
    const message = count(token, counts);
    if (message !== undefined) return over(offset, message);
  }
  return parsed(undefined);
}

interface Token {
  readonly text: string;
  /** One that the lexer puts between those of the text. */
  readonly isMark: boolean;
  readonly isScalar: boolean;
}

const SCALAR_NEXT = '\u001f';
const MARKS: ReadonlySet<string> = new Set(['\u0002', '\u0018', SCALAR_NEXT]);

function* tokensOf(text: string): Generator<Token> {
  let isScalar = false;
  for (const token of new Lexer().lex(text)) {
    yield { text: token, isMark: !isScalar && MARKS.has(token), isScalar };
    isScalar = !isScalar && token === SCALAR_NEXT;
  }
}

interface Counts {
  tokens: number;
  aliases: number;
  explicitKeys: number;
  /** Brackets that are open. */
  brackets: number;
  /** Lists that begin in this line. */
  dashes: number;
  /** Length of the last scalar, while it may be a key. */
  scalar: number;
}

/** What there is too much of with this token. */
function count({ text, isScalar }: Token, counts: Counts): string | undefined {
  counts.tokens += 1;
  if (isScalar) counts.scalar = text.length;
  else COUNTED[text.startsWith('*') ? '*' : text]?.(counts);
  if (counts.tokens > MAX_TOKENS) return `has more than ${String(MAX_TOKENS)} tokens, and no more are read`;
  if (counts.aliases * counts.tokens > MAX_ALIASED_TOKENS)
    return 'uses too many YAML aliases for a file of this length';
  if (Math.max(counts.brackets, counts.dashes, counts.explicitKeys) > MAX_DEPTH)
    return `is nested deeper than ${String(MAX_DEPTH)} levels`;
  if (text === ':' && !isScalar && counts.scalar > MAX_KEY)
    return `has a key of more than ${String(MAX_KEY)} characters`;
  return undefined;
}

const newLine = (counts: Counts): void => {
  Object.assign(counts, { dashes: 0, scalar: 0 });
};
const open = (counts: Counts): void => {
  counts.brackets += 1;
};
const close = (counts: Counts): void => {
  counts.brackets = Math.max(0, counts.brackets - 1);
};
const COUNTED: Readonly<Record<string, ((counts: Counts) => void) | undefined>> = {
  ...{ '\n': newLine, '\r\n': newLine, '[': open, '{': open, ']': close, '}': close },
  '*': (counts) => (counts.aliases += 1),
  '?': (counts) => (counts.explicitKeys += 1),
  '-': (counts) => (counts.dashes += 1),
};

function problemsOf(document: YamlDocument, at: (offset: number) => string): readonly Problem[] {
  const errors = document.errors.slice(0, MAX_PROBLEMS).map(({ message, pos }) => ({
    path: at(pos[0]),
    message: message.split('\n')[0] ?? '',
  }));
  if (errors.length > 0) return errors;
  const problems: Problem[] = [];
  checkKeys(document.contents, 0, (node, message) => {
    if (problems.length < MAX_PROBLEMS) problems.push({ path: at(offsetOf(node)), message });
  });
  return problems;
}

function offsetOf(node: unknown): number {
  return (node as { readonly range?: readonly number[] | null } | null)?.range?.[0] ?? 0;
}

type Complain = (node: unknown, message: string) => void;

function checkKeys(node: unknown, depth: number, complain: Complain): void {
  if (depth > MAX_DEPTH) complain(node, `is nested deeper than ${String(MAX_DEPTH)} levels`);
  else if (isSeq(node)) for (const item of node.items) checkKeys(item, depth + 1, complain);
  else if (isMap(node)) {
    const keys = new Set<string>();
    for (const { key, value } of node.items) {
      checkKey(key, keys, complain);
      checkKeys(value, depth + 1, complain);
    }
  }
}

function checkKey(key: unknown, keys: Set<string>, complain: Complain): void {
  // Keys that are collections are written out as text again at every level; JSON has none.
  if (isAlias(key) || (key !== null && !isScalar(key))) {
    complain(key, 'A map key must be plain text');
    return;
  }
  const value: unknown = isScalar(key) ? key.value : '';
  // The key of a merge may come more than once.
  if (typeof value === 'symbol') return;
  const text = String(value);
  if (keys.has(text)) complain(key, 'Map keys must be unique');
  keys.add(text);
}
