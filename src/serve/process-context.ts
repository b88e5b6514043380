/** What the process gives: environment, standard input, and where log lines go. */
export interface ProcessContext {
  readonly version: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly writeLog: (line: string) => void;
}

/** The one clock of the process. */
export const clock = () => new Date();
