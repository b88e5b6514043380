import * as z from 'zod';
import { block, dnsName, milliseconds, path, serverUrl } from './parts.ts';
import { parseReference } from '../../model/index.ts';

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

/** One permission to use the installation's own registry logins; patterns and selector are checked where they are compiled. */
const grant = z
  .strictObject({
    /** Names of namespaces. With `namespaceSelector`, a namespace must satisfy both. */
    namespaces: z.array(dnsName).min(1).max(256).optional(),
    /** A label selector, as Kubernetes has it. */
    namespaceSelector: z.record(z.string(), z.unknown()).optional(),
    /** Globs over normalised image names, as in ImagePolicies. */
    repositories: z.array(z.string().min(1).max(255)).min(1).max(64),
    /** Delete: `deleteSource`, and the clean-up of `supersede`. */
    access: z
      .array(z.enum(['Read', 'Write', 'Delete']))
      .min(1)
      .max(3),
  })
  // Left out by mistake, it would let every namespace use the logins.
  .refine(({ namespaces, namespaceSelector }) => namespaces ?? namespaceSelector, {
    message: 'needs namespaces or namespaceSelector',
  });

/** How promotions are executed. */
export const promotions = z
  .strictObject({
    /** Where no ImagePromotion exists, this costs three watches. */
    enabled: z.boolean().default(true),
    /** Two: one large copy does not hold up the others, and the leader stays small. More than 64 are for Jobs on many nodes. */
    maxConcurrentRuns: z.int().min(1).max(64).default(2),
    /** InController: by the leader, without another pod. Job: each run by a Job of its own, on any node. */
    execution: z.enum(['InController', 'Job']).default('InController'),
    jobTemplate: jobTemplate.optional(),
    /** What was promoted is judged again this often by the newest signed reports: new findings come by the day. */
    rejudgeEveryMs: milliseconds.default(6 * 3_600_000),
    /** Questions about images per second: what is judged again must not use up the registry's budget for admissions. */
    rejudgePerSecond: z.number().min(0.1).max(1_000).default(5),
    /** Which namespaces may use the installation's own registry logins, for what. Without one a promotion needs logins of its own. */
    grants: z.array(grant).max(256).default([]),
  })
  // No default fits: image and rights differ in every cluster.
  .refine(({ execution, jobTemplate: template }) => execution !== 'Job' || template !== undefined, {
    path: ['jobTemplate'],
    message: 'is needed where execution is Job',
  })
  .prefault({});

/** A reference that names its registry: without one, clients differ in which they mean. */
const artifact = z
  .string()
  .refine((text) => text.includes('/') && /[.:]|^localhost$/.test(text.slice(0, text.indexOf('/'))), {
    message: 'does not name a registry, as registry.example.com/mirror/trivy-db:2 does',
    abort: true,
  })
  .superRefine((text, context) => {
    const read = parseReference(text);
    for (const { message } of read.ok ? [] : read.problems) context.addIssue(message);
  });

/** The scanner that promotions call for; nothing of it is touched as long as none does. */
export const scanner = block({
  /** Trivy: a path, or a name that is found in `PATH`. */
  command: path.default('trivy'),
  /** Where Trivy keeps its database. Absent = Trivy's own place, so that a laptop uses the one that it has. */
  cacheDirectory: path.optional(),
  /** A Trivy server that judges, e.g. one for the whole cluster. Absent = each Trivy judges by its own database. */
  server: serverUrl.optional(),
  /** Do not go to the network for the database: another process keeps it up to date, and its age is still checked. */
  offline: z.boolean().default(false),
  /** Where the vulnerability database is downloaded from, e.g. a mirror. Absent = from where Trivy looks by itself. */
  databaseRepository: artifact.optional(),
  /** The same for what Trivy knows jars by. With it, that database is kept up to date like the other one. */
  javaDatabaseRepository: artifact.optional(),
  /** One run of Trivy: long enough to read an image of some gigabytes over a slow line. */
  timeoutMs: milliseconds.default(600_000),
  /** Runs at a time: each takes a core and, for a big image, a few hundred megabytes. */
  parallel: z.int().min(1).max(16).default(2),
});

/** A name that promotions sign by: `spec.promote.sign.keyless.identity`. */
const identity = z
  .string()
  .max(63)
  .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, 'must be a name of lower-case letters, digits and "-"');

/** One identity, and who may use it: the authors of promotions choose neither the services nor the identity themselves. */
const borrowed = z.strictObject({
  /** The token, such as a projected one of a ServiceAccount; read anew for each run. */
  file: path,
  /**
   * Fulcio, Rekor and timestamp authorities that may be called. A service that receives the token could use it elsewhere, so
   * the authors of promotions do not choose which services are called from here.
   */
  servers: z.array(z.url({ protocol: /^https?$/ })).min(1),
  /** Namespaces whose promotions may sign by it. */
  namespaces: z.array(dnsName).min(1),
});

/** In whose name promotions sign that bring no key. */
export const signing = z
  .strictObject({ identityTokens: z.record(identity, borrowed).default({}) })
  .prefault({});
