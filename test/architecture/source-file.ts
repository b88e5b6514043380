import ts from 'typescript';

/** Path below the repository → text of the file. */
export type Tree = ReadonlyMap<string, string>;

/** One thing that stands where it must not. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** One import line: static, re-exporting, type-only or dynamic. */
export interface Import {
  readonly specifier: string;
  /** The names taken, or `undefined` when it takes everything. */
  readonly names: readonly string[] | undefined;
  /** Whether nothing of it is left when the program runs: `import type`, `export type`, `import('…').T`. */
  readonly typesOnly: boolean;
  readonly line: number;
}

/** Reads TypeScript without resolving anything. */
export function parseSource(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true, ts.ScriptKind.TS);
}

/** Every node of a file, parents first. */
export function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node;
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => void children.push(child));
  for (const child of children) yield* nodesOf(child);
}

/** The line a node begins on, counted from one. */
export function lineOf(node: ts.Node): number {
  const file = node.getSourceFile();
  return file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
}

/** All imports of a file, also `export … from`, `import('…')` and types named by `import('…').T`. */
export function importsOf(file: ts.SourceFile): readonly Import[] {
  return [...nodesOf(file)].flatMap((node) => {
    const specifier = specifierOf(node);
    if (specifier === undefined) return [];
    const text = ts.isStringLiteralLike(specifier) ? specifier.text : '(computed)';
    return [{ specifier: text, names: namesOf(node), typesOnly: isTypesOnly(node), line: lineOf(node) }];
  });
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node;
  const dynamic = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  return dynamic ? (node.arguments[0] ?? node) : undefined;
}

function isTypesOnly(node: ts.Node): boolean {
  if (ts.isImportTypeNode(node)) return true;
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  return ts.isImportDeclaration(node) && node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

function namesOf(node: ts.Node): readonly string[] | undefined {
  if (ts.isExportDeclaration(node)) {
    return node.exportClause && ts.isNamedExports(node.exportClause)
      ? node.exportClause.elements.map(importedName)
      : undefined;
  }
  if (!ts.isImportDeclaration(node) || node.importClause?.name) return undefined;
  const bindings = node.importClause?.namedBindings;
  return bindings && ts.isNamedImports(bindings) ? bindings.elements.map(importedName) : undefined;
}

function importedName(element: ts.ImportSpecifier | ts.ExportSpecifier): string {
  return (element.propertyName ?? element.name).text;
}
