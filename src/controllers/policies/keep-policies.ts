import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  Change,
  Cluster,
  Collection,
  KubeObject,
  Reflector,
  WatchCollection,
} from '../../clients/kubernetes/index.ts';
import { learn } from '../../core/evidence/index.ts';
import type { Fact, Gauge, Clock, Unknown } from '../../core/model/index.ts';
import { compilePolicy, type CompiledPolicy, type Labels, type TrustRoots } from '../../core/policy/index.ts';
import { CANARY_POLICY_DOCUMENT, RESOURCES } from '../../core/workload/index.ts';
import {
  createPolicyStore,
  type PolicyStore,
  type NamespaceSource,
  type PolicyObject,
  type SecretData,
} from './policy-store.ts';

/** What policies are kept with. */
interface PolicyOptions {
  readonly cluster: Pick<Cluster, 'get' | 'list' | 'watch'>;
  readonly watchCollection: WatchCollection;
  /** The controller's own namespace. */
  readonly namespace: string;
  readonly roots: TrustRoots;
  readonly clock: Clock;
  /** Policies were swapped; the names are those that changed. */
  readonly onPolicies: (names: readonly string[]) => void;
  readonly onSecret: (name: string) => void;
  /** The labels of this namespace may have changed. */
  readonly onNamespace: (name: string) => void;
  readonly onError: (what: string, error: unknown) => void;
  /** Receives every failure that is a bug. */
  readonly report: (error: unknown) => void;
}

/** The policies of a cluster, compiled and kept current. Nothing may be judged before `caches.synced`. */
export interface Policies {
  /** What a replica keeps in memory of policies, of what they name, and of namespaces. */
  readonly caches: {
    readonly policies: Reflector<PolicyObject>;
    /** Secrets of the controller's own namespace. */
    readonly secrets: Reflector<SecretData>;
    /** Resolves when everything was read once, and the policies are in force; rejects when closed before. */
    readonly synced: Promise<void>;
    /** Collections that are not read yet, or not in force, for people. */
    readonly waitingFor: () => readonly string[];
  };
  readonly store: PolicyStore;
  /** Waits until the policies are in force; `false` when the signal comes first, or they never will be. */
  readonly inForce: (signal: AbortSignal) => Promise<boolean>;
  /** Names of the policies that are no objects of the cluster. */
  readonly builtIn: readonly string[];
  readonly namespaceLabels: (namespace: string, signal: AbortSignal) => Promise<Fact<Labels>>;
  /** What policies name may have changed, e.g. the public-good trust root. */
  readonly refresh: () => void;
  readonly gauges: readonly Gauge[];
  readonly close: () => Promise<void>;
}

/** Releases of Helm are Secrets, too: large ones, which no policy names. */
const NOT_HELM = 'type!=helm.sh/release.v1';

/**
 * Pauses before the API server is asked again, in milliseconds. They are short also after a long outage: until then admission
 * works with the policies and keys of before. These are few and small collections, so that four lists every few seconds are no
 * burden.
 */
const BACKOFF = { baseMs: 500, maxMs: 3_000 };

/** Keeps the policies of a cluster compiled. The caches fill in the background. */
export function keepPolicies(options: PolicyOptions): Policies {
  const { cluster, watchCollection, namespace, roots, clock, report } = options;
  const watch = <T>(
    what: string,
    collection: Collection,
    select: (object: KubeObject) => T,
    onChange: (change: Change<T>) => void,
  ): Reflector<T> =>
    watchCollection({
      ...{ cluster, collection, select, onChange, backoff: BACKOFF },
      onError: (error) => {
        options.onError(what, error);
      },
    });
  const refresh = coalesced(async () => {
    // With half of what policies name, they would look like policies that name what does not exist.
    if (areCompiled) await store.refreshInTurns();
  }, report);
  const secretData = ({ data }: KubeObject): SecretData => ({ data });
  const policies = watch('image policies', { resource: RESOURCES.policies }, policyObject, refresh);
  const secrets = watch(
    `secrets of ${namespace}`,
    { resource: RESOURCES.secrets, namespace, fieldSelector: NOT_HELM },
    secretData,
    ({ name }) => {
      refresh();
      options.onSecret(name);
    },
  );
  const collection = { resource: RESOURCES.configMaps, namespace };
  const configMaps = watch(`config maps of ${namespace}`, collection, secretData, refresh);
  const labels = watch('namespaces', { resource: RESOURCES.namespaces }, labelsOf, ({ name }) => {
    options.onNamespace(name);
  });
  const all = { 'image policies': policies, secrets, 'config maps': configMaps, namespaces: labels };
  let areCompiled = false;
  const unread = () => Object.entries(all).flatMap(([what, one]) => (one.hasSynced() ? [] : [what]));
  // What is read is not in force at once: until then an image would look like one that no policy covers.
  const waitingFor = () => (areCompiled ? unread() : [...unread(), 'image policies in force']);
  const builtIn = [canaryPolicy(roots)];
  const store = createPolicyStore({
    ...{ roots, clock, builtIn, onChange: options.onPolicies },
    source: {
      policies: () => policies.values(),
      secret: (name) => secrets.get(name, namespace),
      configMap: (name) => configMaps.get(name, namespace),
    },
  });
  const synced = Promise.all(Object.values(all).map((one) => one.synced)).then(async () => {
    await store.refreshInTurns();
    areCompiled = true;
    refresh(); // for what changed meanwhile
  });
  synced.catch((error: unknown) => {
    if (unread().length === 0) report(error);
  });
  const namespaceLabels = namespaceReader(
    {
      cached: (name) => labels.get(name),
      confirmedMsAgo: () => labels.confirmedMsAgo(),
      ask: (name, signal) =>
        learn(
          async () => {
            const object = await cluster.get({ resource: RESOURCES.namespaces, name }, signal);
            return object && labelsOf(object);
          },
          { clock, report },
        ),
    },
    clock,
  );
  return {
    caches: { policies, secrets, synced, waitingFor },
    inForce: async (signal) => {
      const ended = signal.aborted ? undefined : once(signal, 'abort');
      await Promise.race([synced, ended]).catch(() => undefined);
      return areCompiled && !signal.aborted;
    },
    ...{ store, builtIn: builtIn.map(({ name }) => name), namespaceLabels, refresh },
    gauges: [stalledGauge(store)],
    close: async () => {
      await Promise.all(Object.values(all).map((one) => one.close()));
    },
  };
}

/** The policy that refuses the canaries of the self-test; a test holds that it compiles. */
function canaryPolicy(roots: TrustRoots): CompiledPolicy {
  const compiled = compilePolicy(CANARY_POLICY_DOCUMENT, { material: () => undefined, roots });
  if (compiled.ok) return compiled.value;
  throw new Error(`the policy of the self-test does not compile: ${compiled.problems[0]?.message ?? ''}`);
}

/** Makes one call of the several that are made in one moment, and the next one after its end. */
function coalesced(call: () => Promise<void>, report: (error: unknown) => void): () => void {
  let [asked, last] = [false, Promise.resolve()];
  return () => {
    if (asked) return;
    asked = true;
    last = last
      .then(() => nextTurn())
      .then(() => {
        asked = false;
        return call();
      })
      .catch(report);
  };
}

function stalledGauge({ states }: PolicyStore): Gauge {
  return {
    name: 'pratique_policies_stalled',
    help: 'Whether a policy does not compile as it is written: 1, or 0.',
    labels: ['policy'],
    read: () =>
      [...states()].map(([policy, { inForce }]) => ({
        labels: { policy },
        value: inForce === 'as written' ? 0 : 1,
      })),
  };
}

function policyObject({ apiVersion, kind, metadata, spec, status }: KubeObject): PolicyObject {
  const { name, uid, generation = 0 } = metadata;
  return { apiVersion, kind, metadata: { name, uid, generation }, spec, status };
}

/** `undefined` for a namespace that was cut: its labels are not known, and asking for it reports why. */
function labelsOf({ metadata, isCut }: KubeObject): Labels | undefined {
  return isCut ? undefined : (metadata.labels ?? {});
}

/**
 * Milliseconds without a word from the API server after which the cache of namespaces is no longer used: bookmarks come
 * about once a minute, so that this much silence means a broken watch.
 */
export const MAX_SILENCE_MS = 150_000;

/**
 * Labels of a namespace: from the cache while it is current; else, and for a namespace too new for it, from the API server.
 * What cannot be learned is unknown, which policies that select namespaces refuse (CVE-2025-46342).
 */
export function namespaceReader(
  source: NamespaceSource,
  clock: Clock,
): (name: string, signal: AbortSignal) => Promise<Fact<Labels>> {
  return async (name, signal) => {
    if (name === '') return unknown('no namespace is named', false);
    const cached = source.confirmedMsAgo() <= MAX_SILENCE_MS ? source.cached(name) : undefined;
    if (cached) return { state: 'found', value: withName(name, cached), seenAt: clock() };
    const asked = await source.ask(name, signal);
    if (asked.state === 'found') return { ...asked, value: withName(name, asked.value) };
    // Absent is odd for a namespace in which something is being made; it may be a moment too new.
    if (asked.state === 'absent') return unknown(`there is no namespace "${name}"`, true);
    return unknown(asked.reason.detail, asked.transient);
  };
}

/** The API server sets this label on every namespace. */
function withName(name: string, labels: Labels): Labels {
  return { ...labels, 'kubernetes.io/metadata.name': name };
}

function unknown(detail: string, transient: boolean): Unknown {
  return { state: 'unknown', reason: { code: 'NamespaceUnknown', detail }, transient };
}
