import { targetOf } from './imports.ts';
import { importsOf, parseSource, type Tree, type Violation } from './source-file.ts';

/** Circles of imports between files, type-only ones too: each file of a circle can only be read together with the rest. */
export function cycles(tree: Tree): readonly Violation[] {
  const graph = new Map([...tree].map(([path, text]) => [path, neighbours(path, text)]));
  const done = new Set<string>();
  const found: Violation[] = [];
  for (const start of graph.keys()) visit(start, []);
  return found;

  function visit(path: string, trail: readonly string[]): void {
    if (trail.includes(path)) {
      const circle = [...trail.slice(trail.indexOf(path)), path];
      found.push({ path, line: 1, message: `imports itself in a circle: ${circle.join(' → ')}` });
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  }
}

function neighbours(path: string, text: string): readonly string[] {
  const targets = importsOf(parseSource(path, text)).map(({ specifier }) => targetOf(path, specifier));
  return [...new Set(targets.filter((target) => target !== undefined))];
}
