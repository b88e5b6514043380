import type { ASTNode } from '@marcbachmann/cel-js';
import { MAX_MACRO_DEPTH } from './limits.ts';

/** Functions that conditions may call. What is not here cannot be called: its cost is not known. */
const FUNCTIONS: ReadonlySet<string> = new Set([
  ...['has', 'size', 'int', 'double', 'string', 'bool', 'timestamp', 'duration'],
  ...['re2', 'matches'],
]);
/** Methods that conditions may call, besides {@link MACROS}. */
const METHODS: ReadonlySet<string> = new Set([
  ...['matches', 'startsWith', 'endsWith', 'contains', 'indexOf', 'lastIndexOf', 'substring', 'split'],
  ...['lowerAscii', 'upperAscii', 'trim', 'size'],
  ...['getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek'],
  ...['getHours', 'getMinutes', 'getSeconds', 'getMilliseconds'],
]);
/** Methods that look at every element of a list, or every key of a map. */
const MACROS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);
/** Names that begin so belong to the meter. */
const RESERVED_PREFIX = '__';

export interface Objection {
  readonly at: number;
  readonly message: string;
}

/** The macro that a node is: what it goes through, under which name, and what it does for each element. */
export interface Macro {
  readonly name: string;
  readonly over: ASTNode;
  readonly variable: ASTNode;
  readonly bodies: readonly ASTNode[];
}

export function asMacro(node: ASTNode): Macro | undefined {
  if (node.op !== 'rcall') return undefined;
  const [name, over, [variable, ...bodies]] = node.args;
  return MACROS.has(name) && variable && bodies.length > 0 ? { name, over, variable, bodies } : undefined;
}

export function countNodes(node: ASTNode): number {
  return childrenOf(node).reduce((sum, child) => sum + countNodes(child), 1);
}

/** Everything that a condition must not contain although the language has it. */
export function objectionsTo(node: ASTNode, depth = 0): readonly Objection[] {
  const macro = asMacro(node);
  if (!macro)
    return [...objectionsToOne(node), ...childrenOf(node).flatMap((child) => objectionsTo(child, depth))];
  const { over, variable, bodies } = macro;
  const tooDeep = objection(node, `${macro.name}() is nested more than ${MAX_MACRO_DEPTH} deep`);
  const reserved = objection(variable, `names that begin with ${RESERVED_PREFIX} are reserved`);
  return [
    ...(depth >= MAX_MACRO_DEPTH ? [tooDeep] : []),
    ...(variable.op === 'id' && variable.args.startsWith(RESERVED_PREFIX) ? [reserved] : []),
    ...objectionsTo(over, depth),
    ...bodies.flatMap((body) => objectionsTo(body, depth + 1)),
  ];
}

/** Names that a condition uses and does not bind by itself, as macros do. */
export function variablesIn(node: ASTNode, bound: ReadonlySet<string> = new Set()): readonly string[] {
  if (node.op === 'id') return bound.has(node.args) ? [] : [node.args];
  const macro = asMacro(node);
  if (!macro) return childrenOf(node).flatMap((child) => variablesIn(child, bound));
  const { over, variable, bodies } = macro;
  const inside = variable.op === 'id' ? new Set([...bound, variable.args]) : bound;
  return [...variablesIn(over, bound), ...bodies.flatMap((body) => variablesIn(body, inside))];
}

/** A search for a pattern: `re2(text, 'pattern')`, `matches(text, 'pattern')` or `text.matches('pattern')`. */
export interface PatternCall {
  readonly node: ASTNode;
  readonly name: string;
  /** Each absent where it is not written. */
  readonly text: ASTNode | undefined;
  readonly pattern: ASTNode | undefined;
}

/** The search that a node is. */
export function asPatternCall(node: ASTNode): PatternCall | undefined {
  if (node.op === 'call' && (node.args[0] === 're2' || node.args[0] === 'matches')) {
    const [name, [text, pattern]] = node.args;
    return { node, name, text, pattern };
  }
  if (node.op !== 'rcall' || node.args[0] !== 'matches') return undefined;
  const [name, text, [pattern]] = node.args;
  return { node, name, text, pattern };
}

export function patternCalls(node: ASTNode): readonly PatternCall[] {
  return [asPatternCall(node) ?? [], ...childrenOf(node).map(patternCalls)].flat();
}

function objectionsToOne(node: ASTNode): readonly Objection[] {
  switch (node.op) {
    case 'call':
      return objectionsToCall(node, node.args[0], FUNCTIONS);
    case 'rcall':
      return objectionsToCall(node, node.args[0], METHODS);
    case 'map':
      return [objection(node, 'maps cannot be written in a condition')];
    case 'value':
      return typeof node.args === 'object' && node.args !== null
        ? [objection(node, 'bytes and unsigned numbers cannot be written in a condition')]
        : [];
    default:
      return [];
  }
}

function objectionsToCall(node: ASTNode, name: string, known: ReadonlySet<string>): readonly Objection[] {
  return known.has(name) ? [] : [objection(node, `${name}() is not available in a condition`)];
}

function objection(node: ASTNode, message: string): Objection {
  return { at: node.start, message };
}

function childrenOf(node: ASTNode): readonly ASTNode[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return [];
    case '.':
    case '.?':
      return [node.args[0]];
    case '!_':
    case '-_':
      return [node.args];
    case 'call':
      return node.args[1];
    case 'rcall':
      return [node.args[1], ...node.args[2]];
    case 'map':
      return node.args.flat();
    default:
      return node.args;
  }
}
