/** What one process is asked to do. */
export interface Work {
  readonly target: string;
  readonly seed: number;
  readonly seconds: number;
}

/** Bytes before the input in the file of a process: its length. */
export const HEADER_BYTES = 4;
