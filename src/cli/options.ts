import { InvalidArgumentError, Option, type Command } from 'commander';
import { problem, type Parsed, isObject } from '../core/model/index.ts';
import { parseSettings, type Settings, type SettingsInput } from '../core/settings/index.ts';
import { DURATION_PATTERN, durationMs } from '../core/policy/index.ts';
import { BadInput } from './exit.ts';
import type { Policies, Reading, Tools } from './ports.ts';

/** Options that every command with a registry behind it has. */
export interface RegistryOptions {
  readonly insecureRegistry?: readonly string[];
  readonly registryCa?: readonly string[];
  readonly settings?: string;
}

/** What {@link withUnmatchedImages} adds. */
export interface UnmatchedImages {
  readonly unmatchedImages?: SettingsInput['unmatchedImages'];
}

/** How results are written. */
export type OutputFormat = 'text' | 'json' | 'yaml';

/** Collects the values of an option that may be repeated. */
export const collect = (value: string, all: readonly string[] = []): readonly string[] => [...all, value];

/** Adds the options of {@link RegistryOptions}. */
export function withRegistryOptions(command: Command): Command {
  return command
    .option(
      '--insecure-registry <host>',
      'speak http to this registry (loopback always is); repeatable',
      collect,
    )
    .option('--registry-ca <file>', 'PEM of certificate authorities to trust as well; repeatable', collect)
    .option('--settings <file>', 'settings as YAML; options win over it');
}

/** Adds `--unmatched-images`, for commands that judge images. */
export function withUnmatchedImages(command: Command): Command {
  return command.addOption(
    new Option(
      '--unmatched-images <verdict>',
      'what happens to images no policy covers (default: Allow)',
    ).choices(['Allow', 'Warn', 'Deny']),
  );
}

/** Adds `--timeout`; `byDefault` is a duration as a user writes it. */
export function withTimeout(command: Command, what: string, byDefault: string): Command {
  return command.addOption(
    new Option('--timeout <duration>', what).argParser(duration).default(duration(byDefault), byDefault),
  );
}

/** Adds `-o`. */
export function withOutput(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how to print').choices(['text', 'json', 'yaml']).default('text'),
  );
}

/** Longest time a command may be given, in milliseconds: timers of Node end at 24 days, patience much earlier. */
const MAX_DURATION_MS = 86_400_000;

/** A duration such as `30s` as milliseconds. */
export function duration(text: string): number {
  const ms = DURATION_PATTERN.test(text) ? durationMs(text) : 0;
  if (ms >= 1 && ms <= MAX_DURATION_MS) return Math.round(ms);
  throw new InvalidArgumentError('A duration such as 30s or 1m is needed, at most 24h.');
}

/** Blocks of the settings that a command has flags for. */
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
  const { insecureRegistry = [], registryCa = [] } = options;
  const registries = asObject(file.registries);
  const settings = parseSettings({
    ...file,
    ...(options.unmatchedImages !== undefined && { unmatchedImages: options.unmatchedImages }),
    registries: {
      ...registries,
      ...(insecureRegistry.length > 0 && { insecure: insecureRegistry }),
      ...(registryCa.length > 0 && { caFiles: registryCa }),
    },
    webhook: { ...asObject(file.webhook), ...webhook },
    cluster: { ...asObject(file.cluster), ...cluster },
  });
  if (settings.ok) return settings;
  const flags = flagsGiven(options, { webhook, cluster });
  const where = (path: string) =>
    flags.get(path.replace(/\[\d+\]$/, '')) ??
    `${options.settings ?? 'settings'}: ${path}`.replace(/: $/, '');
  return {
    ok: false,
    problems: settings.problems.map(({ path, message }) => ({ path: where(path), message })),
  };
}

/** Flags by the setting behind them. */
const FLAG_OF = {
  webhook: { listen: '--listen', tlsCert: '--tls-cert', tlsKey: '--tls-key' },
  cluster: { kubeconfig: '--kubeconfig', namespace: '--namespace', name: '--name' },
} as const;

/** Who typed a flag wants to read its name, not that of the setting behind it. */
function flagsGiven(
  { insecureRegistry = [], registryCa = [] }: RegistryOptions,
  given: Flags,
): ReadonlyMap<string, string> {
  const typed = (['webhook', 'cluster'] as const).flatMap((block) =>
    Object.entries(FLAG_OF[block])
      .filter(([key]) => key in (given[block] ?? {}))
      .map(([key, flag]) => [`${block}.${key}`, flag] as const),
  );
  return new Map<string, string>([
    ...(insecureRegistry.length > 0 ? ([['registries.insecure', '--insecure-registry']] as const) : []),
    ...(registryCa.length > 0 ? ([['registries.caFiles', '--registry-ca']] as const) : []),
    ...typed,
  ]);
}

async function fileSettings(
  path: string | undefined,
  tools: Tools,
): Promise<Parsed<Record<string, unknown>>> {
  if (path === undefined) return { ok: true, value: {} };
  const { documents, problems } = await tools.readDocuments(path);
  if (problems.length > 0) return { ok: false, problems };
  const [first, ...more] = documents;
  if (more.length === 0 && (first === undefined || isObject(first.value)))
    return { ok: true, value: asObject(first?.value) };
  return { ok: false, problems: [{ path, message: 'is not one YAML mapping of settings' }] };
}

/** The value, or every problem thrown as bad input. */
export function must<T>(read: Parsed<T>): T {
  if (read.ok) return read.value;
  throw new BadInput(read.problems);
}

/** Two readings, or the problems of both together. */
export function both<A, B>(a: Parsed<A>, b: Parsed<B>): Parsed<readonly [A, B]> {
  if (a.ok && b.ok) return { ok: true, value: [a.value, b.value] };
  return { ok: false, problems: [...(a.ok ? [] : a.problems), ...(b.ok ? [] : b.problems)] };
}

/** Standard input ends after one reader; a second would quietly get nothing. */
export function mustReadOnce(paths: readonly (string | undefined)[]): void {
  if (paths.filter((path) => path === '-').length > 1)
    must(problem('-', 'standard input can be read by one option only'));
}

/** Reads and compiles the policies of a folder or file. */
export async function policiesFrom(
  path: string | undefined,
  tools: Tools,
  also?: Reading,
): Promise<Parsed<Policies>> {
  if (path === undefined) return problem('--policies', 'is needed: a folder or file with ImagePolicies');
  const reading = await tools.readDocuments(path);
  if (reading.documents.length === 0 && reading.problems.length === 0)
    return problem(path, 'holds no ImagePolicy');
  const policies = tools.compilePolicies({
    documents: [...reading.documents, ...(also?.documents ?? [])],
    problems: reading.problems,
  });
  // Without any policy, everything would look allowed.
  return policies.ok && policies.value.policies.length === 0
    ? problem(path, 'holds no ImagePolicy')
    : policies;
}

function asObject(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}
