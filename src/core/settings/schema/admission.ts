import * as z from 'zod';
import { dnsName, fieldPath, listen, milliseconds, path } from './parts.ts';

/* The endpoints that the API server calls, and the objects that it sends. */

export const webhook = z
  .strictObject({
    listen: listen.prefault(':8443'),
    tlsCert: path.optional(),
    tlsKey: path.optional(),
    /** An object has 3 MiB at most at the API server, a review carries two of them and their options. */
    maxBodyBytes: z
      .int()
      .min(1)
      .default(8 * 1024 * 1024),
    /** How long it keeps serving after it was asked to stop and is no longer ready, until no more requests are sent to it. */
    lingerMs: z.int().min(0).max(60_000).default(0),
    /** Used when the caller names no timeout; the API server always does. Its own default. */
    defaultTimeoutMs: milliseconds.max(30_000).default(10_000),
  })
  .prefault({});

/** Probes and metrics over plain http. Absent = beside the webhook, on its port. */
export const operations = z.strictObject({ listen: listen.optional() }).prefault({});

export const pinning = z
  .strictObject({
    /** Which objects get digests; Pods: templates stay as their authors wrote them, which GitOps tools compare. */
    objects: z.enum(['All', 'Pods']).default('All'),
  })
  .prefault({});

const workloadKind = z.strictObject({
  apiGroup: dnsName,
  kind: z.string().regex(/^[A-Z][A-Za-z0-9]{0,62}$/, 'is not a kind such as Rollout'),
  /** Where the pod spec stands. */
  podSpec: fieldPath,
  /** Where the number of replicas stands, for kinds that scale. */
  replicas: fieldPath.optional(),
});

/** Custom kinds that hold a pod spec, besides those of Kubernetes. */
export const workloadKinds = z
  .array(workloadKind)
  .max(64)
  .default([])
  .superRefine((kinds, context) => {
    const seen = new Set<string>();
    for (const [index, { apiGroup, kind }] of kinds.entries()) {
      const name = `${apiGroup}/${kind}`;
      // With two entries for one kind only one would be used, and it would be unclear which.
      if (seen.has(name)) context.addIssue({ code: 'custom', path: [index], message: 'is listed before' });
      seen.add(name);
    }
  });
