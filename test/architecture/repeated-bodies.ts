import ts from 'typescript';
import { lineOf, nodesOf, parseSource, type Tree, type Violation } from './source-file.ts';

/** Characters, white space folded: below, two functions are alike by chance. */
const MIN_BODY_LENGTH = 60;

/** Functions of `src/` whose parameters and body stand in another place, too. */
export function repeatedBodies(tree: Tree): readonly Violation[] {
  const first = new Map<string, { readonly path: string; readonly line: number }>();
  return [...tree]
    .filter(([path]) => path.startsWith('src/'))
    .flatMap(([path, text]) =>
      functionsOf(path, text).flatMap(({ body, line }) => {
        const known = first.get(body);
        if (known === undefined) first.set(body, { path, line });
        return known === undefined
          ? []
          : [{ path, line, message: `repeats the function of ${known.path}:${String(known.line)}` }];
      }),
    );
}

function functionsOf(path: string, text: string): readonly { body: string; line: number }[] {
  return [...nodesOf(parseSource(path, text))].filter(isFunction).flatMap((node) => {
    if (!node.body) return [];
    const parameters = node.parameters.map((parameter) => parameter.name.getText()).join(',');
    const body = `(${parameters}) ${node.body.getText()}`.replaceAll(/\s+/g, ' ');
    return body.length < MIN_BODY_LENGTH ? [] : [{ body, line: lineOf(node) }];
  });
}

function isFunction(
  node: ts.Node,
): node is ts.FunctionDeclaration | ts.ArrowFunction | ts.FunctionExpression | ts.MethodDeclaration {
  return (
    ts.isFunctionDeclaration(node) ||
    ts.isArrowFunction(node) ||
    ts.isFunctionExpression(node) ||
    ts.isMethodDeclaration(node)
  );
}
