import * as z from 'zod';
import { parseReference } from '../../model/index.ts';
import { address, block, DAY_MS, firstOfItsName, host, milliseconds, noProxyEntry, path } from './parts.ts';
import { hostPattern, proxyUrl, range, serverUrl } from './parts.ts';

/* Where evidence comes from, how long it is remembered, and whose trust roots it is held against. */

/** A server that receives tokens: over TLS, or on this machine. */
const tokenServer = serverUrl.refine(
  (url) =>
    /^https:/i.test(url) ||
    /^http:\/\/(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)(?::\d{1,5})?(?:\/|$)/i.test(url),
  { error: 'is no https address' },
);
/** Registries that get the logins of an identity; absent = those whose names the cloud gives. */
const covered = z.array(host).min(1).max(64).optional();
const text = z.string().min(1).max(2_048).optional();

/** Who this process is in a cloud. What is absent stands in the variables that the cloud sets in pods. */
const identity = z.discriminatedUnion('cloud', [
  z.strictObject({
    cloud: z.literal('AWS'),
    registries: covered,
    /** Where STS is asked; the region of registries whose names have none. Absent = `AWS_REGION`. */
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,40}$/, 'is not a region such as eu-west-1')
      .optional(),
    /** Absent = `AWS_ROLE_ARN`. */
    roleArn: text,
    /** Absent = `AWS_WEB_IDENTITY_TOKEN_FILE`. */
    tokenFile: path.optional(),
    /** In place of AWS's own. */
    endpoints: z.strictObject({ sts: tokenServer.optional(), ecr: tokenServer.optional() }).optional(),
  }),
  z.strictObject({
    cloud: z.literal('Azure'),
    registries: covered,
    /** Absent = `AZURE_CLIENT_ID`. */
    clientId: text,
    /** Absent = `AZURE_TENANT_ID`. */
    tenantId: text,
    /** Absent = `AZURE_FEDERATED_TOKEN_FILE`. */
    tokenFile: path.optional(),
    /** Absent = `AZURE_AUTHORITY_HOST`, else https://login.microsoftonline.com/. */
    authority: tokenServer.optional(),
  }),
  z.strictObject({
    cloud: z.literal('Google'),
    registries: covered,
    /** Configuration of the type `external_account`. Absent = `GOOGLE_APPLICATION_CREDENTIALS`. */
    credentialsFile: path.optional(),
    /** Where there is no such file: ask the metadata server of the node, which is refused otherwise. */
    metadataServer: z.boolean().default(false),
    /** Hosts that the configuration may send tokens to, besides those of googleapis.com. */
    tokenHosts: z.array(host).max(16).default([]),
  }),
]);

const tokenService = z.strictObject({
  registries: z.array(hostPattern).min(1).max(64),
  hosts: z.array(hostPattern).min(1).max(64),
});

/** A host with an optional path, as at the beginning of image names. */
const imagePlace = z
  .string()
  .max(200)
  .refine(
    (text) => /^[^/]*[.:][^/]*(?:\/|$)|^localhost(?:\/|$)/.test(text) && parseReference(`${text}/a/b`).ok,
    {
      error: 'is not a host with an optional path, such as mirror.example.com/docker.io',
    },
  );
/** The same, or `*` for all registries, or all hosts below a domain. */
const imagePrefix = z.union(
  [z.literal('*'), z.string().regex(/^\*(?:\.[a-z0-9-]+)+(?::\d{1,5})?$/), imagePlace],
  {
    error: 'is not a host with an optional path such as docker.io/library, *.example.com or *',
  },
);

const mirror = z
  .strictObject({
    /** Names that begin with it, by whole parts of the path. Of several the longest counts. */
    prefix: imagePrefix,
    /** Tried in this order. */
    endpoints: z
      .array(
        z.strictObject({
          /** What takes the place of the prefix. */
          location: imagePlace,
          /**
           * Whether it has all that its upstream has, as a registry that asks it each time. What it lacks then counts as absent: its
           * listings of referrers and its cosign tags are used.
           */
          complete: z.boolean().default(false),
        }),
      )
      .min(1)
      .max(8),
    /** Whether the registry itself is read where no mirror answers. */
    upstream: z.enum(['Allow', 'Never']).default('Allow'),
  })
  .refine(({ endpoints, upstream }) => upstream === 'Allow' || endpoints.some(({ complete }) => complete), {
    path: ['upstream'],
    message:
      'needs an endpoint that is complete: else nothing reports whether an image has flags and signatures',
  });

export const registries = block({
  /** Hosts spoken to over http. Loopback hosts always are, as with other tools. */
  insecure: z.array(host).default([]),
  /**
   * Hosts, addresses and ranges that may be reached however private they are: `minio.lan`, `minio.lan:9000` (which opens the
   * port, too), `*.lan`, `10.0.0.0/8`. Else registries may not send requests to more private places than they are at.
   */
  allowedAddresses: z.array(address).max(256).default([]),
  /** Ranges of the cluster's pods and services. Registries may not send requests there. The services' is guessed in a pod. */
  clusterRanges: z.array(range).max(64).default([]),
  /** Whether registries may be at private addresses and in the cluster. Allow: many are. */
  privateRegistries: z.enum(['Allow', 'Refuse']).default('Allow'),
  /** Identities of clouds that log in where the Docker config has no login; the first that covers a registry is used. */
  identities: z.array(identity).max(16).default([]),
  /** GitHub's registries beside ghcr.io, each with the API by which images are deleted there; it is sent the token of the registry. */
  githubPackages: z
    .array(z.strictObject({ registry: host, api: tokenServer }))
    .max(16)
    .default([]),
  /**
   * Token services of other domains than their registries': hosts to which the logins of these registries may be sent. Both are hosts
   * with optional port, or all below a domain (`*.example.com`).
   */
  tokenServices: z.array(tokenService).max(64).default([]),
  /** Places that are read before a registry itself, by the beginning of image names. */
  mirrors: z
    .array(mirror)
    .max(64)
    .default([])
    .superRefine(firstOfItsName(({ prefix }) => prefix, 'prefix')),
  /** PEM files with certificate authorities trusted besides the system's. */
  caFiles: z.array(path).default([]),
  /** Requests under way to one registry at a time: enough to hide latency, few enough not to be throttled. */
  concurrencyPerHost: z.int().min(1).max(256).default(16),
  /** Requests of one namespace's admissions that wait for registries, a few hundred images; one more fails at once. */
  waitingPerNamespace: z.int().min(1).max(100_000).default(1_000),
  /** One request to a registry. Below the API server's default webhook timeout, so that a retry may still fit. */
  requestTimeoutMs: milliseconds.default(5_000),
});

/** HTTP proxies on the way to registries, token services, Sigstore, issuers, clouds and the databases of scanners. */
export const proxy = block({
  /** For http; empty = none. Absent = what the variable `HTTP_PROXY` says. */
  http: proxyUrl.optional(),
  /** For https; empty = none. Absent = what the variable `HTTPS_PROXY` says. */
  https: proxyUrl.optional(),
  /**
   * What is reached without a proxy, as in `NO_PROXY`, which counts while this is absent: `corp.example`, `.corp.example`,
   * `registry.corp.example:5000`, `10.0.0.0/8`, `*`. Loopback, the API server and names of the cluster always are.
   */
  noProxy: z.array(noProxyEntry).max(256).optional(),
  /** PEM files with authorities of proxies that speak TLS, trusted besides the system's. */
  caFiles: z.array(path).default([]),
  /** File with the login for the proxies of these settings, as `name:password`. */
  loginFile: path.optional(),
});

export const memory = block({
  /** A new flag or a moved fact is seen this late at most; a refusal never rests on facts older than `absentMs`. */
  foundMs: milliseconds.default(120_000),
  absentMs: milliseconds.default(5_000),
  unknownMs: milliseconds.default(3_000),
  /** Facts of about 25,000 images. */
  maxFacts: z.int().min(1).default(100_000),
  /** 64 MiB: keeps the process below 200 MiB. */
  maxBytes: z.int().min(1).default(67_108_864),
  /** One shared look-up, for all callers that wait for it: the longest timeout a webhook can have. */
  loadTimeoutMs: milliseconds.default(30_000),
});

/** Budgets for what strangers send. Each bounds memory or work; what is over is `LimitExceeded`. */
export const budgets = block({
  /** Bytes of answers of registries, and as many of signatures and statements, that are in memory at a time. */
  bytesInFlight: z.int().min(16_777_216).default(33_554_432),
  /** Bytes that are read of registries for one namespace within a minute: two hundred SBOMs of full size. */
  namespaceBytesPerMinute: z.int().min(1_048_576).default(1_073_741_824),
});

export const trust = block({
  /** Refresh of the public-good Sigstore root over TUF, in the background; absent = the shipped root stays. */
  refresh: z
    .strictObject({
      /** Folder for TUF metadata; it must be writable and outlive restarts. */
      cache: path,
      mirror: z.url().default('https://tuf-repo-cdn.sigstore.dev'),
      /** File with the first TUF root of another mirror; that of the public-good instance is known. */
      root: path.optional(),
      /** TUF timestamps of the public instance live for days; a day late is early enough. */
      everyMs: milliseconds.default(DAY_MS),
    })
    .optional(),
});

export const credentials = block({
  /** Use the pull secrets that pods and service accounts name; needs the right to read Secrets everywhere. */
  pullSecrets: z.boolean().default(true),
  /** A changed secret counts this late at most. */
  rememberMs: milliseconds.default(10_000),
});
