import type { ASTNode, ParseResult } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import { parsed, problem } from '../../model/index.ts';
import type { ConditionOutcome, ImageContents, Parsed } from '../../model/index.ts';
import { meteredEnvironment, writtenEnvironment } from './environment.ts';
import { MAX_CONDITION_LENGTH, MAX_PATTERN_INSTRUCTIONS, MAX_WORK } from './limits.ts';
import { MAX_PATTERN_LENGTH, MAX_WHY_LENGTH } from './limits.ts';
import { MAX_PREDICATE_DEPTH, MAX_PREDICATE_TEXT, MAX_PREDICATE_VALUES } from './limits.ts';
import { metered } from './meter.ts';
import { objectionsTo, patternCalls, variablesIn, type Objection, type PatternCall } from './syntax.ts';
import { Stop, Work } from './work.ts';

export interface ConditionVariables {
  /** The predicate of the statement, as JSON. */
  readonly predicate: unknown;
  readonly image: { readonly reference: string; readonly digest: string };
  readonly now: Date;
  /** What the image says, or each platform of an index: a condition that reads it has to hold for each. Absent = it was not read. */
  readonly contents?: readonly ImageContents[] | undefined;
}

/** Variables that stand for what an image says about itself. */
const OF_CONTENTS: ReadonlySet<string> = new Set(['annotations', 'base', 'config']);

/** A condition on a statement, ready to be asked. */
export interface Condition {
  readonly text: string;
  /** Whether it asks for what the image says about itself: `annotations`, `base`, `config`. */
  readonly readsImage: boolean;
  /** Never throws; `why` is one clause for a person. `most` = the work that it may take. */
  readonly holds: (variables: ConditionVariables, most?: number) => ConditionOutcome;
}

/**
 * Compiles a condition in CEL (the Common Expression Language) over `predicate`, `image`, `annotations`, `base`, `config` and `now`. Refused are, with line and column, what
 * does not parse or type-check, what cannot be true or false, and what might take unbounded time; regular expressions
 * are written `text.matches('pattern')` or `re2(text, 'pattern')`, are of RE2, and match anywhere in the text. Integers of the JSON are `int`, other numbers `double`.
 */
export function compileCondition(text: string): Parsed<Condition> {
  if (text.length > MAX_CONDITION_LENGTH)
    return problem('', `is longer than ${MAX_CONDITION_LENGTH} characters`);
  const written = attempt(() => writtenEnvironment().parse(text));
  if (written instanceof Error) return problem('', describe(written, text));
  const objections = objectionsTo(written.ast);
  if (objections.length > 0) return refused(text, objections);
  const { valid, type, error } = written.check();
  if (!valid) return problem('', error ? describe(error, text) : 'does not type-check');
  if (type !== 'bool' && type !== 'dyn')
    return problem('', `answers with ${type ?? 'a value'}; a condition answers with bool`);
  return compileMetered(text, written.ast);
}

function refused(text: string, objections: readonly Objection[]): Parsed<never> {
  return {
    ok: false,
    problems: objections.map(({ at, message }) => ({ path: '', message: `${message}${place(text, at)}` })),
  };
}

function compileMetered(text: string, ast: ASTNode): Parsed<Condition> {
  const calls = patternCalls(ast);
  const compiled = calls.map((call) => ({ start: call.node.start, re2: compilePattern(call) }));
  const patterns = compiled.flatMap(({ re2 }) => (typeof re2 === 'string' ? [] : [re2]));
  const wrong = compiled.flatMap(({ re2, start: at }) =>
    typeof re2 === 'string' ? [{ message: re2, at }] : [],
  );
  if (wrong.length > 0) return refused(text, wrong);
  const patternAt = (node: ASTNode) => calls.findIndex((call) => call.node === node);
  const program = attempt(() => meteredEnvironment().parse(metered(ast, patternAt)));
  if (program instanceof Error) return problem('', `cannot be compiled: ${oneLine(summary(program))}`);
  const readsImage = variablesIn(ast).some((name) => OF_CONTENTS.has(name));
  return parsed({
    text,
    readsImage,
    holds: (variables, most = MAX_WORK) => {
      const { contents = [] } = readsImage ? variables : { contents: [NO_CONTENTS] };
      if (contents.length === 0)
        return { ok: false, kind: 'failed', why: 'what the image says was not read' };
      // All of them share what one may take. The first that is not true decides.
      const share = Math.ceil(most / contents.length);
      for (const about of contents) {
        const held = evaluate(program, new Work(patterns, share), variables, about);
        if (!held.ok || !held.value) return held;
      }
      return { ok: true, value: true };
    },
  });
}

const NO_CONTENTS: ImageContents = { annotations: {}, base: { name: '', digest: '' }, config: null };

function evaluate(
  program: ParseResult,
  work: Work,
  { image, now, predicate }: ConditionVariables,
  { annotations, base, config }: ImageContents,
): ConditionOutcome {
  const value = attempt((): unknown =>
    program({
      ...{ predicate: toCel(predicate), image, now, __work: work },
      ...{ annotations: toCel(annotations), base, config: toCel(config) },
    }),
  );
  if (work.ended) return { ok: false, kind: 'limit', why: work.ended.message };
  if (typeof value === 'boolean') return { ok: true, value };
  if (value instanceof Stop) return { ok: false, kind: value.kind, why: value.message };
  const why = value instanceof Error ? oneLine(summary(value)) : 'the answer is neither true nor false';
  return { ok: false, kind: 'failed', why };
}

function attempt<T>(work: () => T): T | Error {
  try {
    return work();
  } catch (error) {
    return error instanceof Error ? error : new Error('the evaluator failed');
  }
}

function describe(error: Error, text: string): string {
  const range = 'range' in error ? (error.range as { readonly start: number } | undefined) : undefined;
  return `${oneLine(summary(error))}${range ? place(text, range.start) : ''}`;
}

/** The sentence of an error of the evaluator, without the excerpt of the source below it. */
function summary(error: Error): string {
  return 'summary' in error && typeof error.summary === 'string' ? error.summary : error.message;
}

/** ` (line 1, column 9)`, counted from one. */
function place(text: string, at: number): string {
  const before = text.slice(0, at).split('\n');
  return ` (line ${before.length}, column ${(before.at(-1) ?? '').length + 1})`;
}

function oneLine(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return line.length > MAX_WHY_LENGTH ? `${line.slice(0, MAX_WHY_LENGTH)}…` : line;
}

/**
 * Compiles the pattern of one search, or answers why it cannot be. RE2 takes time in proportion to the text, whatever pattern
 * and text are; written out in the policy, a pattern is known to be readable before any image is judged.
 */
function compilePattern({ name, pattern }: PatternCall): RE2JS | string {
  if (pattern?.op !== 'value' || typeof pattern.args !== 'string')
    return `${name}() takes a text and a pattern, and the pattern must be written out`;
  const { args: text } = pattern;
  if (text.length > MAX_PATTERN_LENGTH)
    return `the pattern of ${name}() is longer than ${MAX_PATTERN_LENGTH} characters`;
  const compiled = attempt(() => RE2JS.compile(text));
  if (compiled instanceof Error) return `the pattern of ${name}() cannot be read: ${compiled.message}`;
  return compiled.programSize() > MAX_PATTERN_INSTRUCTIONS
    ? `the pattern of ${name}() repeats too much`
    : compiled;
}

/** A JSON value as the evaluator sees it: integers as `int` (bigint), other numbers as `double`. */
type CelValue =
  null | boolean | string | bigint | number | readonly CelValue[] | ReadonlyMap<string, CelValue>;

/**
 * Converts a JSON value; `undefined` is taken for `null`. Objects become maps: a map has no prototype to climb, and a key
 * named `constructor` is a key like any other. Throws {@link Stop} when there is too much of it, or for what is no JSON.
 */
function toCel(json: unknown): CelValue {
  let [values, text] = [0, 0];
  const count = (length: number) => {
    text += length;
    if (text > MAX_PREDICATE_TEXT) throw tooMuch(`${MAX_PREDICATE_TEXT} characters of text`);
  };
  const convert = (value: unknown, depth: number): CelValue => {
    values += 1;
    if (values > MAX_PREDICATE_VALUES) throw tooMuch(`${MAX_PREDICATE_VALUES} values`);
    if (depth > MAX_PREDICATE_DEPTH) throw tooMuch(`${MAX_PREDICATE_DEPTH} levels`);
    if (typeof value === 'string') count(value.length);
    if (typeof value !== 'object' || value === null) return scalar(value);
    if (Array.isArray(value)) return value.map((item) => convert(item, depth + 1));
    return new Map(
      Object.entries(value).map(([key, item]) => {
        count(key.length);
        return [key, convert(item, depth + 1)];
      }),
    );
  };
  return convert(json, 0);
}

function scalar(value: unknown): CelValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      // Past 2^53 JSON.parse has already rounded: such a number is no longer the integer that was written.
      return Number.isSafeInteger(value) ? BigInt(value) : value;
    default:
      if (value === null || value === undefined) return null;
      throw new Stop('failed', `the predicate holds a ${typeof value}, which is no JSON`);
  }
}

function tooMuch(what: string): Stop {
  return new Stop('limit', `the predicate has more than ${what}`);
}
