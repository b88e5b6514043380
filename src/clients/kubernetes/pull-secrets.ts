import { Fault, type Clock, isObject } from '../../core/model/index.ts';
import { createShortMemory, type Remembered } from './short-memory.ts';
import type { Cluster, KubeObject, ObjectAddress } from './types.ts';

/** What pull secrets are read with. */
export interface PullSecretOptions {
  readonly cluster: Pick<Cluster, 'get'>;
  readonly clock: Clock;
  /** Milliseconds for which what was read is used again; what could not be read at most a second. */
  readonly rememberMs: number;
}

/** Whose pull secrets. */
export interface PullSecretQuestion {
  readonly namespace: string;
  /** Those that the object names. */
  readonly names: readonly string[];
  /** `''` = `default`. */
  readonly serviceAccount: string;
}

/** Something that holds a login and was not read. */
export interface Unreadable {
  /** As `Secret acme/pull`. */
  readonly source: string;
  /** Why, in a clause without a subject; never a word of what is secret. */
  readonly detail: string;
  /** Whether it may help to ask again. */
  readonly transient: boolean;
}

/** What was read and what was not. */
export interface PullSecretReadings {
  /** `text` is a Docker config, which must never be shown. */
  readonly configs: readonly { readonly source: string; readonly text: string }[];
  readonly unreadable: readonly Unreadable[];
}

/** What a workload may log in to registries with. */
export interface PullSecrets {
  /**
   * The Docker configs of the secrets named, in that order, and then those of the service account, each once. What cannot
   * be read, also because the signal fires first, is listed and never left out; does not reject for it.
   */
  readonly read: (question: PullSecretQuestion, signal: AbortSignal) => Promise<PullSecretReadings>;
  /** Forgets everything. */
  readonly close: () => void;
}

type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: Unreadable };

/** Failures are remembered so that a burst of requests asks once, and forgotten before a person has tried again. */
const REMEMBER_FAILURES_MS = 1_000;
/** Secrets and service accounts remembered, and their characters: a Secret may have a megabyte, and few are that large. */
const MEMORY = { entries: 2_000, size: 33_554_432 } as const;
/** Most Secrets read for one workload; no real workload needs more, and each is a request. */
export const MAX_PULL_SECRETS = 64;

/** What does not exist may be on its way: people apply a folder in the order of its file names. */
const ABSENT = ['does not exist', true] as const;

const SECRETS = { group: '', version: 'v1', plural: 'secrets' } as const;
const SERVICE_ACCOUNTS = { group: '', version: 'v1', plural: 'serviceaccounts' } as const;

/** Reads pull secrets as the kubelet would find them, with a short memory. */
export function createPullSecrets({ cluster, clock, rememberMs }: PullSecretOptions): PullSecrets {
  const texts = createShortMemory<Reading<string>>(clock, MEMORY);
  const accounts = createShortMemory<Reading<readonly string[]>>(clock, MEMORY);

  /** One object by way of its reader: a *no* and a broken connection are both answers here. */
  const learn = async <T>(
    address: ObjectAddress,
    source: string,
    read: (object: KubeObject | undefined) => Reading<T>,
  ): Promise<Remembered<Reading<T>>> => {
    const reading = await cluster.get(address).then(read, (error: unknown) => notRead(source, error));
    const forMs = reading.ok ? rememberMs : Math.min(rememberMs, REMEMBER_FAILURES_MS);
    return { value: reading, forMs, size: reading.ok ? JSON.stringify(reading.value).length : 0 };
  };

  const textOf = (namespace: string, name: string, signal: AbortSignal): Promise<Reading<string>> => {
    const source = `Secret ${namespace}/${name}`;
    const read = (secret: KubeObject | undefined): Reading<string> => {
      if (!secret) return unreadable(source, ...ABSENT);
      const found = readPullSecret(secret);
      return 'text' in found ? { ok: true, value: found.text } : unreadable(source, found.detail);
    };
    const address = { resource: SECRETS, namespace, name };
    return inTime(
      texts.recall(source, () => learn(address, source, read)),
      source,
      signal,
    );
  };

  const namesOf = (
    namespace: string,
    name: string,
    signal: AbortSignal,
  ): Promise<Reading<readonly string[]>> => {
    const source = `ServiceAccount ${namespace}/${name}`;
    const address = { resource: SERVICE_ACCOUNTS, namespace, name };
    const read = (account: KubeObject | undefined): Reading<readonly string[]> =>
      // One that is not there (yet) names no secrets, and no pod of it will be made either.
      ({ ok: true, value: account ? secretNames(account) : [] });
    return inTime(
      accounts.recall(source, () => learn(address, source, read)),
      source,
      signal,
    );
  };

  return {
    read: async ({ namespace, names, serviceAccount }, signal) => {
      const account = await namesOf(namespace, serviceAccount === '' ? 'default' : serviceAccount, signal);
      const all = [...new Set([...names, ...(account.ok ? account.value : [])])];
      const found = await Promise.all(
        all.map(async (name, n) => {
          const source = `Secret ${namespace}/${name}`;
          const reading = n < MAX_PULL_SECRETS ? await textOf(namespace, name, signal) : tooMany(source);
          return { source, reading };
        }),
      );
      return {
        configs: found.flatMap(({ source, reading }) =>
          reading.ok ? [{ source, text: reading.value }] : [],
        ),
        unreadable: [...found.map(({ reading }) => reading), account].flatMap((one) =>
          one.ok ? [] : [one.why],
        ),
      };
    },
    close: () => {
      texts.clear();
      accounts.clear();
    },
  };
}

type NotRead = Extract<Reading<never>, { readonly ok: false }>;

function unreadable(source: string, detail: string, transient = false): NotRead {
  return { ok: false, why: { source, detail, transient } };
}

function tooMany(source: string): NotRead {
  return unreadable(source, `is beyond the ${MAX_PULL_SECRETS} pull secrets that are read for one workload`);
}

/** A Fault has its own message; another error is a bug of this program and is thrown again. */
function notRead(source: string, error: unknown): NotRead {
  if (!(error instanceof Fault)) throw error;
  return unreadable(source, `could not be read: ${error.detail}`, error.transient);
}

/** Names of the secrets a service account lists. An entry without a name names nothing. */
function secretNames({ imagePullSecrets }: KubeObject): readonly string[] {
  if (!Array.isArray(imagePullSecrets)) return [];
  return imagePullSecrets.flatMap((entry: unknown) => {
    const name = typeof entry === 'object' && entry !== null && 'name' in entry ? entry.name : undefined;
    return typeof name === 'string' && name !== '' ? [name] : [];
  });
}

/** The answer, unless this caller's time is over first; others may wait for it still. */
async function inTime<T>(
  answer: Promise<Reading<T>>,
  source: string,
  signal: AbortSignal,
): Promise<Reading<T>> {
  const late = Promise.withResolvers<NotRead>();
  const leave = (): void => {
    late.resolve(unreadable(source, 'could not be read in time', true));
  };
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** The Docker config in a Secret, or why there is none; the reason repeats nothing of what is secret. */
type SecretText = { readonly text: string } | { readonly detail: string };

const CURRENT = { type: 'kubernetes.io/dockerconfigjson', key: '.dockerconfigjson' } as const;
const LEGACY = { type: 'kubernetes.io/dockercfg', key: '.dockercfg' } as const;

/** Reads the Docker config of a pull secret; the legacy form (logins by host and nothing else) is brought to today's. */
function readPullSecret(secret: KubeObject): SecretText {
  const form = [CURRENT, LEGACY].find(({ type }) => type === secret.type);
  if (!form) return { detail: `is neither of type ${CURRENT.type} nor ${LEGACY.type}` };
  const value = isObject(secret.data) ? secret.data[form.key] : undefined;
  if (typeof value !== 'string') return { detail: `has no key ${form.key}` };
  const text = decode(value);
  const body = text === undefined ? undefined : parseObject(text);
  if (text === undefined || !body) return { detail: `does not hold a JSON object in ${form.key}` };
  return { text: form === LEGACY ? JSON.stringify({ auths: body }) : text };
}

/** Base64 of UTF-8, and nothing that only looks like it. */
function decode(value: string): string | undefined {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.toString('base64') !== value) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined; // said by the caller, in words that quote nothing
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // a parser's message would quote the secret
  }
}
