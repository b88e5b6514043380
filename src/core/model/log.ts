import { Fault } from './fault.ts';

/** Writes one JSON line per call: a constant message and named fields. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** An error as fields of a log line: code and detail of a Fault, else the error itself with its stack. */
export function errorFields(error: unknown): object {
  return error instanceof Fault ? { code: error.code, detail: error.message } : { err: error };
}

/** One gauge with how its values are read. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: () => readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}
