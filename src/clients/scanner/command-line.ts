import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RegistryLogin } from '../../core/evidence/index.ts';
import { nameOf, type PinnedRef } from '../../core/model/index.ts';

/** What all command lines of one Trivy have in common. */
export interface CommandLine {
  /** URL of a Trivy server that judges; absent = this Trivy judges by its own database. */
  readonly serverUrl?: string;
  /** Where its database lies; absent = Trivy's own place below the home folder. */
  readonly cacheDirectory?: string;
  /** Send requests to the registry of the image only: another process keeps the database up to date. */
  readonly offline: boolean;
  /** Milliseconds for one run of Trivy; then it is killed with all it started. */
  readonly timeoutMs: number;
  /** File with authorities to trust besides those of the system. */
  readonly caFile?: string;
  readonly databases?: Databases;
}

/** Where databases are downloaded from, as references of OCI artifacts; absent = Trivy's own default. */
interface Databases {
  readonly vulnerabilities?: string;
  /** Which libraries a jar is; with a place of its own it is kept like the other one, and not downloaded in the middle of a scan. */
  readonly java?: string;
}

export type Database = keyof Databases;

/** How Trivy calls what is done to each database. */
const WORDS: Readonly<Record<Database, { readonly download: string; readonly repository: string }>> = {
  vulnerabilities: { download: '--download-db-only', repository: '--db-repository' },
  java: { download: '--download-java-db-only', repository: '--java-db-repository' },
};

/** Trivy's arguments to update a database that is old enough; `insecure` as for {@link ImageArguments}. */
export function updateArguments(line: CommandLine, database: Database, insecure: boolean): readonly string[] {
  const { download, repository } = WORDS[database];
  const place = line.databases?.[database];
  return [
    'image',
    ...everywhere(line),
    '--no-progress',
    download,
    ...(place === undefined ? [] : [repository, place]),
    ...(insecure ? ['--insecure'] : []),
  ];
}

/** Trivy's arguments to print its version and the age of its database. */
export function versionArguments({ cacheDirectory }: Pick<CommandLine, 'cacheDirectory'>): readonly string[] {
  return ['version', '--format', 'json', ...cacheIn(cacheDirectory)];
}

/**
 * Trivy's arguments to scan an image by its digest, in its registry and nowhere else. `insecure`: plain http, or https without a
 * check of the certificate, for which Trivy has one flag.
 */
export function imageArguments(line: CommandLine, image: PinnedRef, insecure: boolean): string[] {
  return [
    'image',
    ...scanning(line),
    // Not what a container engine on this machine has under that name.
    '--image-src',
    'remote',
    ...(insecure ? ['--insecure'] : []),
    '--',
    `${nameOf(image)}@${image.digest}`,
  ];
}

export function sbomArguments(line: CommandLine, file: string): string[] {
  return ['sbom', ...scanning(line), '--', file];
}

function scanning(line: CommandLine): readonly string[] {
  return [
    ...everywhere(line),
    '--format',
    'json',
    '--scanners',
    'vuln',
    '--no-progress',
    '--list-all-pkgs=false',
    ...(line.offline || line.databases?.java !== undefined ? ['--skip-java-db-update'] : []),
    ...(line.offline ? ['--offline-scan'] : []),
    ...(line.serverUrl === undefined
      ? // The database was updated before, so that its age is known. Layers are remembered in memory: the cache on disk is
        // locked by the first scan.
        ['--skip-db-update', '--cache-backend', 'memory']
      : ['--server', line.serverUrl]),
  ];
}

function everywhere({ cacheDirectory, timeoutMs, caFile }: CommandLine): readonly string[] {
  return [
    ...cacheIn(cacheDirectory),
    // Of Trivy's own: it ends in time also if we are killed and can no longer end it.
    '--timeout',
    `${timeoutMs}ms`,
    '--skip-version-check',
    '--disable-telemetry',
    ...(caFile === undefined ? [] : ['--cacert', caFile]),
  ];
}

function cacheIn(cacheDirectory: string | undefined): readonly string[] {
  return cacheDirectory === undefined ? [] : ['--cache-dir', cacheDirectory];
}

/** The environment of a process, as it is read once at the start. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What Trivy is given of our environment: where it finds programs, its home, proxies, authorities, the logins of clouds, and
 * where it gets its databases. Everything else stays here, above all Trivy's own variables by which a finding can be made to
 * vanish (`TRIVY_SEVERITY`, `TRIVY_IGNORE_UNFIXED`, `TRIVY_IGNOREFILE`, …): only the promotion decides what counts.
 */
const PASSED: ReadonlySet<string> = new Set([
  ...['PATH', 'HOME', 'XDG_CACHE_HOME', 'DOCKER_CONFIG', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
  ...['TRIVY_DB_REPOSITORY', 'TRIVY_JAVA_DB_REPOSITORY', 'TRIVY_TOKEN', 'TRIVY_TOKEN_HEADER'],
]);
const CLOUD_PREFIXES = ['AWS_', 'AZURE_', 'GOOGLE_'];

/** An environment without the logins of clouds, and in which the metadata service of AWS is not asked for one. */
export function withoutClouds(environment: Environment): Environment {
  const rest = Object.entries(environment).filter(([name]) => !isOfCloud(name));
  return { ...Object.fromEntries(rest), AWS_EC2_METADATA_DISABLED: 'true' };
}

function isOfCloud(name: string): boolean {
  return CLOUD_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** The environment that Trivy runs in; its temporary files stay in `folder`. */
export function trivyEnvironment(environment: Environment, folder: string): Record<string, string> {
  const passed = Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && isPassed(name) ? [[name, value] as const] : [],
  );
  return { ...Object.fromEntries(passed), TMPDIR: folder };
}

function isPassed(name: string): boolean {
  return PASSED.has(name) || isOfCloud(name);
}

/** Secrets among what is passed on, so that they can be kept out of messages. */
export function secretsIn(environment: Environment): readonly string[] {
  return Object.entries(environment).flatMap(([name, value = '']) => {
    if (/_proxy$/i.test(name)) return /:\/\/[^/@]*?:([^/@]+)@/.exec(value)?.slice(1) ?? [];
    const isSecret = /TOKEN$|SECRET|PASSWORD|ACCESS_KEY$/.test(name);
    return value !== '' && isPassed(name) && isSecret ? [value] : [];
  });
}

/** The key of Docker Hub in Docker configs, from the days of its first API. */
const DOCKER_HUB_SERVER = 'https://index.docker.io/v1/';

/**
 * Writes a Docker config with this login, or with none, into `folder` and returns its folder, to be named by `DOCKER_CONFIG`.
 * A file, because arguments can be read by every process of the machine, and because unlike `TRIVY_PASSWORD` it names
 * its registry. Also without a login: else Trivy would take those it finds in the home folder.
 */
export async function writeLogins(folder: string, registry: string, login?: RegistryLogin): Promise<string> {
  const place = join(folder, 'docker');
  const key = registry === 'docker.io' ? DOCKER_HUB_SERVER : registry;
  const auths = login === undefined ? {} : { [key]: entryOf(login) };
  await mkdir(place, { mode: 0o700 });
  await writePrivate(join(place, 'config.json'), JSON.stringify({ auths }));
  return place;
}

/** Writes a file that is not there yet and that only this user can read; its path. */
export async function writePrivate(file: string, content: string | Uint8Array): Promise<string> {
  await writeFile(file, content, { mode: 0o600, flag: 'wx' });
  return file;
}

/** What must never be seen of a login. */
export function secretsOf(login: RegistryLogin | undefined): readonly string[] {
  if (login === undefined) return [];
  return login.kind === 'password' ? [login.password, auth(login)] : [login.token];
}

function entryOf(login: RegistryLogin): Readonly<Record<string, string>> {
  if (login.kind === 'password') return { auth: auth(login) };
  return login.kind === 'identity' ? { identitytoken: login.token } : { registrytoken: login.token };
}

function auth({ username, password }: Extract<RegistryLogin, { kind: 'password' }>): string {
  return Buffer.from(`${username}:${password}`, 'utf8').toString('base64');
}
