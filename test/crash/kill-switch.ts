// Counts the requests of one process by their kind, and kills the process at one of them.
import type { ApiRequest, Intercept as ApiIntercept } from '../support/api-server/http.ts';
import type { Hangup, Intercept, RegistryRequest, Reply } from '../support/registry/index.ts';

/** When a process is killed: before the registry has the request, behind the registry's work but before its answer, or half-way. */
export type Moment = 'before' | 'after' | 'inside';

/** One point of a run at which its process is killed. */
export interface Boundary {
  /** Where the request goes, its method and what it is about. */
  readonly kind: string;
  /** Requests of this kind before it. */
  readonly ordinal: number;
  readonly moment: Moment;
}

/** Kills the process at once; resolves when it is gone. */
type Kill = () => Promise<unknown>;

/** Stands before the registries and the API server of one run. */
export interface KillSwitch {
  /** For the registry of this name. */
  readonly registry: (name: string) => Intercept;
  /** For the API server. */
  readonly api: ApiIntercept;
  /** Counts from zero, and kills at this boundary; `undefined` = only counts. */
  readonly arm: (boundary: Boundary | undefined, kill: Kill) => void;
  /** Kinds of the requests since then, in the order of arrival. */
  readonly seen: readonly string[];
  /** Whether the process was killed since then. */
  readonly hasKilled: () => boolean;
}

const PATH = /^\/v2\/(.+)\/(manifests|blobs\/uploads|blobs|referrers|tags)\/([^/]*)$/;
const DIGEST = /^sha256[:-][0-9a-f]{64}/;

/** What a request to a registry is about, without what differs from run to run. */
export function kindOf(registry: string, { method, url }: Pick<RegistryRequest, 'method' | 'url'>): string {
  const [, repository = '', part = '', rest = ''] = PATH.exec(url.pathname) ?? [];
  const asked = url.searchParams;
  const way = asked.has('mount') ? '?mount' : asked.has('digest') ? '?digest' : '';
  // A tag counts by its name, cosign's tags by their suffix, the listing of referrers by its form.
  const name = part === 'manifests' ? rest.replace(DIGEST, rest.includes(':') ? 'DIGEST' : 'TAG') : '';
  return `${method} ${registry}/${repository} ${part}${way}${name === '' ? '' : ` ${name}`}`;
}

/** Makes a switch that counts, and kills nothing. */
export function createKillSwitch(): KillSwitch {
  let boundary: Boundary | undefined;
  let kill: Kill = () => Promise.resolve();
  let isDead = false;
  const seen: string[] = [];
  const counts = new Map<string, number>();

  const isHere = (kind: string): boolean => {
    const ordinal = counts.get(kind) ?? 0;
    counts.set(kind, ordinal + 1);
    seen.push(kind);
    return boundary?.kind === kind && boundary.ordinal === ordinal;
  };
  return {
    seen,
    hasKilled: () => isDead,
    arm: (next, how) => {
      [boundary, kill, isDead] = [next, how, false];
      seen.length = 0;
      counts.clear();
    },
    registry: (name) => async (request, handle) => {
      if (isDead) return 'hang up';
      if (!isHere(kindOf(name, request)) || !boundary) return undefined;
      isDead = true;
      return endAt(boundary.moment, { request, handle, kill });
    },
    api: (request) => {
      if (isDead) return 'hang up';
      if (!isHere(apiKindOf(request))) return undefined;
      isDead = true;
      // The signal is sent at once, so that no answer is read.
      void kill();
      return boundary?.moment === 'after' ? undefined : 'silence';
    },
  };
}

function apiKindOf({ method, url, body }: ApiRequest): string {
  const place = url.pathname.replace(/^\/apis?\//, '');
  const ends = method !== 'GET' && body.includes('"completionTime"') ? ' at the end' : '';
  return `${method} api/${place}${ends}`;
}

interface Struck {
  readonly request: RegistryRequest;
  readonly handle: (request: RegistryRequest) => Promise<Reply>;
  readonly kill: Kill;
}

async function endAt(moment: Moment, { request, handle, kill }: Struck): Promise<Reply | Hangup> {
  if (moment === 'after') await handle(request);
  if (moment === 'inside') {
    const half = halfSent(await replyTo(request, handle), kill);
    if (half) return half;
  }
  await kill();
  return 'hang up';
}

/** The answer to a download; of an upload, half of what came is taken into its session first. */
async function replyTo(request: RegistryRequest, handle: Struck['handle']): Promise<Reply | undefined> {
  if (request.method === 'GET') return handle(request);
  const wanted = Math.ceil(Number(request.headers['content-length'] ?? 0) / 2);
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request.pieces) {
    pieces.push(piece);
    size += piece.byteLength;
    if (size >= wanted) break;
  }
  const bytes = Buffer.concat(pieces).subarray(0, wanted);
  await handle({ ...request, method: 'PATCH', body: () => Promise.resolve(bytes) });
  return undefined;
}

function halfSent(reply: Reply | undefined, kill: Kill): Reply | undefined {
  if (!(reply?.body instanceof Uint8Array)) return undefined;
  const bytes = reply.body;
  async function* body(): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(0, Math.ceil(bytes.byteLength / 2));
    await kill();
    throw new Error('the client is gone');
  }
  return {
    ...reply,
    headers: { ...reply.headers, 'content-length': String(bytes.byteLength) },
    body: body(),
  };
}
