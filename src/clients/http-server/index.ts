// Serves HTTPS (and probes over http): mounts handlers on paths, bounds bodies and times, answers probes, drains on close; and writes the log.
// Knows no word of the domain.
export { explainStart } from './explain-start.ts';
export { startServer, type Route, type Server, type Tls } from './serve.ts';
export { createLog } from './log.ts';
export { createMetrics, operationsPages, readinessPage, type Metrics } from './metrics.ts';
