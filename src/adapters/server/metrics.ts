import { Gauge, Registry } from 'prom-client';

/** One measured value with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A gauge that is asked for its values when somebody scrapes. */
export interface GaugeDefinition {
  /** Prometheus name, in seconds or bytes where it has a unit. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: () => readonly Sample[];
}

/** Metrics of this process. */
export interface Metrics {
  readonly contentType: string;
  /** All metrics in the Prometheus text format. */
  readonly scrape: () => Promise<string>;
}

/** Collects gauges into one page; nothing is registered outside this value. */
export function createMetrics(gauges: readonly GaugeDefinition[]): Metrics {
  const registry = new Registry();
  for (const { name, help, labels, read } of gauges) {
    new Gauge({
      name,
      help,
      labelNames: [...labels],
      registers: [registry],
      collect() {
        this.reset();
        for (const sample of read()) this.set(sample.labels, sample.value);
      },
    });
  }
  return { contentType: registry.contentType, scrape: () => registry.metrics() };
}
