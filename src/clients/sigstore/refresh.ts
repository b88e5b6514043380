import { TrustedRoot } from '@sigstore/protobuf-specs';
import { getTrustedRoot } from '@sigstore/tuf';
import { Fault, type Parsed, type TrustRoot } from '../../core/model/index.ts';
import { readTrustRoot } from './trust-root.ts';

export interface RefreshOptions {
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
  const root = await getTrustedRoot({
    cachePath,
    mirrorURL,
    rootPath,
    timeout: timeoutMs,
    retry: { retries },
  }).catch((cause: unknown) => {
    throw new Fault({
      // The message of the library may hold the address, and with it a login: only its code is repeated.
      code: 'UnreadableEvidence',
      operation: 'refresh the sigstore trust root',
      side: 'trust',
      transient: true,
      detail: `TUF failed with ${codeOf(cause)}`,
      cause,
    });
  });
  return readTrustRoot(JSON.stringify(TrustedRoot.toJSON(root)));
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string'
    ? cause.code
    : 'an error';
}
