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
