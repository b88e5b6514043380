import ts from 'typescript';
import { ROOMS } from './rooms.ts';
import { lineOf, type Tree, type Violation } from './source-file.ts';

/** Above this a file holds more than one idea. */
export const MAX_LINES = 300;
/** Half of the files of `src/` are at most this long. */
export const MAX_MEDIAN_LINES = 100;

/** `serve` builds and starts; what decides stands in another room. */
export const MAX_SERVE_LINES = 1_500;

/** Files that stand side by side in one folder; beyond, some of them are an idea of their own. */
export const MAX_FLAT_FILES = 20;
/** Folders that hold more, and why. */
const LARGE_FOLDERS: ReadonlyMap<string, string> = new Map();

/** Names that say nothing about what is inside. */
const EMPTY_NAMES = /^(?:(?:.*-)?(?:utils?|helpers)|helper|common|managers?|services?|base)$/;
const KEBAB_CASE = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** Lines of a file as an editor counts them. */
export function countLines(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

/** Files that are too long, and a median of `src/` that is too high. */
export function oversized(tree: Tree): readonly Violation[] {
  const long = [...tree]
    .map(([path, text]) => ({ path, lines: countLines(text) }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => ({
      path,
      line: MAX_LINES + 1,
      message: `has ${String(lines)} lines, more than ${String(MAX_LINES)}`,
    }));
  const middle = median([...tree].filter(([path]) => path.startsWith('src/')).map(([, t]) => countLines(t)));
  const serve = [...tree].filter(([path]) => path.startsWith('src/serve/'));
  const total = serve.reduce((sum, [, text]) => sum + countLines(text), 0);
  return [
    ...long,
    ...over('src', `the median file has ${String(middle)} lines`, middle, MAX_MEDIAN_LINES),
    ...over('src/serve', `the files together have ${String(total)} lines`, total, MAX_SERVE_LINES),
  ];
}

function over(path: string, what: string, count: number, limit: number): readonly Violation[] {
  return count <= limit ? [] : [{ path, line: 1, message: `${what}, more than ${String(limit)}` }];
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.floor(half)] ?? 0) + (sorted[Math.ceil(half) - 1] ?? 0)) / 2;
}

/** Folders of `src/` and `test/` with too many files side by side. */
export function crowded(tree: Tree): readonly Violation[] {
  const folders = Map.groupBy(
    [...tree.keys()].filter((path) => /^(?:src|test)\/.*\.ts$/.test(path)),
    (path) => path.slice(0, path.lastIndexOf('/')),
  );
  return [...folders]
    .filter(([path, files]) => files.length > MAX_FLAT_FILES && !LARGE_FOLDERS.has(path))
    .map(([path, files]) => ({
      path,
      line: 1,
      message: `has ${String(files.length)} files side by side, more than ${String(MAX_FLAT_FILES)}`,
    }));
}

/** Folders and files with a name that says nothing, or not in kebab-case. */
export function misnamed(path: string): readonly Violation[] {
  return path
    .replace(/(?:\.test|\.d)?\.ts$/, '')
    .split('/')
    .flatMap((name) => {
      if (EMPTY_NAMES.test(name)) return [{ path, line: 1, message: `the name "${name}" says nothing` }];
      return KEBAB_CASE.test(name) ? [] : [{ path, line: 1, message: `"${name}" is not in kebab-case` }];
    });
}

/** Default exports of a file. */
export function defaultExports(path: string, file: ts.SourceFile): readonly Violation[] {
  return file.statements
    .filter((statement) => ts.isExportAssignment(statement) || isDefault(statement))
    .map((statement) => ({ path, line: lineOf(statement), message: 'has a default export' }));
}

function isDefault(statement: ts.Statement): boolean {
  if (ts.isExportDeclaration(statement)) {
    const clause = statement.exportClause;
    return clause !== undefined && ts.isNamedExports(clause) && clause.elements.some(isNamedDefault);
  }
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
  return modifiers.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword);
}

function isNamedDefault(element: ts.ExportSpecifier): boolean {
  return element.name.text === 'default';
}

/** Rooms that have files and no index.ts, or whose index.ts does not begin by saying what the room is for. */
export function unannounced(tree: Tree): readonly Violation[] {
  return ROOMS.filter(({ path }) => !path.endsWith('.ts')).flatMap((room) => {
    const index = `src/${room.path}/index.ts`;
    const text = tree.get(index);
    if (text === undefined) {
      const used = [...tree.keys()].some((path) => path.startsWith(`src/${room.path}/`));
      return used ? [{ path: index, line: 1, message: 'is missing: a room is entered through it' }] : [];
    }
    const announced = /^\s*\/[/*]/.test(text);
    return announced
      ? []
      : [{ path: index, line: 1, message: 'does not begin by saying what the room is for' }];
  });
}
