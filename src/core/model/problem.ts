import type * as z from 'zod';
import type { ReasonCode } from './reason.ts';

/** One thing wrong with an input: where (a field path such as `spec.match.images[0]`, a flag, a file) and what. */
export interface Problem {
  readonly path: string;
  readonly message: string;
  /** Set where there is more of something than is read. */
  readonly isLimit?: true;
  /** Set where it is reported by a reason of its own: the input is well formed, and refused. */
  readonly reason?: ReasonCode;
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

/** The problems of all that could not be parsed, as one failed {@link Parsed}. */
export function failed(all: readonly Parsed<unknown>[]): { ok: false; problems: readonly Problem[] } {
  return { ok: false, problems: all.flatMap((one) => (one.ok ? [] : one.problems)) };
}

/** Problems as one line: `spec.match is missing; spec.require is missing`. */
export function describeProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; ');
}

/** Problems with the file that they are in before their path. */
export function inFile(origin: string, problems: readonly Problem[]): readonly Problem[] {
  const under = (path: string) => (path === '' ? origin : `${origin}: ${path}`);
  return problems.map(({ path, message }) => ({ path: under(path), message }));
}

/** Reads a value by a schema; problems are named by the path of their field. */
export function parseWith<T>(schema: z.ZodType<T>, value: unknown): Parsed<T> {
  const read = schema.safeParse(value);
  return read.success ? parsed(read.data) : { ok: false, problems: schemaProblems(read.error) };
}

/** What a schema found, each with the path of its field as Kubernetes writes it: `spec.match.images[0]`. */
function schemaProblems({ issues }: z.ZodError): readonly Problem[] {
  return issues.map(({ path, message }) => {
    const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`));
    return { path: steps.join('').replace(/^\./, ''), message };
  });
}
