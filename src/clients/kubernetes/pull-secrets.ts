import { setTimeout as sleep } from 'node:timers/promises';
import { Fault, isObject, listOf, objectOf, parseShort, textOf, type Clock } from '../../core/model/index.ts';
import type { DockerConfigText, ReadPullSecrets, UnreadableLogins } from '../../core/evidence/index.ts';
import { createMemo, unlessAborted } from '../io/index.ts';
import type { Cluster, KubeObject } from './types.ts';

interface PullSecretOptions {
  readonly cluster: Pick<Cluster, 'get'>;
  readonly clock: Clock;
  /** Milliseconds for which what was read is used again; what could not be read at most a second. */
  readonly rememberMs: number;
  /** Waits before it asks again. */
  readonly pause?: (ms: number) => Promise<unknown>;
}

/** What a workload may log in to registries with. */
interface PullSecrets {
  readonly read: ReadPullSecrets;
  /** Forgets everything. */
  readonly close: () => void;
}

type Reading<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: UnreadableLogins };

/** Failures are remembered so that a burst of requests asks once, and forgotten before a person has tried again. */
const REMEMBER_FAILURES_MS = 1_000;
/** Milliseconds after which a read that failed for now is tried once more: a connection that was cut is open again by then. */
const AGAIN_MS = 200;
/** Secrets and service accounts remembered, and their characters: a Secret may have a megabyte, and few are that large. */
const MEMORY = { max: 2_000, maxSize: 33_554_432 };
/** Most Secrets read for one workload; no real workload needs more, and each is a request. */
export const MAX_PULL_SECRETS = 64;

/** Reads pull secrets as the kubelet would find them, with a short memory. */
export function createPullSecrets({
  cluster,
  clock,
  rememberMs,
  pause = sleep,
}: PullSecretOptions): PullSecrets {
  /** Reads objects of one resource, with a memory of its own. A *no* and a broken connection are answers, too. */
  const readerOf = <T>(kind: string, plural: string, parse: Parse<T>): Reader<T> => {
    const memo = createMemo<Reading<T>>(clock, MEMORY);
    const resource = { group: '', version: 'v1', plural };
    const read: Reader<T>['read'] = async (namespace, name, signal) => {
      const source = `${kind} ${namespace}/${name}`;
      const known = memo.known(source);
      if (known) return known.value;
      const reading = memo.learn(source, async () => {
        const get = () => cluster.get({ resource, namespace, name });
        const value = await onceMore(get, pause).then(
          (object) => parse(source, object),
          (error: unknown) => notRead(source, error),
        );
        const forMs = value.ok ? rememberMs : Math.min(rememberMs, REMEMBER_FAILURES_MS);
        const size = value.ok ? JSON.stringify(value.value).length : 0;
        return { value, until: new Date(clock().getTime() + forMs), size };
      });
      const late = new Error('late');
      return unlessAborted(reading, signal, () => late).catch((error: unknown) => {
        if (error === late) return unreadable(source, 'could not be read in time', true);
        throw error;
      });
    };
    return { read, clear: memo.clear };
  };
  const secrets = readerOf('Secret', 'secrets', readPullSecret);
  const accounts = readerOf('ServiceAccount', 'serviceaccounts', secretNames);

  return {
    read: async ({ namespace, names, serviceAccount }, signal) => {
      const account = await accounts.read(namespace, serviceAccount || 'default', signal);
      const all = [...new Set([...names, ...(account.ok ? account.value : [])])];
      const detail = `is beyond the ${MAX_PULL_SECRETS} pull secrets that are read for one workload`;
      const readings = await Promise.all(
        all.map(async (name, n) =>
          n < MAX_PULL_SECRETS
            ? secrets.read(namespace, name, signal)
            : unreadable(`Secret ${namespace}/${name}`, detail),
        ),
      );
      return {
        configs: readings.flatMap((one) => (one.ok ? [one.value] : [])),
        unreadable: [...readings, account].flatMap((one) => (one.ok ? [] : [one.why])),
      };
    },
    close: () => {
      secrets.clear();
      accounts.clear();
    },
  };
}

type Parse<T> = (source: string, object: KubeObject | undefined) => Reading<T>;

interface Reader<T> {
  readonly read: (namespace: string, name: string, signal: AbortSignal) => Promise<Reading<T>>;
  readonly clear: () => void;
}

/** Tries again once, after a short pause, where it failed for now. Those who wait have deadlines of their own. */
async function onceMore<T>(
  get: () => Promise<T>,
  pause: NonNullable<PullSecretOptions['pause']>,
): Promise<T> {
  try {
    return await get();
  } catch (error) {
    if (!(error instanceof Fault && error.transient)) throw error;
    await pause(AGAIN_MS);
    return get();
  }
}

type NotRead = Extract<Reading<never>, { readonly ok: false }>;

function unreadable(source: string, detail: string, transient = false): NotRead {
  return { ok: false, why: { source, detail, transient } };
}

/** The same for both: the creator of a pod need not be one who may read Secrets. */
const NOT_THERE = 'does not exist or may not be read';

/** A Fault has its own message; another error is a bug of this program and is thrown again. */
function notRead(source: string, error: unknown): NotRead {
  if (!(error instanceof Fault)) throw error;
  const detail = error.code === 'ClusterDenied' ? NOT_THERE : `could not be read: ${error.detail}`;
  return unreadable(source, detail, error.transient);
}

/**
 * Names of the secrets a service account lists. An entry without a name names nothing. An account that is not there (yet)
 * names no secrets, and no pod of it will be made either.
 */
function secretNames(_source: string, account: KubeObject | undefined): Reading<readonly string[]> {
  const entries = listOf(account?.imagePullSecrets).map((entry) => textOf(objectOf(entry).name));
  return { ok: true, value: entries.filter((name) => name !== '') };
}

const CURRENT = { type: 'kubernetes.io/dockerconfigjson', key: '.dockerconfigjson' } as const;
const LEGACY = { type: 'kubernetes.io/dockercfg', key: '.dockercfg' } as const;

/**
 * Reads the Docker config of a pull secret; the legacy form (logins by host and nothing else) is brought to today's. A
 * reason repeats nothing of what is secret.
 */
function readPullSecret(source: string, secret: KubeObject | undefined): Reading<DockerConfigText> {
  // Charts name secrets that nothing creates. One that is on its way is read a second later all the same.
  if (!secret) return unreadable(source, NOT_THERE);
  const form = [CURRENT, LEGACY].find(({ type }) => type === secret.type);
  if (!form) return unreadable(source, `is neither of type ${CURRENT.type} nor ${LEGACY.type}`);
  const value = objectOf(secret.data)[form.key];
  if (typeof value !== 'string') return unreadable(source, `has no key ${form.key}`);
  const bytes = Buffer.from(value, 'base64');
  const body = bytes.toString('base64') === value ? parseShort(bytes) : undefined;
  if (!isObject(body)) return unreadable(source, `does not hold a JSON object in ${form.key}`);
  const text = form === LEGACY ? JSON.stringify({ auths: body }) : bytes.toString();
  return { ok: true, value: { source, text } };
}
