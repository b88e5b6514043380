import * as z from 'zod';
import { dnsName, milliseconds, path } from './parts.ts';

/** More runs at a time than that are for Jobs on many nodes. */
const MAX_RUNS = 64;
/** A quantity as Kubernetes writes it, e.g. `500m` or `256Mi`. */
const quantity = z
  .string()
  .regex(/^\d+(?:\.\d+)?(?:m|[kMGTPE]|[KMGTPE]i)?$/, 'is no quantity such as 500m or 256Mi');
const quantities = z.strictObject({
  cpu: quantity.optional(),
  memory: quantity.optional(),
  'ephemeral-storage': quantity.optional(),
});

const jobTemplate = z.strictObject({
  /** The image of Pratique, or one made of it. */
  image: z.string().min(1).max(512),
  /** A ServiceAccount that is in every namespace with promotions: it reads their Secrets and writes the status of their runs. */
  serviceAccountName: dnsName,
  /** An image with Trivy in it, of which each Job copies the program; absent = `image` has it, or nothing is scanned. */
  scanner: z
    .strictObject({
      image: z.string().min(1).max(512),
      /** Where the program is there; that image needs a `cp`, too. */
      path: path.default('/usr/local/bin/trivy'),
    })
    .optional(),
  /** A ConfigMap of the same namespace with these settings under the key `settings.yaml`; absent = the defaults. */
  settingsConfigMap: dnsName.optional(),
  resources: z
    .strictObject({ requests: quantities.optional(), limits: quantities.optional() })
    /** Blobs are streamed and small ones kept; a scan unpacks on disk. */
    .default({ requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } }),
});

/** How promotions are executed. */
export const promotions = z
  .strictObject({
    /** Where no ImagePromotion exists, this costs three watches. */
    enabled: z.boolean().default(true),
    /** Two: one large copy does not hold up the others, and the leader stays small. */
    maxConcurrentRuns: z.int().min(1).max(MAX_RUNS).default(2),
    /** InController: by the leader, without another pod. Job: each run by a Job of its own, on any node. */
    execution: z.enum(['InController', 'Job']).default('InController'),
    jobTemplate: jobTemplate.optional(),
    /** What was promoted is judged again this often by the newest signed reports: new findings come by the day. */
    rejudgeEveryMs: milliseconds.default(6 * 3_600_000),
    /** Questions about images per second: what is judged again must not use up the registry's budget for admissions. */
    rejudgePerSecond: z.number().min(0.1).max(1_000).default(5),
  })
  // No default fits: image and rights differ in every cluster.
  .refine(({ execution, jobTemplate: template }) => execution !== 'Job' || template !== undefined, {
    path: ['jobTemplate'],
    message: 'is needed where execution is Job',
  })
  .prefault({});
