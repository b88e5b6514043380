import {
  watchCollection,
  type Cluster,
  type KubeObject,
  type Reflector,
} from '../clients/kubernetes/index.ts';
import { Fault, type Clock } from '../core/model/index.ts';
import type {
  SecretData,
  NamespaceSource,
  PolicyObject,
  PolicySource,
} from '../controllers/policies/index.ts';
import { RESOURCES } from '../core/workload/index.ts';

/** What a replica keeps in memory of its cluster. */
export interface Caches {
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
export interface CachesOptions {
  readonly cluster: Cluster;
  /** The controller's own namespace. */
  readonly namespace: string;
  readonly clock: Clock;
  /** Told when policies or what they name may have changed. */
  readonly onPolicies: () => void;
  /** Told of every change of a Secret. */
  readonly onSecret: (name: string) => void;
  /** Told of every namespace whose labels may have changed. */
  readonly onNamespace: (name: string) => void;
  readonly onError: (what: string, error: unknown) => void;
}

/** Releases of Helm are Secrets, too: large ones, of which nobody here needs to know. */
const NOT_HELM = 'type!=helm.sh/release.v1';

/**
 * Pauses before the API server is asked again, in milliseconds. Short also after a long outage: admission goes on the moment it
 * is back, and by policies and keys of before. These are few and small collections; four small lists every few seconds burden
 * nobody.
 */
const BACKOFF = { baseMs: 500, maxMs: 3_000 };

/** Opens the caches; they fill in the background. */
export function openCaches(options: CachesOptions): Caches {
  const { cluster, namespace, clock, onPolicies, onSecret, onNamespace, onError: onError } = options;
  const onErrorOf = (what: string) => (error: unknown) => {
    onError(what, error);
  };
  const policies = watchCollection<PolicyObject>({
    cluster,
    collection: { resource: RESOURCES.policies },
    select: ({ apiVersion, kind, metadata: { name, uid, generation = 0 }, spec, status }) => ({
      apiVersion,
      kind,
      metadata: { name, uid, generation },
      spec,
      status,
    }),
    onChange: onPolicies,
    backoff: BACKOFF,
    onError: onErrorOf('image policies'),
  });
  const secrets = watchCollection({
    cluster,
    collection: { resource: RESOURCES.secrets, namespace, fieldSelector: NOT_HELM },
    select: ({ data, metadata }) => ({ data, resourceVersion: metadata.resourceVersion ?? '' }),
    onChange: ({ name }) => {
      onPolicies();
      onSecret(name);
    },
    backoff: BACKOFF,
    onError: onErrorOf(`secrets of ${namespace}`),
  });
  const configMaps = watchCollection<SecretData>({
    cluster,
    collection: { resource: RESOURCES.configMaps, namespace },
    select: ({ data }) => ({ data }),
    onChange: onPolicies,
    backoff: BACKOFF,
    onError: onErrorOf(`config maps of ${namespace}`),
  });
  const labels = watchCollection({
    cluster,
    collection: { resource: RESOURCES.namespaces },
    select: labelsOf,
    onChange: ({ name }) => {
      onNamespace(name);
    },
    backoff: BACKOFF,
    onError: onErrorOf('namespaces'),
  });
  const all = { 'image policies': policies, secrets, 'config maps': configMaps, namespaces: labels };
  const synced = Promise.all(Object.values(all).map((one) => one.synced)).then(() => undefined);
  synced.catch(() => undefined); // told to whoever waits; nobody has to
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
      ask: async (name, signal) => {
        try {
          const object = await cluster.get({ resource: RESOURCES.namespaces, name }, signal);
          const seenAt = clock();
          return object ? { state: 'found', value: labelsOf(object), seenAt } : { state: 'absent', seenAt };
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          const reason = { code: error.code, detail: error.message };
          return { state: 'unknown', reason, transient: error.transient };
        }
      },
    },
    synced,
    waitingFor: () => Object.entries(all).flatMap(([what, one]) => (one.hasSynced() ? [] : [what])),
    close: async () => {
      await Promise.all(Object.values(all).map((one) => one.close()));
    },
  };
}

function labelsOf({ metadata }: KubeObject): Readonly<Record<string, string>> {
  return metadata.labels ?? {};
}
