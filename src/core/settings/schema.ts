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
/** Beyond a day a timer is a mistake, and past 2^31 milliseconds Node's fire at once. */
const milliseconds = z.int().min(1).max(86_400_000);

const listen = z.string().transform((text, context) => {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match && port <= 65_535) return { host: match[1] ?? match[2] ?? '', port };
  context.addIssue('is not HOST:PORT, e.g. 127.0.0.1:8443, [::1]:8443 or :8443');
  return z.NEVER;
});

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
