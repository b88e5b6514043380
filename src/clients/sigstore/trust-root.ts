import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import * as z from 'zod';
import {
  cutText,
  errorCode,
  Fault,
  parsed,
  type Parsed,
  problem,
  type Problem,
  type TrustRoot,
} from '../../core/model/index.ts';
import { parseObjects } from './encodings.ts';
import { parseCertificate } from './verify/certificate.ts';
import { isPublicKey } from './verify/key-signature.ts';
import { toRootMaterial } from './verify/material.ts';

/** Largest trust root in bytes; the public-good one has ten thousand. */
const MAX_ROOT_BYTES = 1024 * 1024;

/** Where the public-good instance serves its metadata: the name of its seed in @sigstore/tuf. */
const PUBLIC_GOOD_MIRROR = 'https://tuf-repo-cdn.sigstore.dev';
const TARGET = 'trusted_root.json';

/**
 * Reads a Sigstore trust root (`trusted_root.json`, v0.1 or v0.2), or several, one on each line: every certificate and key
 * must be readable, and every entry says since when it is valid. All problems at once, each with its path in the JSON. Unknown
 * fields are ignored.
 */
export function readTrustRoot(json: string): Parsed<TrustRoot> {
  if (Buffer.byteLength(json) > MAX_ROOT_BYTES)
    return problem('', `is longer than ${MAX_ROOT_BYTES} bytes, too long for a trust root`);
  const bodies = parseObjects(json);
  if (!bodies) return problem('', 'is not JSON of an object, nor one such object on each line');
  const problems = bodies.flatMap((body, index) =>
    rootProblems(body).map(({ path, message }) => {
      const line = bodies.length > 1 ? `line ${index + 1}` : '';
      return { path: [line, path].filter(Boolean).join('.'), message };
    }),
  );
  if (problems.length > 0) return { ok: false, problems };
  const fingerprint = createHash('sha256').update(json).digest('hex');
  try {
    // Last of all the library has to be able to use it.
    for (const body of bodies) toRootMaterial(TrustedRoot.fromJSON(body), fingerprint);
    return parsed({ json, fingerprint });
  } catch (error) {
    const detail = error instanceof Error ? error.message : 'no reason is given';
    return problem('', `cannot be used as a trust root: ${detail}`);
  }
}

const seeds = z.object({ [PUBLIC_GOOD_MIRROR]: z.object({ targets: z.object({ [TARGET]: z.base64() }) }) });

/** The root of the public-good instance as this version of @sigstore/tuf ships it: read from disk, without the network. */
export function publicGoodRoot(): TrustRoot {
  const file: unknown = createRequire(import.meta.url)('@sigstore/tuf/seeds.json');
  const target = seeds.parse(file)[PUBLIC_GOOD_MIRROR].targets[TARGET];
  const root = readTrustRoot(Buffer.from(target, 'base64').toString());
  if (root.ok) return root.value;
  throw new Error('the public-good trust root of @sigstore/tuf cannot be read');
}

/** The versions of the format that are understood (sigstore protobuf-specs, `TrustedRoot`). */
const MEDIA_TYPES = [
  'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
  'application/vnd.dev.sigstore.trustedroot+json;version=0.2',
  'application/vnd.dev.sigstore.trustedroot.v0.1+json',
  'application/vnd.dev.sigstore.trustedroot.v0.2+json',
] as const;
/** Authorities or logs of one kind; the public-good root has two of each. */
const MAX_OF_A_KIND = 64;
/** Certificates of one authority, from its leaf to its root. */
const MAX_CHAIN = 8;

const certificate = z
  .object({ rawBytes: z.string() })
  .refine(({ rawBytes }) => parseCertificate(Buffer.from(rawBytes, 'base64')) !== undefined, {
    error: 'is not a certificate that can be read',
  });
const date = z.iso.datetime({ offset: true, error: 'is not a date and time' });
const validFor = z.object({ start: date.nullish(), end: date.nullish() }).nullish();
type Validity = z.infer<typeof validFor>;

/** How Go writes a time that was never set; so that no start before 1970 is one. */
const NEVER_SET = '0001-01-01T00:00:00Z';
/** Longest name of an entry in a message, in characters. */
const MAX_NAME_LENGTH = 128;

/**
 * Reports an entry that has no time in which it is trusted. One without a start would be trusted for everything that was made before
 * anyone vouched for it, so that the start is needed here although its format lets it be absent.
 */
function checkValidity(
  validity: Validity,
  name: string,
  path: string[],
  issues: z.core.$ZodRawIssue[],
): void {
  const found = validityProblem(validity?.start ?? NEVER_SET, validity?.end ?? '');
  if (found === undefined) return;
  const [field, what] = found;
  const entry = name === '' ? 'this entry' : `"${cutText(name, MAX_NAME_LENGTH)}"`;
  issues.push({
    code: 'custom',
    input: validity,
    path: [...path, field],
    message: what.replace('%', () => entry),
  });
}

/** The field that is wrong, and how, with `%` for the entry; dates that are none have been reported by then. */
function validityProblem(start: string, end: string): readonly [field: string, what: string] | undefined {
  if (Date.parse(start) < 0) return ['start', 'is missing: % has no start of validity and is not trusted'];
  return Date.parse(end) < Date.parse(start) ? ['end', 'is before the start: % is never valid'] : undefined;
}

const authority = z
  .object({
    uri: z.string().default('').catch(''),
    certChain: z.object({ certificates: z.array(certificate).min(1).max(MAX_CHAIN) }),
    validFor,
  })
  .check(({ value, issues }) => {
    checkValidity(value.validFor, value.uri, ['validFor'], issues);
  });
const key = z
  .object({ rawBytes: z.string(), keyDetails: z.unknown(), validFor })
  .refine(({ rawBytes, keyDetails }) => isPublicKey(Buffer.from(rawBytes, 'base64'), formsOf(keyDetails)), {
    error: 'is not a public key that can be read',
  });
const log = z
  .object({ baseUrl: z.string(), publicKey: key, logId: z.object({ keyId: z.string().min(1) }) })
  .check(({ value, issues }) => {
    checkValidity(value.publicKey.validFor, value.baseUrl, ['publicKey', 'validFor'], issues);
  });

const schema = z
  .object({
    mediaType: z.enum(MEDIA_TYPES, { error: 'is not the media type of a trust root that is understood' }),
    certificateAuthorities: z.array(authority).max(MAX_OF_A_KIND).default([]),
    timestampAuthorities: z.array(authority).max(MAX_OF_A_KIND).default([]),
    tlogs: z.array(log).max(MAX_OF_A_KIND).default([]),
    ctlogs: z.array(log).max(MAX_OF_A_KIND).default([]),
  })
  .refine(
    ({ certificateAuthorities, timestampAuthorities, tlogs }) =>
      certificateAuthorities.length + timestampAuthorities.length + tlogs.length > 0,
    { error: 'names no certificate authority, no transparency log and no timestamp authority' },
  );

/** Everything that is wrong with a trust root, each with its path; fields that are not known here are ignored. */
function rootProblems(body: unknown): readonly Problem[] {
  const read = schema.safeParse(body);
  return read.success ? [] : read.error.issues.map(({ path, message }) => ({ path: pathOf(path), message }));
}

function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}

/** PKCS #1 is what `…_RSA_PKCS1V5` without PKIX stands for; everything else is SubjectPublicKeyInfo. */
function formsOf(details: unknown): readonly ('spki' | 'pkcs1')[] {
  return details === 'PKCS1_RSA_PKCS1V5' ? ['pkcs1'] : ['spki', 'pkcs1'];
}

interface RefreshOptions {
  /** A folder that may be written: what was fetched last is kept there, and checked against on the next refresh. */
  readonly cachePath: string;
  /** Where the metadata is served; default the public-good instance. */
  readonly mirrorURL?: string;
  /** The first root of that mirror, a file; needed for every mirror but the public-good one. */
  readonly rootPath?: string;
  /** Milliseconds for each request; default 10 seconds. */
  readonly timeoutMs?: number;
  /** Further tries of each request; default 2. */
  readonly retries?: number;
}

const TIMEOUT_MS = 10_000;
const RETRIES = 2;

/**
 * Fetches the newest trust root by TUF, from the public-good instance or a mirror. Takes seconds: for start-up and a
 * schedule, never for a request. Throws a `Fault` (side `trust`, transient) when the mirror cannot be reached or its
 * metadata does not follow from the last root; the caller keeps the root that it has.
 */
export async function refreshPublicGoodRoot(options: RefreshOptions): Promise<Parsed<TrustRoot>> {
  const { cachePath, mirrorURL, rootPath, timeoutMs = TIMEOUT_MS, retries = RETRIES } = options;
  const source = { cachePath, mirrorURL, rootPath, timeout: timeoutMs, retry: { retries } };
  // It reads the variables of proxies when it is loaded, and they may come from settings.
  const { getTrustedRoot } = await import('@sigstore/tuf');
  const root = await getTrustedRoot(source).catch((cause: unknown) => {
    throw new Fault({
      // The message of the library may hold the address, and with it a login: only its code is repeated.
      code: 'UnreadableEvidence',
      operation: 'refresh the sigstore trust root',
      side: 'trust',
      transient: true,
      detail: `TUF failed with ${errorCode(cause) || 'an error'}`,
      cause,
    });
  });
  return readTrustRoot(JSON.stringify(TrustedRoot.toJSON(root)));
}
