import { posix } from 'node:path';
import ts from 'typescript';
import { targetOf } from './imports.ts';
import { ROOMS, roomOf } from './rooms.ts';
import { importsOf, lineOf, parseSource, type Tree, type Violation } from './source-file.ts';

/** Names that the index.ts of a room exports and that no other room imports. */
export function unusedExports(tree: Tree): readonly Violation[] {
  const used = usedNames(tree);
  return ROOMS.filter(({ path }) => !path.endsWith('.ts')).flatMap((room) => {
    const path = `src/${room.path}/index.ts`;
    const names = used.get(path) ?? new Set();
    if (names.has(EVERYTHING)) return [];
    return exportedNames(path, tree.get(path) ?? '')
      .filter(({ name }) => !names.has(name))
      .map(({ name, line }) => ({ path, line, message: `exports ${name}, which no other room imports` }));
  });
}

const EVERYTHING = '*';

/** File → the names that files of other rooms import from it. */
function usedNames(tree: Tree): ReadonlyMap<string, ReadonlySet<string>> {
  const used = new Map<string, Set<string>>();
  for (const [path, text] of tree) {
    if (!path.startsWith('src/')) continue;
    for (const { specifier, names } of importsOf(parseSource(path, text))) {
      const target = targetOf(path, specifier);
      if (target === undefined || roomOf(target) === roomOf(path)) continue;
      const known = used.get(target) ?? new Set();
      for (const name of names ?? [EVERYTHING]) known.add(name);
      used.set(target, known);
    }
  }
  return used;
}

function exportedNames(path: string, text: string): readonly { name: string; line: number }[] {
  return parseSource(path, text).statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement) && statement.exportClause) {
      const clause = statement.exportClause;
      if (!ts.isNamedExports(clause)) return [];
      return clause.elements.map((element) => ({ name: element.name.text, line: lineOf(element) }));
    }
    const exported = ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some(isExport);
    const named = exported && 'name' in statement ? (statement.name as ts.Node | undefined) : undefined;
    return named && ts.isIdentifier(named) ? [{ name: named.text, line: lineOf(named) }] : [];
  });
}

function isExport({ kind }: ts.Modifier): boolean {
  return kind === ts.SyntaxKind.ExportKeyword;
}

/** How deep files of `serve` import each other: its index.ts is level 1. */
export const MAX_SERVE_DEPTH = 4;

/** A chain of imports inside of `serve` that is too long. */
export function deepImports(tree: Tree): readonly Violation[] {
  const inside = [...tree].filter(([path]) => path.startsWith('src/serve/'));
  const next = new Map(
    inside.map(([path, text]) => [
      path,
      importsOf(parseSource(path, text)).flatMap(({ specifier }) => {
        const target = targetOf(path, specifier);
        return target?.startsWith('src/serve/') === true ? [target] : [];
      }),
    ]),
  );
  const chain = longest('src/serve/index.ts', next, []);
  if (chain.length <= MAX_SERVE_DEPTH) return [];
  const names = chain.map((path) => posix.basename(path, '.ts')).join(' → ');
  return [{ path: 'src/serve', line: 1, message: `imports ${String(chain.length)} levels deep: ${names}` }];
}

function longest(
  path: string,
  next: ReadonlyMap<string, readonly string[]>,
  above: readonly string[],
): readonly string[] {
  const chain = [...above, path];
  // A circle is reported elsewhere.
  const below = (next.get(path) ?? []).filter((target) => !chain.includes(target));
  return below
    .map((target) => longest(target, next, chain))
    .reduce((best, one) => (one.length > best.length ? one : best), chain);
}
