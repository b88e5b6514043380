// Serves HTTPS (and probes over http): mounts handlers on paths, bounds bodies and times, answers probes, drains on close; and writes the log.
// Knows no word of the domain.
export { explainStart, startServer } from './serve.ts';
export type { Route, Server, Tls } from './serve.ts';
export { createLog } from './log.ts';
export { createMetrics, operationsPages } from './metrics.ts';
export type { Metrics } from './metrics.ts';
