/** One step of a JSON patch, of those that a webhook may send. */
export interface Step {
  readonly op: string;
  readonly path: string;
  readonly value: unknown;
}

type Json = Record<string, unknown> | unknown[];

/**
 * Applies a JSON patch (RFC 6902) to a copy of a document. Strict where the API server is: the place above must be there, and
 * so must the replaced value. Knows `add` and `replace`, and arrays by index only.
 */
export function applyPatch(document: unknown, steps: readonly Step[]): unknown {
  const patched = JSON.parse(JSON.stringify(document)) as unknown; // a document may be deeper than structuredClone goes
  for (const step of steps) applyStep(patched, step);
  return patched;
}

function applyStep(document: unknown, { op, path, value }: Step): void {
  const tokens = path.split('/').map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (tokens.shift() !== '') throw new Error(`"${path}" is no pointer into a document`);
  const last = tokens.pop() ?? '';
  const place = tokens.reduce<unknown>((at, token) => childOf(at, token, path), document);
  const container = asContainer(place, path);
  if (op === 'replace') childOf(container, last, path);
  else if (op !== 'add' || Array.isArray(container)) throw new Error(`${op} at ${path} is not known here`);
  Object.assign(container, { [last]: value });
}

function childOf(place: unknown, token: string, path: string): unknown {
  const container = asContainer(place, path);
  if (Array.isArray(container) && !/^(?:0|[1-9]\d*)$/.test(token)) throw new Error(`${path}: no index`);
  if (!Object.hasOwn(container, token)) throw new Error(`nothing at ${path}`);
  return (container as Record<string, unknown>)[token];
}

function asContainer(place: unknown, path: string): Json {
  if (typeof place !== 'object' || place === null) throw new Error(`nothing above ${path}`);
  return place as Json;
}
