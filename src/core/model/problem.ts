/** One thing wrong with an input: where (a field path such as `spec.match.images[0]`, a flag, a file) and what. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** The answer of every `parse…`: the typed value, or all problems at once, never a throw. */
export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly Problem[] };

/** A successful {@link Parsed}. */
export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

/** A failed {@link Parsed} with one problem at `path`. */
export function problem(path: string, message: string): { ok: false; problems: readonly Problem[] } {
  return { ok: false, problems: [{ path, message }] };
}
