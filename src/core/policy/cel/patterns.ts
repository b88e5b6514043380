import type { ASTNode } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import { parsed, problem, type Parsed } from '../../model/index.ts';
import { MAX_PATTERN_INSTRUCTIONS, MAX_PATTERN_LENGTH } from './limits.ts';

/**
 * Compiles the pattern of one call of `re2(text, 'pattern')`. RE2 takes time in proportion to the text, whatever pattern
 * and text are; written out in the policy, a pattern is known to be readable before any image is judged.
 */
export function compilePattern(pattern: ASTNode | undefined): Parsed<RE2JS> {
  if (pattern?.op !== 'value' || typeof pattern.args !== 'string') {
    return problem('', 're2() takes a text and a pattern, and the pattern must be written out');
  }
  if (pattern.args.length > MAX_PATTERN_LENGTH) {
    return problem('', `the pattern of re2() is longer than ${String(MAX_PATTERN_LENGTH)} characters`);
  }
  const compiled = compile(pattern.args);
  if (typeof compiled === 'string') return problem('', `the pattern of re2() cannot be read: ${compiled}`);
  if (compiled.programSize() > MAX_PATTERN_INSTRUCTIONS) {
    return problem('', 'the pattern of re2() repeats too much');
  }
  return parsed(compiled);
}

function compile(pattern: string): RE2JS | string {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    return error instanceof Error ? error.message : 'it is not a regular expression of RE2';
  }
}
