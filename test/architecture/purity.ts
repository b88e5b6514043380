import ts from 'typescript';
import { roomOf } from './rooms.ts';
import { lineOf, nodesOf, type Violation } from './source-file.ts';

/** Globals by which time, chance and the world come in unseen. */
const WORLD: ReadonlySet<string> = new Set([
  'fetch',
  'process',
  'globalThis',
  'global',
  'performance',
  'crypto',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'WebSocket',
  'EventSource',
]);
const WORLDLY_CALLS: ReadonlySet<string> = new Set(['Date.now', 'Math.random', 'AbortSignal.timeout']);
/** What only main.ts reads and does. */
const MAIN_ONLY: ReadonlySet<string> = new Set(['process.env', 'process.argv', 'process.exit']);

/** Where a pure room reaches for the world, and where another file than main.ts reads the environment or exits. */
export function impurities(path: string, file: ts.SourceFile): readonly Violation[] {
  const room = roomOf(path);
  const nodes = [...nodesOf(file)];
  const own = new Set(nodes.filter(isDeclaredName).map((node) => node.text));
  return nodes.flatMap((node) => {
    const used = (room?.pure === true ? worldly(node, own) : undefined) ?? mainOnly(path, node);
    const promised = room?.synchronous === true ? asynchronous(node) : undefined;
    const what = used ?? promised;
    return what === undefined
      ? []
      : [{ path, line: lineOf(node), message: `${room?.path ?? path} must not use ${what}` }];
  });
}

function worldly(node: ts.Node, own: ReadonlySet<string>): string | undefined {
  const member = memberOf(node);
  if (member !== undefined && WORLDLY_CALLS.has(member)) return member;
  if (readsTheClock(node)) return 'the present moment (new Date() without an argument)';
  if (!ts.isIdentifier(node) || !WORLD.has(node.text) || own.has(node.text)) return undefined;
  return isName(node) ? undefined : node.text;
}

function readsTheClock(node: ts.Node): boolean {
  if (ts.isCallExpression(node)) return ts.isIdentifier(node.expression) && node.expression.text === 'Date';
  if (!ts.isNewExpression(node) || (node.arguments?.length ?? 0) > 0) return false;
  return ts.isIdentifier(node.expression) && node.expression.text === 'Date';
}

function asynchronous(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AsyncKeyword || ts.isAwaitExpression(node)) return 'async and await';
  const names = ts.isIdentifier(node) && node.text === 'Promise' && !isName(node);
  return names ? 'a promise' : undefined;
}

function mainOnly(path: string, node: ts.Node): string | undefined {
  const member = memberOf(node);
  return path !== 'src/main.ts' && member !== undefined && MAIN_ONLY.has(member) ? member : undefined;
}

/** `a.b` and `a['b']`, as text. */
function memberOf(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    return `${node.expression.text}.${node.name.text}`;
  }
  if (!ts.isElementAccessExpression(node) || !ts.isIdentifier(node.expression)) return undefined;
  const key = node.argumentExpression;
  return ts.isStringLiteralLike(key) ? `${node.expression.text}.${key.text}` : undefined;
}

/** Whether an identifier only names a member (`port.fetch`, `{ fetch: … }`, `fetch(): …`), and uses no global. */
function isName({ parent, text, pos }: ts.Identifier): boolean {
  if (ts.isPropertyAccessExpression(parent)) return parent.name.pos === pos && parent.name.text === text;
  const named =
    ts.isPropertyAssignment(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isPropertySignature(parent);
  return named && parent.name.pos === pos;
}

/** Names that the file declares itself: parameters, variables, functions, imports. */
function isDeclaredName(node: ts.Node): node is ts.Identifier {
  if (!ts.isIdentifier(node)) return false;
  const { parent } = node;
  const declares =
    ts.isParameter(parent) ||
    ts.isVariableDeclaration(parent) ||
    ts.isBindingElement(parent) ||
    ts.isFunctionDeclaration(parent) ||
    ts.isImportSpecifier(parent);
  return declares && parent.name === node;
}
