import * as z from 'zod';
import { block, DAY_MS, dnsName, fieldPath, milliseconds, path, placePath } from './parts.ts';

/* The installation in its cluster: its place, its leader, its certificates, and the looks it takes by itself. */

const NINETY_DAYS_MS = 90 * DAY_MS;
const TWO_YEARS_MS = 730 * DAY_MS;

/** A leader that is silent this long has lost its term: the usual figures of client-go. */
const lease = z
  .strictObject({
    durationMs: milliseconds.default(15_000),
    renewDeadlineMs: milliseconds.default(10_000),
    retryMs: milliseconds.default(2_000),
  })
  // A leader that gives up later than its term ends leads beside its successor.
  .refine(({ renewDeadlineMs, durationMs }) => renewDeadlineMs < durationMs, {
    path: ['renewDeadlineMs'],
    message: 'must be below durationMs',
  })
  // One renewal may fail without costing the term.
  .refine(({ retryMs, renewDeadlineMs }) => 2 * retryMs < renewDeadlineMs, {
    path: ['retryMs'],
    message: 'must be below half of renewDeadlineMs',
  })
  .prefault({});

export const cluster = block({
  /** File to reach the API server by; absent = as the pod that this is. */
  kubeconfig: path.optional(),
  /** Namespace of this installation: of its Lease, its Secrets and of the keys that policies name. */
  namespace: dnsName.optional(),
  /** Name of the Lease and of both webhook configurations. */
  name: dnsName.default('pratique'),
  lease,
});

export const certificates = z
  .strictObject({
    /** Managed: made, shared through a Secret and rotated by the leader. Files: `webhook.tlsCert` and `.tlsKey`, read again when they change. */
    source: z.enum(['Managed', 'Files']).default('Managed'),
    secret: dnsName.default('pratique-webhook-tls'),
    /** Names and addresses by which the API server calls, e.g. `pratique-webhook.pratique.svc`. */
    hosts: z.array(z.string().min(1).max(253)).max(32).default([]),
    /** Of a serving certificate: short, because the renewal needs no action by a person. Renewed at two thirds. */
    lifetimeMs: z.int().min(60_000).default(NINETY_DAYS_MS),
    authorityLifetimeMs: z.int().min(120_000).default(TWO_YEARS_MS),
  })
  // A certificate is good for as long as the authority that signed it.
  .refine(({ lifetimeMs, authorityLifetimeMs }) => lifetimeMs < authorityLifetimeMs, {
    path: ['lifetimeMs'],
    message: 'must be below authorityLifetimeMs',
  })
  .prefault({});

export const audit = block({
  enabled: z.boolean().default(true),
  /** What runs is judged again this often even if nothing changed. */
  everyMs: milliseconds.default(600_000),
  /** Images judged per second and registry: an audit must not use up the budget of admissions. */
  perRegistryPerSecond: z.number().min(0.1).max(1_000).default(5),
  /** Write OpenReports objects where that API is installed. */
  reports: z.boolean().default(true),
});

export const selfTest = block({
  enabled: z.boolean().default(true),
  /** Where dry-run canaries are created; it must not be exempt from the webhook. */
  namespace: dnsName.default('default'),
  everyMs: milliseconds.default(60_000),
});

/** Where images stand in objects of a custom kind. */
export const workloadKind = z
  .strictObject({
    apiGroup: dnsName,
    kind: z.string().regex(/^[A-Z][A-Za-z0-9]{0,62}$/, 'is not a kind such as Rollout'),
    /** Where the pod spec stands. */
    podSpec: placePath.optional(),
    /** Where pod specs stand, in a kind that has several. */
    podSpecs: z.array(placePath).max(32).optional(),
    /** Where images stand outside of pod specs, such as `spec.steps[*].image`. */
    images: z.array(placePath).max(64).optional(),
    /** Where the number of replicas stands, for kinds that scale. */
    replicas: fieldPath.optional(),
  })
  .refine(
    ({ podSpec, podSpecs = [], images = [] }) => podSpec !== undefined || podSpecs.length + images.length > 0,
    {
      path: ['podSpec'],
      message: 'is missing, and so are podSpecs and images: one of them says where images stand',
    },
  );
