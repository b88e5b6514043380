import type {
  Change,
  Cluster,
  Collection,
  KubeObject,
  Reflector,
  WatchCollection,
} from '../../clients/kubernetes/index.ts';
import { learn } from '../../core/evidence/index.ts';
import type { Clock } from '../../core/model/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import type { NamespaceSource, PolicyObject, PolicySource, SecretData } from './ports.ts';

/** What a replica keeps in memory of policies, of what they name, and of namespaces. */
export interface PolicyCaches {
  readonly policies: Reflector<PolicyObject>;
  /** Secrets of the controller's own namespace. */
  readonly secrets: Reflector<SecretData & { readonly resourceVersion: string }>;
  readonly source: PolicySource;
  readonly namespaces: NamespaceSource;
  /** Resolves when everything was read once; rejects when closed before. */
  readonly synced: Promise<void>;
  /** Collections that are not read yet, for people. */
  readonly waitingFor: () => readonly string[];
  readonly close: () => Promise<void>;
}

/** What opening the caches takes. */
export interface PolicyCachesOptions {
  readonly cluster: Pick<Cluster, 'get' | 'list' | 'watch'>;
  readonly watchCollection: WatchCollection;
  /** The controller's own namespace. */
  readonly namespace: string;
  readonly clock: Clock;
  /** Policies or what they name may have changed. */
  readonly onPolicies: () => void;
  readonly onSecret: (name: string) => void;
  /** The labels of this namespace may have changed. */
  readonly onNamespace: (name: string) => void;
  readonly onError: (what: string, error: unknown) => void;
  /** Receives every failure that is a bug. */
  readonly report: (error: unknown) => void;
}

/** Releases of Helm are Secrets, too: large ones, which no policy names. */
const NOT_HELM = 'type!=helm.sh/release.v1';

/**
 * Pauses before the API server is asked again, in milliseconds. They are short also after a long outage: until then admission
 * works with the policies and keys of before. These are few and small collections, so that four lists every few seconds are no
 * burden.
 */
const BACKOFF = { baseMs: 500, maxMs: 3_000 };

/** Opens the caches; they fill in the background. */
export function openPolicyCaches(options: PolicyCachesOptions): PolicyCaches {
  const { cluster, watchCollection, namespace, clock, onPolicies, report } = options;
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
  const policies = watch('image policies', { resource: RESOURCES.policies }, policyObject, onPolicies);
  const secrets = watch(
    `secrets of ${namespace}`,
    { resource: RESOURCES.secrets, namespace, fieldSelector: NOT_HELM },
    ({ data, metadata }) => ({ data, resourceVersion: metadata.resourceVersion ?? '' }),
    ({ name }) => {
      onPolicies();
      options.onSecret(name);
    },
  );
  const configMaps = watch(
    `config maps of ${namespace}`,
    { resource: RESOURCES.configMaps, namespace },
    ({ data }): SecretData => ({ data }),
    onPolicies,
  );
  const labels = watch('namespaces', { resource: RESOURCES.namespaces }, labelsOf, ({ name }) => {
    options.onNamespace(name);
  });
  const all = { 'image policies': policies, secrets, 'config maps': configMaps, namespaces: labels };
  const synced = Promise.all(Object.values(all).map((one) => one.synced)).then(() => undefined);
  synced.catch(() => undefined); // A caller may never wait for it.
  return {
    policies,
    secrets,
    source: {
      policies: () => policies.values(),
      secret: (name) => secrets.get(name, namespace),
      configMap: (name) => configMaps.get(name, namespace),
    },
    namespaces: {
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
    synced,
    waitingFor: () => Object.entries(all).flatMap(([what, one]) => (one.hasSynced() ? [] : [what])),
    close: async () => {
      await Promise.all(Object.values(all).map((one) => one.close()));
    },
  };
}

function policyObject({ apiVersion, kind, metadata, spec, status }: KubeObject): PolicyObject {
  const { name, uid, generation = 0 } = metadata;
  return { apiVersion, kind, metadata: { name, uid, generation }, spec, status };
}

function labelsOf({ metadata }: KubeObject): Readonly<Record<string, string>> {
  return metadata.labels ?? {};
}
