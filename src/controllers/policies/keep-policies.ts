import type { Fact, Gauge } from '../../core/model/index.ts';
import { compilePolicy, type CompiledPolicy, type Labels, type TrustRoots } from '../../core/policy/index.ts';
import { CANARY_POLICY_DOCUMENT } from '../../core/workload/index.ts';
import { openPolicyCaches, type PolicyCaches, type PolicyCachesOptions } from './caches.ts';
import { namespaceReader } from './namespaces.ts';
import { createPolicyStore, type PolicyStore } from './policy-store.ts';

/** What policies are kept with. */
export interface PolicyOptions extends Omit<PolicyCachesOptions, 'onPolicies'> {
  readonly roots: TrustRoots;
  /** Policies were swapped; the names are those that changed. */
  readonly onPolicies: (names: readonly string[]) => void;
}

/** The policies of a cluster, compiled and kept current. Nothing may be judged before `caches.synced`. */
export interface Policies {
  readonly caches: PolicyCaches;
  readonly store: PolicyStore;
  /** Names of the policies that are no objects of the cluster. */
  readonly builtIn: readonly string[];
  readonly namespaceLabels: (namespace: string, signal: AbortSignal) => Promise<Fact<Labels>>;
  /** What policies name may have changed, e.g. the public-good trust root. */
  readonly refresh: () => void;
  readonly gauges: readonly Gauge[];
  readonly close: () => Promise<void>;
}

/** Keeps the policies of a cluster compiled. */
export function keepPolicies(options: PolicyOptions): Policies {
  const { roots, clock, onPolicies } = options;
  const caches = openPolicyCaches({
    ...options,
    onPolicies: () => {
      refresh();
    },
  });
  const builtIn = [canaryPolicy(roots)];
  const store = createPolicyStore({ source: caches.source, roots, clock, builtIn, onChange: onPolicies });
  const refresh = coalesced(() => {
    // With half of what policies name, they would look like policies that name what does not exist.
    if (caches.waitingFor().length === 0) store.refresh();
  });
  void caches.synced.then(refresh, () => undefined);
  return {
    caches,
    store,
    builtIn: builtIn.map(({ name }) => name),
    namespaceLabels: namespaceReader(caches.namespaces, clock),
    refresh,
    gauges: [stalledGauge(store)],
    close: () => caches.close(),
  };
}

/** The policy that refuses the canaries of the self-test; a test holds that it compiles. */
function canaryPolicy(roots: TrustRoots): CompiledPolicy {
  const compiled = compilePolicy(CANARY_POLICY_DOCUMENT, { material: () => undefined, roots });
  if (compiled.ok) return compiled.value;
  throw new Error(`the policy of the self-test does not compile: ${compiled.problems[0]?.message ?? ''}`);
}

/** Makes one call of the several that are made in one moment. */
function coalesced(call: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    setImmediate(() => {
      asked = false;
      call();
    });
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
