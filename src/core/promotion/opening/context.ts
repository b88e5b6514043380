import type { DockerConfigText, JudgedReference, JudgeRequest } from '../../evidence/index.ts';
import type { Keychain, PullSecretLogins, RegistrySource } from '../../evidence/index.ts';
import type { Clock, Descriptor, ImageRef, Parsed, Turn } from '../../model/index.ts';
import type { CompiledPolicy, TrustRoots } from '../../policy/index.ts';
import type { ReadSbomElsewhere } from '../gates/sboms.ts';
import type { ArtifactSigner, Scanner, TargetRegistry } from '../ports.ts';
import type { UpdateHistoryElsewhere } from '../records/history-page.ts';
import type { SignSpec } from '../schema.ts';
import type { SelectElsewhere } from '../selection/select.ts';
import type { Granting } from './grants.ts';
import type { IdentityToken } from './secrets.ts';

/**
 * Registries as one set of logins sees them. Every request ends with its `signal` at the latest, and throws a `Fault`:
 * `DeadlineExceeded` then, `RegistryDenied` (401, 403, no login, no right to change), `RegistryRateLimited`,
 * `RegistryUnavailable` (5xx, connection, TLS, time limit of one request), `LimitExceeded` (larger than is read or taken),
 * `UntrustedEndpoint` (redirect, token realm or next page that leads away), `RegistryMisbehaved` (any other wrong answer). A
 * plain 404 is `undefined`. Writes and downloads have no time limit but the signal and a limit on silence, and wait out the
 * pauses that a registry asks for.
 */
export interface SideRegistry extends TargetRegistry {
  /** The same registry. It also calls `onRequest` for each request; that must not throw. */
  watched(onRequest: () => void): SideRegistry;
  /**
   * The names of all its repositories, as far as it shows them to the login for `place`; `undefined` = it has no such list. Few
   * registries have one.
   */
  repositories(place: ImageRef, signal: AbortSignal): Promise<readonly string[] | undefined>;
  /**
   * As `openBlob`; or, where the registry sends the caller elsewhere, that address. It has no login, and its host is public or named
   * by an administrator; other redirects are followed.
   */
  openBlobOrPlace(
    repository: ImageRef,
    blob: Descriptor,
    offset: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array> | URL | undefined>;
  /** What is read of the same registry, where requests wait for a connection in this turn. */
  inTurn(turn: Turn): RegistrySource;
}

/** Explains why a login is not used for an access to a repository; `undefined` = none is withheld. */
export type Withheld = (
  place: Parameters<Keychain>[0],
  access: NonNullable<Parameters<Keychain>[2]>,
) => string | undefined;

/** A registry client with its connections. */
export interface SideClient {
  /**
   * The same connections with these logins. `scope` names the logins: tokens are shared within a scope and never beyond it. `side`
   * is named in the Faults of reads, `source` when not given; those of writes always name the target.
   */
  as(view: {
    readonly scope: string;
    readonly keychain: Keychain;
    /**
     * Logins for reading what the one before may not read, in this order; the last are the installation's own, and then it is tried
     * without a login. Absent = no other is tried.
     */
    readonly fallbacks?: readonly Keychain[];
    readonly side?: 'source' | 'target';
    /** Mirrors are not read, as for every target: what is deleted is judged by the registry that has it. */
    readonly direct?: boolean;
    /** Why a login that there is may not be used for an access, in a clause; a refusal of the registry is a `NotGranted` then. */
    readonly withheld?: Withheld | undefined;
    /** Requests wait for a connection in this turn; absent = none waits for another. */
    readonly turn?: Turn;
  }): SideRegistry;
  /** Whether it speaks http with this registry: one that the settings name, or a loopback host. */
  speaksHttp(registry: string): boolean;
  /** Drops all connections; calls under way fail. */
  close(): Promise<void>;
}

/** Which servers a registry client trusts. */
export interface ServerTrust {
  /** Registries that are spoken to over http. */
  readonly insecureHosts: readonly string[];
  /** PEM of certificate authorities besides those of the system; `''` = none. */
  readonly ca: string;
}

/** URLs of Fulcio, Rekor and a timestamp authority, as a promotion names them. */
type SigstoreServers = Omit<NonNullable<SignSpec['keyless']>, 'identity'>;

/** What promotions are opened with; the same for all of them. */
export interface OpeningContext {
  /** The client that all sides share, unless they trust other servers. */
  readonly registry: SideClient;
  /** The logins of Pratique itself. */
  readonly keychain: Keychain;
  /** Who may use these logins; absent = it is the promotion's own user who runs this process, and may use all of them. */
  readonly granting?: Granting;
  readonly trust: ServerTrust;
  /** Loads what opens folders in the OCI image layout; absent = none is opened: a pod must not read or write the disk that it has. */
  readonly layouts?: () => Promise<{
    readonly createLayouts: (of: {
      readonly side: 'source' | 'target';
      /** The path of the folder of a reference; `undefined` = it is of no folder, and nothing is known of it. */
      readonly folderOf: (ref: ImageRef) => string | undefined;
    }) => SideRegistry;
  }>;
  /** Makes a client without logins for a side that trusts other servers. */
  readonly openClient: (trust: ServerTrust) => SideClient;
  readonly pullSecretLogins: (configs: readonly DockerConfigText[]) => PullSecretLogins;
  /** Pull secrets of a ServiceAccount; absent = there is no cluster to read them from. */
  readonly accountSecrets?: (
    account: { readonly namespace: string; readonly name: string },
    signal: AbortSignal,
  ) => Promise<Parsed<readonly DockerConfigText[]>>;
  /** Reads a private key in PEM, encrypted or not. Problems have the path `pem` or `password`. */
  readonly openKeySigner: (key: {
    readonly pem: string;
    readonly password?: string;
  }) => Promise<Parsed<ArtifactSigner>>;
  /** Problems have the path of the URL or the token that cannot be used. */
  readonly openKeylessSigner: (
    given: SigstoreServers & { readonly identityToken: string },
  ) => Parsed<ArtifactSigner>;
  /** Reads a file with an identity token. */
  readonly readToken: (file: string) => Promise<Parsed<string>>;
  /** Identity tokens that the settings lend, by name. */
  readonly identityTokens: Readonly<Record<string, IdentityToken>>;
  /**
   * The scanner with the logins of a side; `serverUrl` = the scanner server that the promotion names; `ownLogins` = the logins of
   * clouds that this process has may be used, too.
   */
  readonly scanner: (
    side: ServerTrust & {
      readonly keychain: Keychain;
      readonly ownLogins: boolean;
      readonly serverUrl?: string;
    },
  ) => Scanner;
  /** Reads SBOMs beside the main thread; absent = they are read on it. */
  readonly readSbomElsewhere?: ReadSbomElsewhere | undefined;
  /** Selects tags beside the main thread; absent = on it. */
  readonly selectElsewhere?: SelectElsewhere | undefined;
  /** Reads and writes large histories beside the main thread; absent = on it. */
  readonly updateHistoryElsewhere?: UpdateHistoryElsewhere | undefined;
  readonly judge: (
    image: ImageRef,
    question: Omit<JudgeRequest, 'images' | 'unmatchedImages'>,
  ) => Promise<JudgedReference>;
  /** Policies as they are in force now, these among them if they are there. Throws a `Fault` when they cannot be read. */
  readonly policies: (names: readonly string[], signal: AbortSignal) => Promise<readonly CompiledPolicy[]>;
  readonly roots: TrustRoots;
  /** Images at targets that are judged again in one second, for one promotion. */
  readonly rejudgePerSecond: number;
  readonly clock: Clock;
  /** Milliseconds since some moment, never going back. */
  readonly now: () => number;
  /** Resolves after so many milliseconds; rejects when the signal fires. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Receives every failure that is a bug. */
  readonly report: (error: unknown) => void;
}
