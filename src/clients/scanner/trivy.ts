import { join } from 'node:path';
import pLimit from 'p-limit';
import { explainFailure, Fault, nameOf, parseReference } from '../../core/model/index.ts';
import type { Keychain } from '../../core/evidence/index.ts';
import type {
  ReportReader,
  Scanner,
  ScanOutput,
  ScanReport,
  ScanSubject,
} from '../../core/promotion/index.ts';
import {
  askServer,
  askTrivy,
  callTrivy,
  deadline,
  failed,
  inPrivateFolder,
  type About,
  type TrivyCall,
} from './call.ts';
import {
  type CommandLine,
  type Database,
  type Environment,
  imageArguments,
  sbomArguments,
  secretsIn,
  secretsOf,
  trivyEnvironment,
  updateArguments,
  versionArguments,
  writeLogins,
  withoutClouds,
  writePrivate,
} from './command-line.ts';
import { createReach, Unreachable, type Reach, type ReachOptions } from '../http/index.ts';
import { unlessAborted } from '../io/index.ts';

export interface TrivyOptions extends Omit<CommandLine, 'caFile'> {
  /** The program: a path, or a name found by the `PATH` of `environment`. */
  readonly command: string;
  /** Most processes at a time: each uses a core and, for a large image, a few hundred megabytes. */
  readonly parallel: number;
  readonly environment: Environment;
  /** Finds logins of registries. */
  readonly keychain: Keychain;
  /** Registries (host and port as in image names) spoken to over http. */
  readonly insecureHosts?: readonly string[];
  /** PEM of certificate authorities to trust besides those of the system. */
  readonly ca?: string;
  /** Where a server that a promotion names may be; absent = by the rules that need no settings. */
  readonly reach?: ReachOptions;
  /** Reads the report that it prints, large ones beside the main thread. */
  readonly readReport: ReportReader;
  readonly now: () => Date;
}

/** What a promotion may set for its scans; how the databases are kept is not among it. */
type Overrides = Partial<Pick<TrivyOptions, 'keychain' | 'serverUrl' | 'insecureHosts' | 'ca'>> & {
  /** Whether the logins of clouds in our environment may be used; absent = they may. */
  readonly ownLogins?: boolean;
};

/** Trivy, with the controller's own logins and with others. */
export interface Trivy {
  readonly scan: Scanner;
  /** The same, in the same turn of processes and on the same databases, with what a promotion sets. */
  as(other: Overrides): Scanner;
}

/**
 * Makes a Trivy. It holds nothing open between scans. A scan throws a Fault `ScannerFailed` when Trivy is missing, fails,
 * crashes, hangs, prints no report or too much, or when its server does not answer; `DeadlineExceeded` when the signal ends it.
 * What the keychain throws passes through.
 */
export function createTrivy(options: TrivyOptions): Trivy {
  const limit = pLimit(options.parallel);
  const [vulnerabilities, java] = [createUpdates(options, 'vulnerabilities'), createUpdates(options, 'java')];
  const updates = { vulnerabilities, java };
  const reach = createReach(options.reach ?? { now: options.now });
  const as =
    (other: Overrides): Scanner =>
    (subject, signal) => {
      const operation = operationOf(subject);
      const job = limit(async () => {
        if (signal.aborted) throw deadline(operation);
        if (isForeign(options, other)) await judgeServer(reach, operation, other.serverUrl);
        return inPrivateFolder(operation, (folder) =>
          scan(optionsFor(options, other), { operation, subject, folder, updates, signal }),
        );
      });
      return unlessAborted(job, signal, () => deadline(operation));
    };
  return { as, scan: as({}) };
}

/**
 * The token is for the server of the settings: another server never receives it. The logins of clouds are this installation's: for
 * an image that is read with another login, or with none, Trivy does not get them.
 */
function optionsFor(options: TrivyOptions, { ownLogins = true, ...other }: Overrides): TrivyOptions {
  const environment = ownLogins ? options.environment : withoutClouds(options.environment);
  const withheld = { TRIVY_TOKEN: undefined, TRIVY_TOKEN_HEADER: undefined };
  return {
    ...options,
    ...other,
    environment: { ...environment, ...(isForeign(options, other) && withheld) },
  };
}

type WithServer = Pick<TrivyOptions, 'serverUrl'>;

function isForeign(options: WithServer, other: WithServer): other is Required<WithServer> {
  return other.serverUrl !== undefined && other.serverUrl !== options.serverUrl;
}

/** A server that a promotion names must not be an internal service, which would receive what is scanned. */
async function judgeServer(reach: Reach, operation: string, serverUrl: string): Promise<void> {
  const url = new URL(serverUrl);
  await reach.named(url.hostname, reach.proxies?.of(url) !== undefined).catch((error: unknown) => {
    if (error instanceof Unreachable) throw failed(operation, error.message, { transient: false });
    // What DNS cannot answer now is for the scanner to meet.
  });
}

interface Job {
  readonly operation: string;
  readonly subject: ScanSubject;
  readonly folder: string;
  readonly updates: Readonly<Record<Database, () => Promise<void>>>;
  readonly signal: AbortSignal;
}

type Calling = Omit<TrivyCall, 'args'>;
type Line = TrivyOptions & CommandLine;

async function scan(options: TrivyOptions, job: Job): Promise<ScanOutput> {
  const { operation, subject, folder } = job;
  const { now } = options;
  const calling = callingOf(options, job);
  const line = { ...options, caFile: await caFileOf(options, folder) };
  const about = await learnAbout(line, calling, job.updates);
  const startedAt = now();
  const printed = await callTrivy(
    subject.kind === 'sbom'
      ? { ...calling, args: sbomArguments(line, await writePrivate(join(folder, 'sbom.json'), subject.sbom)) }
      : await imageCall(line, calling, subject),
  );
  const finishedAt = now();
  const read = await reportIn(printed, operation, options);
  const { version, ...database } = about;
  return { ...read, scanner: { name: 'trivy', version }, ...database, startedAt, finishedAt };
}

async function reportIn(
  printed: Uint8Array,
  operation: string,
  { command, readReport }: Pick<TrivyOptions, 'command' | 'readReport'>,
): Promise<ScanReport> {
  const outcome = await readReport(printed, operation);
  if (!outcome.ok) {
    const what = `read a report of ${printed.byteLength} bytes by ${command}`;
    const { code, detail, transient } = explainFailure(outcome.failure, what);
    throw new Fault({ code, operation, side: 'scanner', transient, detail });
  }
  if (outcome.value.ok) return outcome.value.value;
  const [why] = outcome.value.problems;
  throw failed(operation, `${command} ${why?.message ?? 'printed no report'}`, { transient: false });
}

/** Of the one that judges: the server, or this Trivy after its database was updated. */
async function learnAbout(line: Line, calling: Calling, updates: Job['updates']): Promise<About> {
  const { serverUrl, ca = '', offline, reach } = line;
  const { operation, command } = calling;
  // What a jar is, is looked up here also when a server judges.
  if (!offline && line.databases?.java !== undefined) await updates.java();
  if (serverUrl !== undefined) return askServer({ ...calling, serverUrl, ca, reach });
  if (!offline) await updates.vulnerabilities();
  const about = await askTrivy({ ...calling, args: versionArguments(line) });
  if (about?.databaseUpdatedAt !== undefined) return about;
  const lacks = about === undefined ? 'does not say its version as Trivy does' : 'has no database';
  throw failed(operation, `${command} ${lacks}`, { transient: false });
}

async function imageCall(
  line: Line,
  calling: Calling,
  { image }: Extract<ScanSubject, { kind: 'image' }>,
): Promise<TrivyCall> {
  const login = await line.keychain(image, calling.signal);
  const folder = await writeLogins(calling.folder, image.registry, login);
  const insecure = (line.insecureHosts ?? []).includes(image.registry);
  return {
    ...calling,
    args: imageArguments(line, image, insecure),
    environment: { ...calling.environment, DOCKER_CONFIG: folder },
    secrets: [...calling.secrets, ...secretsOf(login)],
  };
}

/** What is done to a database, in words. */
const UPDATES: Readonly<Record<Database, string>> = {
  vulnerabilities: 'update the vulnerability database',
  java: 'update the database of Java libraries',
};

/**
 * One update of a database at a time: later callers wait for the same one. It belongs to no caller, so that one
 * who leaves does not end it, and is made with Pratique's own logins and authorities: all scans depend on it.
 */
function createUpdates(options: TrivyOptions, database: Database): () => Promise<void> {
  const operation = UPDATES[database];
  const insecure = isInsecure(options, database);
  const { signal } = new AbortController();
  const update = (): Promise<void> =>
    inPrivateFolder(operation, async (folder) => {
      const line = { ...options, caFile: await caFileOf(options, folder) };
      const calling = callingOf(options, { operation, folder, signal });
      await callTrivy({ ...calling, args: updateArguments(line, database, insecure) });
    });
  let running: Promise<void> | undefined;
  return async () => {
    running ??= update().finally(() => (running = undefined));
    await running;
  };
}

function isInsecure({ databases, insecureHosts = [] }: TrivyOptions, database: Database): boolean {
  const read = parseReference(databases?.[database] ?? '');
  return read.ok && insecureHosts.includes(read.value.registry);
}

function callingOf(
  { command, timeoutMs, environment }: TrivyOptions,
  rest: Pick<Calling, 'operation' | 'folder' | 'signal'>,
): Calling {
  return {
    ...rest,
    command,
    timeoutMs,
    environment: trivyEnvironment(environment, rest.folder),
    secrets: secretsIn(environment),
  };
}

async function caFileOf({ ca = '' }: TrivyOptions, folder: string): Promise<string | undefined> {
  return ca === '' ? undefined : writePrivate(join(folder, 'ca.pem'), ca);
}

function operationOf(subject: ScanSubject): string {
  return subject.kind === 'sbom' ? 'scan an SBOM' : `scan ${nameOf(subject.image)}@${subject.image.digest}`;
}
