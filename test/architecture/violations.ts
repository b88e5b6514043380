import { cycles } from './cycles.ts';
import { deepImports, unusedExports } from './exports.ts';
import { forbiddenImport } from './imports.ts';
import { impurities } from './purity.ts';
import { repeatedBodies } from './repeated-bodies.ts';
import { crowded, defaultExports, misnamed, oversized, unannounced } from './shape.ts';
import { importsOf, parseSource, type Tree, type Violation } from './source-file.ts';

/** What is wrong with one file of `src/` by itself: its imports, what it reaches for, its default exports, its name. */
export function violationsOfFile(path: string, text: string): readonly Violation[] {
  const file = parseSource(path, text);
  const imports = importsOf(file).flatMap((line) => {
    const message = forbiddenImport(path, line);
    return message === undefined ? [] : [{ path, line: line.line, message }];
  });
  return [...imports, ...impurities(path, file), ...defaultExports(path, file)];
}

/** Everything wrong with a tree of files: each by itself, and all of them together. */
export function violations(tree: Tree): readonly Violation[] {
  const source = new Map([...tree].filter(([path]) => path.startsWith('src/')));
  return [
    ...[...source].flatMap(([path, text]) => violationsOfFile(path, text)),
    ...[...tree.keys()].flatMap(misnamed),
    ...cycles(tree),
    ...unannounced(tree),
    ...oversized(tree),
    ...crowded(tree),
    ...unusedExports(tree),
    ...deepImports(tree),
    ...repeatedBodies(tree),
  ];
}
