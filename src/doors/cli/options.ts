import { InvalidArgumentError, Option, type Command } from 'commander';
import { problem, type Parsed } from '../../core/model/index.ts';
import { parseSettings, type Settings, type SettingsInput } from '../../core/settings/index.ts';
import { DURATION_PATTERN, durationMs } from '../../core/policy/index.ts';
import { BadInput } from './exit.ts';
import type { Policies, Reading, Tools } from './ports.ts';

/** Options that every command with a registry behind it has. */
export interface RegistryOptions {
  readonly insecureRegistry: readonly string[];
  readonly registryCa: readonly string[];
  readonly unmatchedImages: SettingsInput['unmatchedImages'];
  readonly settings?: string;
}

/** How results are written. */
export type OutputFormat = 'text' | 'json' | 'yaml';

const collect = (value: string, all: readonly string[]): readonly string[] => [...all, value];

/** Adds the options of {@link RegistryOptions}. */
export function withRegistryOptions(command: Command): Command {
  return command
    .option(
      '--insecure-registry <host>',
      'speak http to this registry (loopback always is); repeatable',
      collect,
      [],
    )
    .option(
      '--registry-ca <file>',
      'PEM of certificate authorities to trust as well; repeatable',
      collect,
      [],
    )
    .addOption(
      new Option(
        '--unmatched-images <verdict>',
        'what happens to images no policy covers (default: Allow)',
      ).choices(['Allow', 'Warn', 'Deny']),
    )
    .option('--settings <file>', 'settings as YAML; options win over it');
}

/** Adds `-o`. */
export function withOutput(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how to print').choices(['text', 'json', 'yaml']).default('text'),
  );
}

/** A duration such as `30s` as milliseconds. */
export function duration(text: string): number {
  if (!DURATION_PATTERN.test(text)) throw new InvalidArgumentError('A duration such as 30s or 1m is needed.');
  return durationMs(text);
}

/** Settings from a file and options; collects all problems with those of `more`. */
export async function settingsFrom(
  options: RegistryOptions,
  webhook: SettingsInput['webhook'],
  tools: Tools,
): Promise<Parsed<Settings>> {
  const reading = await fileSettings(options.settings, tools);
  if (!reading.ok) return reading;
  const file = reading.value;
  const registries = asObject(file.registries);
  const settings = parseSettings({
    ...file,
    ...(options.unmatchedImages !== undefined && { unmatchedImages: options.unmatchedImages }),
    registries: {
      ...registries,
      ...(options.insecureRegistry.length > 0 && { insecure: options.insecureRegistry }),
      ...(options.registryCa.length > 0 && { caFiles: options.registryCa }),
    },
    webhook: { ...asObject(file.webhook), ...webhook },
  });
  if (settings.ok) return settings;
  const origin = options.settings ?? 'settings';
  return {
    ok: false,
    problems: settings.problems.map(({ path, message }) => ({ path: `${origin}: ${path}`, message })),
  };
}

async function fileSettings(
  path: string | undefined,
  tools: Tools,
): Promise<Parsed<Record<string, unknown>>> {
  if (path === undefined) return { ok: true, value: {} };
  const { documents, problems } = await tools.readDocuments(path);
  if (problems.length > 0) return { ok: false, problems };
  const [first, ...more] = documents;
  if (more.length === 0 && (first === undefined || isObject(first.value))) {
    return { ok: true, value: asObject(first?.value) };
  }
  return { ok: false, problems: [{ path, message: 'is not one YAML mapping of settings' }] };
}

/** The value, or every problem thrown as bad input. */
export function must<T>(read: Parsed<T>): T {
  if (read.ok) return read.value;
  throw new BadInput(read.problems);
}

/** Several readings, or the problems of all of them together. */
export function mustAll<A, B>(a: Parsed<A>, b: Parsed<B>): readonly [A, B] {
  if (a.ok && b.ok) return [a.value, b.value];
  throw new BadInput([...(a.ok ? [] : a.problems), ...(b.ok ? [] : b.problems)]);
}

/** Reads and compiles the policies of a folder or file. */
export async function policiesFrom(
  path: string | undefined,
  tools: Tools,
  also?: Reading,
): Promise<Parsed<Policies>> {
  if (path === undefined) return problem('--policies', 'is needed: a folder or file with ImagePolicies');
  const reading = await tools.readDocuments(path);
  if (reading.documents.length === 0 && reading.problems.length === 0) {
    return { ok: false, problems: [{ path, message: 'holds no policies' }] };
  }
  return tools.compilePolicies({
    documents: [...reading.documents, ...(also?.documents ?? [])],
    problems: reading.problems,
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asObject(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}
