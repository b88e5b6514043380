import { InvalidArgumentError, Option, type Command } from 'commander';
import { failed, isObject, parsed, problem, type Parsed } from '../core/model/index.ts';
import { DURATION_PATTERN, durationMs, type FolderPolicies } from '../core/policy/index.ts';
import { parseSettings, type Settings, type SettingsInput } from '../core/settings/index.ts';
import { must } from './exit.ts';
import type { Reading, Tools } from './ports.ts';

/** Options that every command with a registry behind it has. */
export interface RegistryOptions {
  readonly insecureRegistry?: readonly string[];
  readonly registryCa?: readonly string[];
  readonly settings?: string;
}

export interface UnmatchedImages {
  readonly unmatchedImages?: SettingsInput['unmatchedImages'];
}

export const collect = (value: string, all: readonly string[] = []): readonly string[] => [...all, value];

export function withRegistryOptions(command: Command): Command {
  const insecure = 'speak http to this registry (loopback always is); repeatable';
  return command
    .option('--insecure-registry <host>', insecure, collect)
    .option('--registry-ca <file>', 'PEM of certificate authorities to trust as well; repeatable', collect)
    .option('--settings <file>', 'settings as YAML; options win over it');
}

/** Adds `--unmatched-images`, for commands that judge images. */
export function withUnmatchedImages(command: Command): Command {
  const what = 'what happens to images no policy covers (default: Allow)';
  const option = new Option('--unmatched-images <verdict>', what);
  return command.addOption(option.choices(['Allow', 'Warn', 'Deny']));
}

/** Adds `--timeout`; `byDefault` is a duration as a user writes it. */
export function withTimeout(command: Command, what: string, byDefault: string): Command {
  const option = new Option('--timeout <duration>', what).argParser(duration);
  return command.addOption(option.default(duration(byDefault), byDefault));
}

export function withOutput(command: Command): Command {
  const option = new Option('-o, --output <format>', 'how to print').default('text');
  return command.addOption(option.choices(['text', 'json', 'yaml']));
}

/** Longest time a command may be given, in milliseconds: timers of Node end at 24 days, patience much earlier. */
const MAX_DURATION_MS = 86_400_000;

/** A duration such as `30s` as milliseconds. */
export function duration(text: string): number {
  const ms = DURATION_PATTERN.test(text) ? durationMs(text) : 0;
  if (ms >= 1 && ms <= MAX_DURATION_MS) return Math.round(ms);
  throw new InvalidArgumentError('A duration such as 30s or 1m is needed, at most 24h.');
}

export interface Flags {
  readonly webhook?: NonNullable<SettingsInput['webhook']>;
  readonly cluster?: NonNullable<SettingsInput['cluster']>;
}

/** Settings from a file and options; collects all problems with those of `more`. */
export async function settingsFrom(
  options: RegistryOptions & UnmatchedImages,
  { webhook = {}, cluster = {} }: Flags,
  tools: Tools,
): Promise<Parsed<Settings>> {
  const reading = await fileSettings(options.settings, tools);
  if (!reading.ok) return reading;
  const file = reading.value;
  const { insecureRegistry, registryCa, unmatchedImages } = options;
  const settings = parseSettings({
    ...over(file, { unmatchedImages }),
    registries: over(file.registries, { insecure: insecureRegistry, caFiles: registryCa }),
    webhook: over(file.webhook, webhook),
    cluster: over(file.cluster, cluster),
  });
  if (settings.ok) return settings;
  const flags = flagsGiven(options, { webhook, cluster });
  const where = (path: string) =>
    flags.get(path.replace(/\[\d+\]$/, '')) ??
    `${options.settings ?? 'settings'}: ${path}`.replace(/: $/, '');
  const problems = settings.problems.map(({ path, message }) => ({ path: where(path), message }));
  return { ok: false, problems };
}

/** The fields of a block, and over them those that a flag gives a value. */
function over(block: unknown, flags: object): object {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  return { ...(isObject(block) ? block : {}), ...Object.fromEntries(given) };
}

const FLAG_OF = {
  registries: { insecure: '--insecure-registry', caFiles: '--registry-ca' },
  webhook: { listen: '--listen', tlsCert: '--tls-cert', tlsKey: '--tls-key' },
  cluster: { kubeconfig: '--kubeconfig', namespace: '--namespace', name: '--name' },
} as const;

/** Who typed a flag wants to read its name, not that of the setting behind it. */
function flagsGiven(
  { insecureRegistry, registryCa }: RegistryOptions,
  flags: Flags,
): ReadonlyMap<string, string> {
  const given = { ...flags, registries: { insecure: insecureRegistry, caFiles: registryCa } };
  return new Map(
    (['registries', 'webhook', 'cluster'] as const).flatMap((block) =>
      Object.entries(FLAG_OF[block])
        .filter(([key]) => key in over({}, given[block] ?? {}))
        .map(([key, flag]) => [`${block}.${key}`, flag] as const),
    ),
  );
}

async function fileSettings(
  path: string | undefined,
  tools: Tools,
): Promise<Parsed<Readonly<Record<string, unknown>>>> {
  if (path === undefined) return parsed({});
  const { documents, problems } = await tools.readDocuments(path);
  if (problems.length > 0) return { ok: false, problems };
  const [first = { value: {} }, ...more] = documents;
  if (more.length === 0 && isObject(first.value)) return parsed(first.value);
  return problem(path, 'is not one YAML mapping of settings');
}

export function both<A, B>(a: Parsed<A>, b: Parsed<B>): Parsed<readonly [A, B]> {
  return a.ok && b.ok ? parsed([a.value, b.value] as const) : failed([a, b]);
}

/** Standard input ends after one reader; a second would quietly get nothing. */
export function mustReadOnce(paths: readonly (string | undefined)[]): void {
  if (paths.filter((path) => path === '-').length > 1)
    must(problem('-', 'standard input can be read by one option only'));
}

/** Reads and compiles the policies of a folder or file, with documents from elsewhere that they need. */
export async function policiesFrom(
  path: string | undefined,
  tools: Tools,
  also: Reading['documents'] = [],
): Promise<Parsed<FolderPolicies>> {
  if (path === undefined) return problem('--policies', 'is needed: a folder or file with ImagePolicies');
  const { documents, problems } = await tools.readDocuments(path);
  const policies = tools.compilePolicies({ documents: [...documents, ...also], problems });
  // Without any policy, everything would look allowed.
  const isEmpty = documents.length === 0 && problems.length === 0;
  return isEmpty || (policies.ok && policies.value.policies.length === 0)
    ? problem(path, 'holds no ImagePolicy')
    : policies;
}
