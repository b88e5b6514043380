import * as z from 'zod';
import { parsed, type Parsed } from '../model/index.ts';

/** A registry host with optional port, as in an image reference. */
const host = z
  .string()
  .regex(
    /^(?:[A-Za-z0-9.-]+|\[[A-Fa-f0-9:.]+\])(?::\d{1,5})?$/,
    'is not a host such as registry.example.com:5000',
  );
const path = z.string().min(1);
const DAY_MS = 86_400_000;
/** Beyond a day a timer is a mistake, and past 2^31 milliseconds Node's fire at once. */
const milliseconds = z.int().min(1).max(86_400_000);

const listen = z.string().transform((text, context) => {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match && port <= 65_535) return { host: match[1] ?? match[2] ?? '', port };
  context.addIssue('is not HOST:PORT, e.g. 127.0.0.1:8443, [::1]:8443 or :8443');
  return z.NEVER;
});

/** Steps into an object, e.g. `spec.template.spec`. */
const fieldPath = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,15}$/, 'is not a path such as spec.template.spec');
/** A name in Kubernetes: DNS label, dots allowed. */
const dnsName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, 'is not a name Kubernetes would take');

const schema = z.strictObject({
  /** What happens to images that no policy covers. Allow: a new install refuses nothing that nobody spoke of. */
  unmatchedImages: z.enum(['Allow', 'Warn', 'Deny']).default('Allow'),
  registries: z
    .strictObject({
      /** Hosts spoken to over http. Loopback hosts always are, as with other tools. */
      insecure: z.array(host).default([]),
      /** PEM files with certificate authorities trusted besides the system's. */
      caFiles: z.array(path).default([]),
      /** Requests under way to one registry at a time: enough to hide latency, few enough not to be throttled. */
      concurrencyPerHost: z.int().min(1).max(256).default(16),
      /** One request to a registry. Below the API server's default webhook timeout, so that a retry may still fit. */
      requestTimeoutMs: milliseconds.default(5_000),
    })
    .prefault({}),
  memory: z
    .strictObject({
      /** A new flag or a moved fact is seen this late at most; a refusal never rests on facts older than `absentMs`. */
      foundMs: milliseconds.default(120_000),
      absentMs: milliseconds.default(5_000),
      unknownMs: milliseconds.default(3_000),
      /** Facts of about 25,000 images. */
      maxFacts: z.int().min(1).default(100_000),
      /** Keeps the process below 200 MiB. */
      maxBytes: z
        .int()
        .min(1)
        .default(64 * 1024 * 1024),
      /** One shared look-up, whoever waits for it: the longest timeout a webhook can have. */
      loadTimeoutMs: milliseconds.default(30_000),
    })
    .prefault({}),
  trust: z
    .strictObject({
      /** Refresh of the public-good Sigstore root over TUF, in the background; absent = the shipped root stays. */
      refresh: z
        .strictObject({
          /** Folder for TUF metadata; it must be writable and outlive restarts. */
          cache: path,
          mirror: z.url().default('https://tuf-repo-cdn.sigstore.dev'),
          /** File with the first TUF root of another mirror; that of the public-good instance is known. */
          root: path.optional(),
          /** TUF timestamps of the public instance live for days; a day late is early enough. */
          everyMs: milliseconds.default(24 * 3_600_000),
        })
        .optional(),
    })
    .prefault({}),
  webhook: z
    .strictObject({
      listen: listen.prefault(':8443'),
      tlsCert: path.optional(),
      tlsKey: path.optional(),
      /** An object has 3 MiB at most at the API server, a review carries two of them and their options. */
      maxBodyBytes: z
        .int()
        .min(1)
        .default(8 * 1024 * 1024),
      /** Used when the caller names no timeout; the API server always does. Its own default. */
      defaultTimeoutMs: milliseconds.max(30_000).default(10_000),
    })
    .prefault({}),
  /** Probes and metrics over plain http. Absent = beside the webhook, on its port. */
  operations: z.strictObject({ listen: listen.optional() }).prefault({}),
  pinning: z
    .strictObject({
      /** Which objects get digests; Pods: templates stay as their authors wrote them, which GitOps tools compare. */
      objects: z.enum(['All', 'Pods']).default('All'),
    })
    .prefault({}),
  /** Custom kinds that hold a pod spec, besides those of Kubernetes. */
  workloadKinds: z
    .array(
      z.strictObject({
        apiGroup: dnsName,
        kind: z.string().regex(/^[A-Z][A-Za-z0-9]{0,62}$/, 'is not a kind such as Rollout'),
        /** Where the pod spec stands. */
        podSpec: fieldPath,
        /** Where the number of replicas stands, for kinds that scale. */
        replicas: fieldPath.optional(),
      }),
    )
    .max(64)
    .default([]),
  credentials: z
    .strictObject({
      /** Use the pull secrets that pods and service accounts name; needs the right to read Secrets everywhere. */
      pullSecrets: z.boolean().default(true),
      /** A changed secret counts this late at most. */
      rememberMs: milliseconds.default(10_000),
    })
    .prefault({}),
  cluster: z
    .strictObject({
      /** File to reach the API server by; absent = as the pod that this is. */
      kubeconfig: path.optional(),
      /** Namespace of this installation: of its Lease, its Secrets and of the keys that policies name. */
      namespace: dnsName.optional(),
      /** Name of the Lease and of both webhook configurations. */
      name: dnsName.default('pratique'),
      /** A leader that is silent this long has lost its term: the usual figures of client-go. */
      lease: z
        .strictObject({
          durationMs: milliseconds.default(15_000),
          renewDeadlineMs: milliseconds.default(10_000),
          retryMs: milliseconds.default(2_000),
        })
        .prefault({}),
    })
    .prefault({}),
  certificates: z
    .strictObject({
      /** Managed: made, shared through a Secret and rotated by the leader. Files: `webhook.tlsCert` and `.tlsKey`, read again when they change. */
      source: z.enum(['Managed', 'Files']).default('Managed'),
      secret: dnsName.default('pratique-webhook-tls'),
      /** Names and addresses by which the API server calls, e.g. `pratique-webhook.pratique.svc`. */
      hosts: z.array(z.string().min(1).max(253)).max(32).default([]),
      /** Of a serving certificate: short, because nobody has to do anything when it is renewed. Renewed at two thirds. */
      lifetimeMs: z
        .int()
        .min(60_000)
        .default(90 * DAY_MS),
      authorityLifetimeMs: z
        .int()
        .min(120_000)
        .default(2 * 365 * DAY_MS),
    })
    .prefault({}),
  audit: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** What runs is judged again this often even if nothing changed. */
      everyMs: milliseconds.default(600_000),
      /** Images judged per second and registry: an audit must not use up the budget of admissions. */
      perRegistryPerSecond: z.number().min(0.1).max(1_000).default(5),
      /** Write OpenReports objects where that API is installed. */
      reports: z.boolean().default(true),
    })
    .prefault({}),
  selfTest: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Where dry-run canaries are created; it must not be exempt from the webhook. */
      namespace: dnsName.default('default'),
      everyMs: milliseconds.default(60_000),
    })
    .prefault({}),
});

/** The whole configuration as a value, with every default filled in. Durations in milliseconds, sizes in bytes. */
export type Settings = z.output<typeof schema>;
/** The configuration as it may be written: everything is optional. */
export type SettingsInput = z.input<typeof schema>;

/** Reads settings and lists all problems by path (`registries.insecure[0]`); an unknown key is a problem. */
export function parseSettings(input: unknown): Parsed<Settings> {
  const read = schema.safeParse(input);
  if (read.success) return parsed(read.data);
  return {
    ok: false,
    problems: read.error.issues.map((issue) => ({
      path: issue.path
        .map((part) => (typeof part === 'number' ? `[${String(part)}]` : `.${String(part)}`))
        .join('')
        .slice(1),
      message: issue.message,
    })),
  };
}
