import type { Dispatcher } from 'undici';
import { firstOwner, ownerName } from '../../core/model/index.ts';
import type { ImageRef, JobOutcome, REGISTRY_JOBS, Turn } from '../../core/model/index.ts';
import type { Endpoint } from './endpoint.ts';

/** What a request is for, in one word: the `operation` of a count. */
export type Operation = Read | Write;
type Read = 'manifest' | 'tag' | 'referrers' | 'blob' | 'tags' | 'token' | 'download';
type Write = 'upload' | 'mount' | 'push' | 'delete';

/** What a login must be good for in the repository of a call. */
export type Access = 'pull' | 'push' | 'delete';

export type Parsers = typeof REGISTRY_JOBS;

/** Parses on another thread; never rejects. */
export type ParseElsewhere = <K extends keyof Parsers>(
  kind: K,
  input: Parameters<Parsers[K]>[0],
  weight: { readonly bytes: number; readonly owner: string },
) => Promise<JobOutcome<ReturnType<Parsers[K]>>>;

/** One question to a registry, from the caller's signal to the words of a Fault; may take several requests. */
export interface Call {
  readonly operation: Operation;
  /** For people: a verb with its object, e.g. `read manifest of registry.example.com/shop/web:1.4`. */
  readonly doing: string;
  readonly endpoint: Endpoint;
  readonly repository: string;
  /** Which side of a copy it belongs to, for Faults. */
  readonly side: 'source' | 'target';
  readonly access: Access;
  /** Another repository that is read from, by a mount. */
  readonly alsoPulls?: string;
  /** Why a login that there is is not used for it, in a clause; absent = none is withheld. */
  readonly withheld?: string | undefined;
  /** The registry for which the one of the call is a mirror (`ns`, as containerd names it to mirrors); absent = it is none. */
  readonly mirrorOf?: string;
  /** That it lists no referrers is a Fault: another registry may. */
  readonly mustList?: boolean;
  /** No admission waits for it: no limit on the time of a whole request, only on silence, and pauses are waited out. */
  readonly patient: boolean;
  /** The caller's deadline. */
  readonly signal: AbortSignal;
  /** For whom it waits for its turn; absent = for no namespace. */
  readonly turn?: Turn;
  /** Called for each request that the call sends; must not throw. */
  readonly onRequest?: () => void;
  readonly transport: Transport;
  /** Waits until so many bytes of an answer may be in memory; they may be until the call ends. Absent = without limit. */
  readonly hold?: (bytes: number) => Promise<void>;
  /** Parses large answers beside this thread; absent = they are parsed here. */
  readonly parseElsewhere?: ParseElsewhere | undefined;
  /** Whether anyone may be sent to the host of an address: it is public, or an administrator named it. Absent = to none. */
  readonly isForAll?: (place: URL) => Promise<boolean>;
}

export type Begin = (operation: Operation, doing: string, ref: ImageRef, signal: AbortSignal) => Call;

/** Sends a request with all that HTTP asks of a client: login, redirects, one retry. Any final status is an answer. */
export type Transport = (call: Call, ask: Ask) => Promise<Answer>;

/** A request, addressed to the registry of the call. */
export interface Ask {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** On the registry's own origin; elsewhere no login is sent along. */
  readonly url: URL;
  /** The host name, as in `url`, of what sends us there; absent = the registry of the call. */
  readonly sender?: string;
  /** A stranger named the address: no login is sent, and every host on the way is public. */
  readonly isForeign?: true;
  readonly headers?: Readonly<Record<string, string>>;
  /** A status of redirects that is an answer here, and is not followed. */
  readonly isAnswer?: number;
  /** Where the registry sends us to a host to which anyone may be sent, that is the answer (`passedOn`), and it is not followed. */
  readonly passesOn?: true;
  readonly body?: string | Uint8Array | StreamBody;
}

/** A body that is made while it is sent: never held whole, and made anew each time it is asked for. */
export interface StreamBody {
  /** Bytes; no more and no fewer come. */
  readonly length: number;
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** One HTTP response, its body not yet read: every answer is read to its end, discarded or dropped. */
export interface Answer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly body: Dispatcher.ResponseData['body'];
  /** Where it came from, after any redirects. */
  readonly url: URL;
  /** Where the registry sends the caller; the body is discarded. */
  readonly passedOn?: URL;
}

/** The name under which the share of a call's first owner is counted. */
export function ownerIn({ turn }: Call): string {
  const owner = turn && firstOwner(turn);
  return owner ? ownerName(owner) : '';
}

export function send(call: Call, ask: Ask): Promise<Answer> {
  return call.transport(call, ask);
}

/** An address in the repository of a call, e.g. `tags/list`. */
export function urlIn(call: Call, path: string): URL {
  return askedOf(call, new URL(`/v2/${call.repository}/${path}`, call.endpoint.origin));
}

/** The same address; a mirror is asked for it with the name of the registry that it stands for. */
export function askedOf({ mirrorOf }: Call, url: URL): URL {
  if (mirrorOf !== undefined) url.searchParams.set('ns', mirrorOf);
  return url;
}

/** What is asked of a login; operations that are not listed read. */
const ACCESS: Partial<Record<Operation, Access>> = {
  upload: 'push',
  mount: 'push',
  push: 'push',
  delete: 'delete',
};

/** What an operation means for a call of it: writes are the target's, reads those of the `side` that is read. */
export function accessOf(
  operation: Operation,
  side: Call['side'],
): Pick<Call, 'operation' | 'side' | 'access' | 'patient'> {
  const access = ACCESS[operation] ?? 'pull';
  const writes = access !== 'pull';
  return { operation, access, side: writes ? 'target' : side, patient: writes || operation === 'download' };
}
