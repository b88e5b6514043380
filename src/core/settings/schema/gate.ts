import * as z from 'zod';
import { isPinned, parseReference } from '../../model/index.ts';
import { issuer, listen, milliseconds, namespacedName, path, range, serverUrl } from './parts.ts';

/* The gate: who may pull through it, from where, and what becomes of what no policy covers. */

const PREFIX = /^[a-z0-9.:[\]-]+(?:\/(?:\{registry\}|[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*))*$/;

const upstream = z.strictObject({
  /** Globs of image names, as clients ask for them. */
  match: z.array(z.string().min(1).max(255)).min(1).max(64),
  /**
   * Where they are really read: a host, or a host with the path that stands before their repository, in which `{registry}` is the
   * host that was asked for. Absent = as they are named.
   */
  registry: z
    .string()
    .max(255)
    .regex(PREFIX, 'is not a registry such as registry.example.com/golden')
    .optional(),
  /** File with the Docker config whose logins are used there, each that fits in turn; absent = the installation's own. */
  loginFile: path.optional(),
  /**
   * Whether it gets the logins of callers, with `callers.passthrough`; absent = where all upstreams lead to one registry. Elsewhere
   * a caller with such a login is one without.
   */
  passthrough: z.boolean().optional(),
});

const trusted = z.strictObject({
  /** Where its keys are found by OpenID Connect Discovery; https, but for loopback. */
  issuer,
  audience: z.string().min(1).max(1_024),
  /** Claims that a token must have, with exactly these values. */
  claims: z.record(z.string().min(1).max(256), z.string().max(1_024)).default({}),
  /** Groups of every caller with such a token. */
  groups: z.array(z.string().min(1).max(256)).max(32).default([]),
  /** The claim that lists groups; absent = none does. Names that begin with `system:` are left out. */
  groupsClaim: z.string().min(1).max(256).optional(),
});

const callers = z.strictObject({
  /** Whether anyone may pull without a login, what the policies admit. */
  anonymous: z.boolean().default(false),
  /** Identity tokens of CI jobs and people: as a bearer token, or as the password of a login. */
  oidc: z.array(trusted).max(32).default([]),
  /** Whether tokens of service accounts count; their namespace is then known. In a cluster only. */
  serviceAccounts: z.boolean().default(false),
  /** Whether a login is passed on to the upstream, which decides: one that may have it. */
  passthrough: z.boolean().default(false),
});

const onMissing = z.strictObject({
  /** The ImagePromotion that brings it: `name`, in the namespace of the installation, or `namespace/name`. */
  request: namespacedName,
  /** Whether callers without a login may ask, and read where it is. */
  anonymous: z.boolean().default(true),
});

export const gate = z.strictObject({
  listen: listen.prefault(':8444'),
  tlsCert: path.optional(),
  tlsKey: path.optional(),
  /** How clients reach it, for the address of tokens; absent = as they write it. */
  publicUrl: serverUrl.optional(),
  /** First match. A name that none covers is unknown: the gate connects nowhere else. */
  upstreams: z.array(upstream).min(1).max(64),
  /** Absent = everyone is anonymous. */
  callers: callers.prefault({ anonymous: true }),
  /** File with the secret of the gate's tokens, the same for all replicas; absent = one that ends with the process. */
  tokenSecretFile: path.optional(),
  /** What happens to images that no policy covers. */
  unjudged: z.enum(['Refuse', 'Warn', 'Allow']).default('Refuse'),
  /** What happens to images that are not there: an answer that says so, or a request for a promotion. */
  onMissing: z
    .union([z.literal('Refuse'), onMissing], {
      error: 'is neither Refuse nor { request: <name of an ImagePromotion>, anonymous: true or false }',
    })
    .default('Refuse'),
  /** Verdicts are logged, counted and sent as warnings, and refuse nothing. */
  dryRun: z.boolean().default(false),
  /**
   * Images, by digest, that are served whatever policies say and whether or not they can be judged: what a cluster needs to start
   * again from nothing, the image of the gate among it. As clients ask for them.
   */
  exempt: z
    .array(
      z
        .string()
        .max(500)
        .refine((text) => {
          const image = parseReference(text);
          return image.ok && isPinned(image.value);
        }, 'is not an image with a digest such as registry.example.com/pratique@sha256:…'),
    )
    .max(256)
    .default([]),
  /** Whether lists of tags leave out those that are refused; then each tag of a page is judged. */
  refusedTags: z.enum(['Listed', 'Hidden']).default('Listed'),
  /**
   * What becomes of a redirect of an upstream for a blob. `Follow`: the gate reads it there, and proves its digest on the way. `Pass`:
   * the client is sent there (307) where the host is public or one of `registries.allowedAddresses`, and proves the digest itself.
   */
  redirects: z.enum(['Follow', 'Pass']).default('Follow'),
  /** Downloads from one host at a time; more wait. Each takes some hundred KiB, however large the blob is and however slow the client. */
  downloadsPerHost: z.int().min(1).max(2_048).default(512),
  /**
   * Downloads of one client at a time; more are answered 429. A client is a proven caller, else an IPv4 address or a /64 of IPv6. Half
   * of those of a host: no client takes all of them.
   */
  downloadsPerClient: z.int().min(1).max(2_048).default(256),
  /** Addresses of proxies whose `X-Forwarded-For` names the client. */
  trustedProxies: z.array(range).max(64).default([]),
  /**
   * Blobs that were handed out are kept in this folder, and read from it for those who may have them. Other processes may share it.
   * Absent = none is kept.
   */
  cache: z
    .strictObject({
      folder: path,
      /** Of all blobs in it, about; those not used for longest make room. */
      maxBytes: z.int().min(1_048_576),
    })
    .optional(),
  /** How long downloads get to end after the process was asked to stop. */
  drainMs: milliseconds.default(300_000),
});
