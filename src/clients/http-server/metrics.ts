import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Route } from './serve.ts';
import { collectDefaultMetrics, Counter, Gauge as PromGauge, Histogram, Registry } from 'prom-client';
import type { Gauge } from '../../core/model/index.ts';

type LabelValues = Readonly<Record<string, string>>;

/** A metric: Prometheus name (in seconds or bytes where it has a unit), a sentence, and the names of its labels. */
type MetricDefinition = Omit<Gauge, 'read'>;

interface HistogramDefinition extends MetricDefinition {
  readonly buckets: readonly number[];
}

interface MetricDefinitions {
  readonly gauges?: readonly Gauge[];
  readonly counters?: readonly MetricDefinition[];
  readonly histograms?: readonly HistogramDefinition[];
}

/** Metrics of this process. */
export interface Metrics {
  readonly contentType: string;
  /** All metrics in the Prometheus text format. */
  readonly scrape: () => Promise<string>;
  /** Adds gauges to the page: what they read may come to be later than what is counted. */
  readonly addGauges: (gauges: readonly Gauge[]) => void;
  /** Adds to a counter, 1 by default. A name or label that was not defined is a bug and throws. */
  readonly count: (name: string, labels: LabelValues, by?: number) => void;
  /** Observes a value of a histogram. A name or label that was not defined is a bug and throws. */
  readonly observe: (name: string, labels: LabelValues, value: number) => void;
}

/** Combinations of label values of one metric: host names come from image references, and each is kept until the process ends. */
export const MAX_SERIES = 1_000;
/** What stands for every combination beyond {@link MAX_SERIES}. */
export const OTHER = 'other';

/** Collects metrics into one page, with those of the process itself; nothing is registered outside this value. */
export function createMetrics({ gauges = [], counters = [], histograms = [] }: MetricDefinitions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const addGauges = (definitions: readonly Gauge[]) => {
    for (const { name, help, labels, read } of definitions) {
      const collect = function (this: PromGauge): void {
        this.reset();
        for (const sample of read()) this.set(sample.labels, sample.value);
      };
      new PromGauge({ name, help, labelNames: [...labels], registers, collect });
    }
  };
  addGauges(gauges);
  const counts = byName(counters, ({ name, help, labels }) => {
    const bounded = boundOf(labels);
    // The library makes a key of the labels for each addition: so it is given the sums when the page is read.
    const sums = new Map<LabelValues, number>();
    const collect = function (this: Counter): void {
      this.reset();
      for (const [one, sum] of sums) this.inc(one, sum);
    };
    const counter = new Counter({ name, help, labelNames: [...labels], registers, collect });
    return (values: LabelValues, by: number) => {
      const series = bounded(values);
      const sum = sums.get(series);
      if (sum === undefined) counter.inc(series, by); // throws for labels that were not defined
      sums.set(series, (sum ?? 0) + by);
    };
  });
  const observations = byName(histograms, ({ name, help, labels, buckets }) => {
    const labelNames = [...labels];
    const histogram = new Histogram({ name, help, labelNames, buckets: [...buckets], registers });
    const bounded = boundOf(labels);
    return (values: LabelValues, value: number) => histogram.observe(bounded(values), value);
  });
  return {
    contentType: registry.contentType,
    // One metric at a time: a whole page may have many thousand series.
    scrape: async () => {
      const texts: string[] = [];
      for (const { name } of registry.getMetricsAsArray()) {
        texts.push(await registry.getSingleMetricAsString(name));
        await setImmediate();
      }
      return `${texts.join('\n\n')}\n`;
    },
    addGauges,
    count: (name, labels, by = 1) => counts(name)(labels, by),
    observe: (name, labels, value) => observations(name)(labels, value),
  };
}

function byName<D extends MetricDefinition, R>(
  definitions: readonly D[],
  make: (definition: D) => R,
): (name: string) => R {
  const made = new Map(definitions.map((definition) => [definition.name, make(definition)]));
  return (name) => {
    const found = made.get(name);
    if (found === undefined) throw new Error(`no metric is called ${name}`);
    return found;
  };
}

/** Lets the first {@link MAX_SERIES} combinations through, each as one value; later ones are counted together. */
function boundOf(names: readonly string[]): (labels: LabelValues) => LabelValues {
  const seen = new Map<string, LabelValues>();
  const other = Object.fromEntries(names.map((name) => [name, OTHER]));
  return (labels) => {
    let key = '';
    for (const name of names) key += `${labels[name]?.length ?? 0}:${labels[name] ?? ''}`;
    const known = seen.get(key);
    if (known) return known;
    if (seen.size >= MAX_SERIES) return other;
    seen.set(key, labels);
    return labels;
  };
}

/** Bytes of a request that needs no body. */
const NO_BODY = 1_024;

/** The page of readiness: ready when nothing is missing. One line each; `details` follow either way. */
export function readinessPage(
  missing: readonly string[],
  details: readonly string[] = [],
): { readonly status: number; readonly body: string } {
  const isReady = missing.length === 0;
  const lines = [isReady ? 'ok' : 'not ready', ...missing, ...details];
  return { status: isReady ? 200 : 503, body: `${lines.join('\n')}\n` };
}

/** Milliseconds between two checks of readiness while a start is waited for. */
const CHECK_MS = 100;
/** Most checks that one request waits for: 8 s in all, less than the 10 s after which the chart's probe gives up. */
const MAX_CHECKS = 80;

/**
 * Pages for probes and Prometheus: health, readiness and metrics. `/startz` is readiness that is waited for, because each probe
 * that fails is a Warning event.
 */
export function operationsPages(
  { contentType, scrape }: Metrics,
  readiness: () => ReturnType<typeof readinessPage>,
  wait: (ms: number) => Promise<unknown> = setTimeout,
): readonly Route[] {
  type Page = ReturnType<typeof readiness>;
  const page = (path: string, type: string, answer: () => Page | Promise<Page>): Route => ({
    method: 'get',
    path,
    maxBodyBytes: NO_BODY,
    handle: async () => ({ contentType: type, ...(await answer()) }),
  });
  const started = async (): Promise<Page> => {
    for (let checks = 0; checks < MAX_CHECKS && readiness().status !== 200; checks += 1) await wait(CHECK_MS);
    return readiness();
  };
  return [
    page('/healthz', 'text/plain', () => ({ status: 200, body: 'ok\n' })),
    page('/readyz', 'text/plain', readiness),
    page('/startz', 'text/plain', started),
    page('/metrics', contentType, async () => ({ status: 200, body: await scrape() })),
  ];
}
