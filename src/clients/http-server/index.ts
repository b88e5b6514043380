// Serves HTTPS (and probes over http): mounts handlers on paths, bounds bodies and times, answers probes, drains on close; and writes the log.
// Knows no word of the domain.
export { startServer } from './serve.ts';
export type { Answer, Request, Route, Server, ServerOptions, Tls } from './serve.ts';
export { explainStart } from './serve.ts';
export type { StartProblem } from './serve.ts';
export { createLog } from './log.ts';
export { createMetrics, MAX_SERIES, OTHER } from './metrics.ts';
export type {
  HistogramDefinition,
  LabelValues,
  MetricDefinition,
  MetricDefinitions,
  Metrics,
  Sample,
} from './metrics.ts';
