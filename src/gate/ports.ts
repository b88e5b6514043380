import type { Access } from '../core/evidence/index.ts';
import type { JudgeQuestion } from '../core/evidence/index.ts';
import type { Clock, Descriptor, Fact, ImageRef, JudgedImage } from '../core/model/index.ts';
import type { CompiledPolicy, Labels } from '../core/policy/index.ts';
import type { SideRegistry, SourceRegistry } from '../core/promotion/index.ts';

/** A registry read with the logins of an upstream or of a caller. */
export type UpstreamRegistry = SourceRegistry & Pick<SideRegistry, 'hasBlob' | 'openBlobOrPlace'>;

/** Who pulls, as far as it is proven. */
export interface Caller {
  readonly kind: 'anonymous' | 'token' | 'serviceAccount' | 'login';
  /** For the log: the subject of a token, a service account, the user name of a login. */
  readonly name: string;
  readonly groups: readonly string[];
  /** Names what it shares limits with; absent = with callers of its kind and name. */
  readonly share?: string | undefined;
  /** That of a service account. */
  readonly namespace?: string | undefined;
  /** The caller's own login of the upstream, where it is passed on. */
  readonly login?: { readonly username: string; readonly password: string } | undefined;
}

/** How an upstream is read for a caller. */
export interface Reader {
  readonly registry: UpstreamRegistry;
  /** The same logins, for judging; absent = the installation's own. */
  readonly access?: Access | undefined;
  /** Names the logins without containing them: what is remembered of one answers for no other. */
  readonly scope: string;
}

/** Where names lead. */
export interface Upstream {
  readonly covers: (name: string) => boolean;
  /** Where an image is really read. */
  readonly rewrite: (image: ImageRef) => ImageRef;
  /** A login that a caller shows goes to the registry of this image where the settings let it see logins, and to no other. */
  readonly readerFor: (caller: Caller, asked: ImageRef) => Reader;
}

/** One pull, for the log and the counters. */
export interface PullEvent {
  readonly caller: string;
  readonly callerKind: Caller['kind'];
  /** As it was asked for; empty where the URL names none. */
  readonly image: string;
  readonly kind: string;
  readonly digest?: string | undefined;
  readonly status: number;
  readonly verdict: 'allow' | 'warn' | 'deny' | 'unknown' | 'none';
  /** The first reason code; empty where there is none. */
  readonly reason: string;
  readonly milliseconds: number;
}

/** Blobs that were handed out before, by digest. It knows nothing of who may have them. */
export interface BlobStore {
  /** Whether it is worth opening. */
  readonly has: (blob: Pick<Descriptor, 'digest' | 'size'>, part: Part) => Promise<boolean>;
  /** `undefined` = it is read from the upstream. */
  readonly open: (blob: Pick<Descriptor, 'digest' | 'size'>, part: Part) => Promise<StoredBlob | undefined>;
  /** Hands proven bytes on, and keeps them. */
  readonly keep: (
    blob: Pick<Descriptor, 'digest' | 'size'>,
    bytes: AsyncIterable<Uint8Array>,
  ) => AsyncIterable<Uint8Array>;
}

/** Bytes as they were stored, not proven, and what became of them. */
export interface StoredBlob {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly prove: () => void;
  readonly drop: () => Promise<void>;
}

/** The part of a blob that a client asked for, in bytes; `end` is the first one that it does not want. */
export interface Part {
  readonly start: number;
  readonly end: number;
}

/** What the gate needs from outside. */
export interface GatePorts {
  /** Whether all policies were read: before, only what the settings exempt is handed out. */
  readonly isReady: () => boolean;
  readonly policies: () => readonly CompiledPolicy[];
  /** The labels of a namespace that is proven. */
  readonly namespaceLabels: (namespace: string, signal: AbortSignal) => Promise<Fact<Labels>>;
  readonly judge: (
    question: Omit<JudgeQuestion, 'credentials'> & {
      readonly access?: Access | undefined;
      readonly unmatchedImages: 'Allow' | 'Warn' | 'Deny';
    },
  ) => Promise<readonly JudgedImage[]>;
  readonly upstreams: readonly Upstream[];
  /** Absent = blobs are not kept. */
  readonly store?: BlobStore | undefined;
  readonly clock: Clock;
  readonly onPull: (event: PullEvent) => void;
  readonly report: (error: unknown) => void;
}

/** What the settings say of the gate's verdicts. */
export interface GateRules {
  /** What happens to an image that no policy covers. */
  readonly unjudged: 'Refuse' | 'Warn' | 'Allow';
  /** Verdicts are logged, counted and sent as warnings, and nothing is refused for them. */
  readonly dryRun: boolean;
  /** Images, by digest and the name by which clients ask for them, that are served without a verdict. */
  readonly exempt: readonly string[];
  /** What becomes of a redirect of the upstream for a blob that the caller may have. */
  readonly redirects: 'Follow' | 'Pass';
  /** Whether lists of tags leave out those that are refused. */
  readonly refusedTags: 'Listed' | 'Hidden';
  /** Downloads of one client at a time; more are answered 429. */
  readonly downloadsPerClient: number;
}
