import type { ASTNode } from '@marcbachmann/cel-js';
import { asMacro, asPatternCall, countNodes, type Macro } from './syntax.ts';

/** Operators that look at no more than two numbers, moments, durations or truths. */
const CHEAP: ReadonlySet<string> = new Set(['-', '*', '/', '%', '&&', '||']);
const EQUALITY: ReadonlySet<string> = new Set(['==', '!=']);

/**
 * Writes a condition out again so that it accounts for its work: before every round of a macro, for everything that is
 * made, and for every text or value that is gone through. The evaluator has no cost limit of its own.
 * `patternAt` numbers the searches for patterns: the evaluator's own `matches` goes back and forth without end, and is never called.
 */
export function metered(node: ASTNode, patternAt: PatternAt): string {
  const write = (one: ASTNode): string => {
    const macro = asMacro(one);
    if (macro) return writeMacro(macro, write);
    const search = asPatternCall(one);
    if (search) return `__find(__work, ${search.text ? write(search.text) : "''"}, ${patternAt(one)})`;
    return writeNode(one, write);
  };
  return write(node);
}

type Write = (node: ASTNode) => string;
type PatternAt = (node: ASTNode) => number;

function writeMacro({ name, over, variable, bodies: [first, ...rest] }: Macro, write: Write): string {
  if (!first) return '';
  const nodes = [first, ...rest].reduce((sum, body) => sum + countNodes(body), 0);
  // An error of the condition `__round` cannot be forgiven by the body: the body has not begun.
  const guarded = `__round(__work, ${nodes}) ? ${write(first)} : dyn(false)`;
  const body = [write(variable), guarded, ...rest.map(write)].join(', ');
  const text = `__each(__work, ${write(over)}).${name}(${body})`;
  return name === 'map' || name === 'filter' ? made(text) : text;
}

function writeNode(node: ASTNode, write: Write): string {
  switch (node.op) {
    case 'value':
      return literal(node.args);
    case 'id':
      return node.args;
    case '.':
    case '[]':
      return writeAccess(node, write);
    case '!_':
    case '-_':
      return `(${node.op.charAt(0)}${write(node.args)})`;
    case 'list':
      return writeList(node.args, write);
    case 'call':
      return writeCall(node, write);
    case 'rcall':
      return writeMethod(node, write);
    default:
      return writeOperator(node, write);
  }
}

function writeAccess(node: ASTNode & { op: '.' | '[]' }, write: Write): string {
  const receiver = write(node.args[0]);
  return node.op === '.' ? `${receiver}.${node.args[1]}` : `${receiver}[${write(node.args[1])}]`;
}

function writeList(elements: readonly ASTNode[], write: Write): string {
  return elements.length === 0 ? '[]' : made(`[${elements.map(write).join(', ')}]`);
}

function writeCall({ args: [name, args] }: ASTNode & { op: 'call' }, write: Write): string {
  const all = args.map(write).join(', ');
  switch (name) {
    case 'has':
      return `has(${all})`;
    case 'timestamp':
      return `timestamp(__moment(__work, ${all}))`;
    case 'duration':
      return `duration(__period(__work, ${all}))`;
    default:
      return `${name}(${args.map((arg) => through('__text', arg, write)).join(', ')})`;
  }
}

function writeMethod(node: ASTNode & { op: 'rcall' }, write: Write): string {
  const [name, receiver, args] = node.args;
  const rest = args.map((arg) => through('__text', arg, write)).join(', ');
  // One letter may become one element.
  if (name === 'split') return made(`__pieces(__work, ${write(receiver)}).split(${rest})`);
  return `__text(__work, ${write(receiver)}).${name}(${rest})`;
}

function writeOperator(node: ASTNode, write: Write): string {
  if (node.op === '?:') {
    const [condition, yes, no] = node.args;
    return `(${write(condition)} ? ${write(yes)} : ${write(no)})`;
  }
  if (!isBinary(node)) return '';
  const [left, right] = node.args;
  if (node.op === '+') return made(`${write(left)} + ${write(right)}`);
  if (node.op === 'in') return `(${write(left)} in __members(__work, ${write(right)}))`;
  if (CHEAP.has(node.op) || left.op === 'value' || right.op === 'value')
    return `(${write(left)} ${node.op} ${write(right)})`;
  const reader = EQUALITY.has(node.op) ? '__whole' : '__text';
  return `(${through(reader, left, write)} ${node.op} ${through(reader, right, write)})`;
}

function isBinary(node: ASTNode): node is ASTNode & { args: [ASTNode, ASTNode] } {
  return (
    Array.isArray(node.args) &&
    node.args.length === 2 &&
    node.op !== '.' &&
    node.op !== '.?' &&
    node.op !== 'call'
  );
}

function made(text: string): string {
  return `__made(__work, ${text})`;
}

function through(reader: '__text' | '__whole', node: ASTNode, write: Write): string {
  return node.op === 'value' || node.op === 'list' ? write(node) : `${reader}(__work, ${write(node)})`;
}

function literal(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'number') return String(value);
  return Number.isInteger(value) && !String(value).includes('e') ? `${value}.0` : String(value);
}
