import { expect } from 'chai';
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const folder = fileURLToPath(new URL('../../src/cli/', import.meta.url));
const files = new Map(
  globSync('**/*.ts', { cwd: folder }).map((path) => [
    path,
    ts.createSourceFile(path, readFileSync(`${folder}${path}`, 'utf8'), ts.ScriptTarget.ESNext, true),
  ]),
);
/** Options that several commands share, and what reads them. */
const SHARED = 'options.ts';

/** `--registry-ca <file>` is read as `registryCa`. */
const propertyOf = (flags: string): string | undefined =>
  /--(?:no-)?([\w-]+)/.exec(flags)?.[1]?.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

function nodesOf(root: ts.Node): readonly ts.Node[] {
  const found: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    found.push(node);
    node.forEachChild(visit);
  };
  visit(root);
  return found;
}

/** The options that a piece of code adds to a command. */
function optionsIn(root: ts.Node): readonly string[] {
  return nodesOf(root).flatMap((node) => {
    if (!ts.isCallExpression(node) && !ts.isNewExpression(node)) return [];
    const name = ts.isPropertyAccessExpression(node.expression) ? node.expression.name : node.expression;
    const [flags] = node.arguments ?? [];
    if (!ts.isIdentifier(name) || !/^(?:option|requiredOption|Option)$/.test(name.text)) return [];
    return flags && ts.isStringLiteralLike(flags) ? [propertyOf(flags.text) ?? flags.text] : [];
  });
}

/** The properties that a piece of code takes out of values. */
function readIn(root: ts.Node): ReadonlySet<string> {
  return new Set(
    nodesOf(root).flatMap((node) => {
      if (ts.isPropertyAccessExpression(node)) return [node.name.text];
      if (!ts.isBindingElement(node)) return [];
      const name = node.propertyName ?? node.name;
      return ts.isIdentifier(name) ? [name.text] : [];
    }),
  );
}

/** The functions of the shared options, each with the options that it adds. */
function sharedOptions(): ReadonlyMap<string, readonly string[]> {
  const functions = files.get(SHARED)?.statements.filter(ts.isFunctionDeclaration) ?? [];
  return new Map(functions.map((one) => [one.name?.text ?? '', optionsIn(one)]));
}

describe('the options that commands offer', () => {
  const shared = sharedOptions();
  const readByShared = readIn(files.get(SHARED) ?? ts.createSourceFile('', '', ts.ScriptTarget.ESNext));

  for (const [path, file] of files) {
    if (path === SHARED) continue;
    const called = nodesOf(file).flatMap((node) =>
      ts.isCallExpression(node) && ts.isIdentifier(node.expression)
        ? (shared.get(node.expression.text) ?? [])
        : [],
    );
    const offered = [...optionsIn(file), ...called];
    if (offered.length === 0) continue;
    it(`are all read: ${basename(path)}`, () => {
      // The files of a sub-folder are the parts of its commands.
      const parts = [...files].filter(
        ([other]) => other === path || (dirname(path) !== '.' && dirname(other) === dirname(path)),
      );
      const read = new Set(parts.flatMap(([, part]) => [...readIn(part)]));
      expect(offered.filter((name) => !read.has(name) && !readByShared.has(name))).to.deep.equal([]);
    });
  }

  it('are found in this way', () => {
    const made = ts.createSourceFile(
      'made.ts',
      "command.option('--registry-ca <file>').action(({ key }) => key); interface A { registryCa: string }",
      ts.ScriptTarget.ESNext,
      true,
    );
    expect(optionsIn(made)).to.deep.equal(['registryCa']);
    expect([...readIn(made)])
      .to.include('key')
      .and.not.to.include('registryCa');
    expect(shared.get('withTimeout')).to.deep.equal(['timeout']);
  });
});
