import type { Cluster, Resource } from '../../clients/kubernetes/index.ts';
import type { Clock } from '../../core/model/index.ts';
import type { CompiledPolicy, TrustRoots } from '../../core/policy/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import { createPolicyStore, type PolicyObject, type SecretData } from './policy-store.ts';

/** Where policies and what they name are read from. */
export interface PolicyPlace {
  readonly cluster: Pick<Cluster, 'get'>;
  /** Pratique's own namespace, with the keys that policies name. */
  readonly installation: string;
  readonly roots: TrustRoots;
  readonly clock: Clock;
}

/**
 * Reads and compiles these policies, each time anew, and no others: a process that carries out one run needs no right over other
 * policies, nor over Secrets that none of these names. What does not compile leaves its images unknown.
 */
export function policyReader({ cluster, installation, roots, clock }: PolicyPlace) {
  return async (names: readonly string[], signal: AbortSignal): Promise<readonly CompiledPolicy[]> => {
    const read = await Promise.all(
      names.map((name) => cluster.get({ resource: RESOURCES.policies, name }, signal)),
    );
    const policies: readonly PolicyObject[] = read.filter((one) => one !== undefined);
    const known = new Map<string, SecretData | undefined>();
    const wanted = new Map<string, { readonly resource: Resource; readonly name: string }>();
    const named = (resource: Resource) => (name: string) => {
      const key = `${resource.plural}/${name}`;
      if (!known.has(key)) wanted.set(key, { resource, name });
      return known.get(key);
    };
    const store = createPolicyStore({
      source: {
        policies: () => policies,
        secret: named(RESOURCES.secrets),
        configMap: named(RESOURCES.configMaps),
      },
      ...{ roots, clock, builtIn: [], onChange: () => undefined },
    });
    // Compiling shows what a policy names. It is read, and the policy compiled again, until nothing is missing.
    for (;;) {
      store.refresh();
      if (wanted.size === 0) return store.current();
      const missing = [...wanted];
      wanted.clear();
      await Promise.all(
        missing.map(async ([key, { resource, name }]) => {
          const object = await cluster.get({ resource, namespace: installation, name }, signal);
          known.set(key, object && { data: object.data });
        }),
      );
    }
  };
}
