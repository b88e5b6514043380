import type { Log } from '../core/model/index.ts';
import { createMetrics } from '../clients/http-server/index.ts';
import type { Telemetry } from './parts.ts';

/** Seconds; from a decision out of memory to the longest that a webhook may take. */
const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const COUNTERS = {
  decisions: {
    name: 'pratique_admission_decisions_total',
    help: 'Admission requests decided, by verdict and first reason.',
    labels: ['verdict', 'reason'],
  },
  lookups: {
    name: 'pratique_fact_lookups_total',
    help: 'Facts looked up, by kind and by how the look-up was answered.',
    labels: ['kind', 'result'],
  },
  registry: {
    name: 'pratique_registry_requests_total',
    help: 'Requests sent to registries, by host, operation and HTTP status.',
    labels: ['host', 'operation', 'code'],
  },
  mirrors: { name: 'pratique_mirror_reads_total', help: 'Reads of mirrors.', labels: ['mirror', 'reason'] },
  events: {
    name: 'pratique_events_total',
    help: 'Events about pushed images, by sender and HTTP status of the answer.',
    labels: ['sender', 'status'],
  },
  promotionImages: {
    name: 'pratique_promotion_images_total',
    help: 'Images of promotions, by what became of them and by reason.',
    labels: ['decision', 'reason'],
  },
  promotionBytes: {
    name: 'pratique_promotion_bytes_total',
    help: 'Bytes that promotions brought, by how: copied, mounted, or skipped because they were there.',
    labels: ['how'],
  },
  pulls: {
    name: 'pratique_gate_pulls_total',
    help: 'Manifests asked for at the gate, by verdict and first reason.',
    labels: ['verdict', 'reason'],
  },
  api: {
    name: 'pratique_api_requests_total',
    help: 'Requests sent to the API server, by verb, resource and HTTP status.',
    labels: ['verb', 'resource', 'code'],
  },
} as const;

const DURATION = {
  name: 'pratique_admission_duration_seconds',
  help: 'Seconds from an admission request to its answer.',
  labels: [],
  buckets: DURATIONS,
} as const;

const PULL_DURATION = {
  name: 'pratique_gate_pull_duration_seconds',
  help: 'Seconds from a request at the gate to the begin of its answer, by what was asked for.',
  labels: ['kind'],
  buckets: DURATIONS,
} as const;

/** Counts and logs. */
export function createTelemetry(log: Log): Telemetry {
  const metrics = createMetrics({ counters: Object.values(COUNTERS), histograms: [DURATION, PULL_DURATION] });
  return {
    metrics,
    onDecision: (decision) => {
      const { verdict, reasons, milliseconds } = decision;
      metrics.count(COUNTERS.decisions.name, { verdict, reason: reasons[0] ?? '' });
      metrics.observe(DURATION.name, {}, milliseconds / 1_000);
      log.info(decision, 'decided');
    },
    onMutation: (mutation) => {
      log.info(mutation, 'pinned');
    },
    onApiRequest: ({ verb, resource, status }) => {
      metrics.count(COUNTERS.api.name, { verb, resource, code: String(status ?? 'error') });
    },
    onEvent: (event) => {
      metrics.count(COUNTERS.events.name, { sender: event.sender, status: String(event.status) });
      log.info(event, 'push event received');
    },
    onPull: (pull) => {
      const { kind, verdict, reason, milliseconds } = pull;
      const asked = kind === 'manifest' || kind === 'blob' ? kind : 'other';
      metrics.observe(PULL_DURATION.name, { kind: asked }, milliseconds / 1_000);
      if (kind === 'manifest') metrics.count(COUNTERS.pulls.name, { verdict, reason });
      log.info(pull, 'pulled');
    },
    onPromotedImages: (decision, reason, images) => {
      metrics.count(COUNTERS.promotionImages.name, { decision, reason }, images);
    },
    onPromotedBytes: (how, bytes) => {
      metrics.count(COUNTERS.promotionBytes.name, { how }, bytes);
    },
    onRequest: ({ host, operation, code }) => {
      metrics.count(COUNTERS.registry.name, { host, operation, code });
    },
    onMirror: ({ mirror, reason, message }) => {
      metrics.count(COUNTERS.mirrors.name, { mirror, reason });
      if (reason !== '') log.warn({ mirror, reason, message }, 'a mirror did not answer');
    },
    onLookup: (kind, result) => {
      metrics.count(COUNTERS.lookups.name, { kind, result });
    },
    report: (error) => {
      log.error({ err: error }, 'internal error');
    },
  };
}
