import type { Cluster } from '../clients/kubernetes/index.ts';
import type { TrustRoots } from '../core/policy/index.ts';
import { createPolicyStore, type SecretData, type PolicyObject } from '../controllers/policies/index.ts';
import type { ExecutionContext } from './execution-context.ts';
import { RESOURCES } from '../core/workload/index.ts';
import { clock } from './process-context.ts';

/** Where policies and what they name are read from. */
export interface PolicyPlace {
  readonly cluster: Pick<Cluster, 'get'>;
  /** Pratique's own namespace, with the keys that policies name. */
  readonly installation: string;
  readonly roots: TrustRoots;
}

/**
 * Reads and compiles the policies that are asked for, each time anew and nothing else: whoever carries out one run is to need no
 * right over the others, nor over Secrets that none of these names. What does not compile leaves its images unknown.
 */
export function policyReader({ cluster, installation, roots }: PolicyPlace): ExecutionContext['policies'] {
  return async (names, signal) => {
    const policies = await readAll(names, (name) =>
      cluster.get({ resource: RESOURCES.policies, name }, signal),
    );
    const named = { secret: createNamedObjects(), configMap: createNamedObjects() };
    const held = createPolicyStore({
      source: {
        policies: (): readonly PolicyObject[] => policies,
        secret: named.secret.look,
        configMap: named.configMap.look,
      },
      roots,
      clock,
      builtIn: [],
      onChange: () => undefined,
    });
    const fetch = async (kind: keyof typeof named): Promise<boolean> => {
      const resource = kind === 'secret' ? RESOURCES.secrets : RESOURCES.configMaps;
      return named[kind].fill(async (name) => {
        const object = await cluster.get({ resource, namespace: installation, name }, signal);
        return object && { data: object.data };
      });
    };
    // What a policy names is told by compiling it; once all of that is there, nothing more is asked for.
    for (;;) {
      held.refresh();
      const [secrets, configMaps] = [await fetch('secret'), await fetch('configMap')];
      if (!secrets && !configMaps) return held.current();
    }
  };
}

interface NamedObjects {
  /** What was fetched; notes what was not. */
  readonly look: (name: string) => SecretData | undefined;
  /** Fetches what was asked for since; `false` = nothing was. */
  readonly fill: (get: (name: string) => Promise<SecretData | undefined>) => Promise<boolean>;
}

function createNamedObjects(): NamedObjects {
  const known = new Map<string, SecretData | undefined>();
  const wanted = new Set<string>();
  return {
    look: (name) => {
      if (!known.has(name)) wanted.add(name);
      return known.get(name);
    },
    fill: async (get) => {
      const names = [...wanted];
      wanted.clear();
      await Promise.all(names.map(async (name) => known.set(name, await get(name))));
      return names.length > 0;
    },
  };
}

async function readAll<T>(
  names: readonly string[],
  read: (name: string) => Promise<T | undefined>,
): Promise<readonly T[]> {
  const all = await Promise.all(names.map(read));
  return all.filter((one) => one !== undefined);
}
