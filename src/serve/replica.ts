import { createPullSecrets, type Cluster } from '../clients/kubernetes/index.ts';
import { readTrustRoot } from '../clients/sigstore/index.ts';
import { Fault, type Fact, type Log } from '../core/model/index.ts';
import { compilePolicy, type CompiledPolicy, type TrustRoots } from '../core/policy/index.ts';
import type { Settings } from '../core/settings/index.ts';
import { CANARY_POLICY_DOCUMENT } from '../core/workload/index.ts';
import type { AdmissionPorts, MutationPorts } from '../webhook/index.ts';
import {
  createPolicyStore,
  namespaceReader,
  type PolicyStore,
  type PublicRoot,
} from '../controllers/policies/index.ts';
import { openCaches, type Caches } from './caches.ts';
import { accessFor, type AccessParts, type Credentials } from './credentials.ts';
import type { OpenJudging } from './judging.ts';
import { openPublicRoot } from './root-refresh.ts';
import { clock, logReadFailure } from './process-context.ts';
import type { Telemetry } from './telemetry.ts';

/** What every replica in a cluster has: caches, compiled policies, and the ports of the webhooks over them. */
export interface Replica {
  readonly caches: Caches;
  readonly held: PolicyStore;
  /** Names of the policies that are no objects of the cluster. */
  readonly builtIn: readonly string[];
  readonly publicRoot: PublicRoot;
  readonly validating: AdmissionPorts;
  readonly mutating: MutationPorts;
  /** Judges as the webhook does. */
  readonly judge: AdmissionPorts['judge'];
  readonly close: () => Promise<void>;
}

/** What opening a replica takes. */
export interface ReplicaOptions {
  readonly settings: Settings;
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly judging: OpenJudging;
  readonly telemetry: Telemetry;
  readonly log: Log;
  /** Told after policies were swapped, with the names of those that changed. */
  readonly onPolicies: (names: readonly string[]) => void;
  readonly onSecret: (name: string) => void;
  readonly onNamespace: (name: string) => void;
}

/** Opens the caches of a replica and what is made from them. Nothing may be judged before the caches are synced. */
export function openReplica(options: ReplicaOptions): Replica {
  const { settings, cluster, namespace, judging, telemetry, log } = options;
  const publicRoot = openPublicRoot(settings, log, () => {
    refresh();
  });
  const roots: TrustRoots = { read: readTrustRoot, publicGood: publicRoot.current };
  const caches = openCaches({
    cluster,
    namespace,
    clock,
    onPolicies: () => {
      refresh();
    },
    onSecret: options.onSecret,
    onNamespace: options.onNamespace,
    onError: logReadFailure(log),
  });
  const builtInPolicies = [builtIn(roots)];
  const held = createPolicyStore({
    source: caches.source,
    roots,
    clock,
    builtIn: builtInPolicies,
    onChange: (names) => {
      log.info({ policies: names, inForce: held.current().length }, 'policies changed');
      options.onPolicies(names);
    },
  });
  const refresh = coalesced(() => {
    // Half of what a policy names would look like a policy that names what is not there.
    if (caches.waitingFor().length === 0) held.refresh();
  });
  void caches.synced.then(refresh, () => undefined);

  const access = accessOver({ settings, cluster, judging });
  const judge: AdmissionPorts['judge'] = ({ credentials, ...question }) =>
    judging.judge({ ...question, ...(credentials && access(credentials, question.signal)) });
  const common = {
    policies: held.current,
    namespaceLabels: namespaceReader(caches.namespaces, clock),
    workloads: judging.workloads,
    report: telemetry.report,
  };
  return {
    caches,
    held,
    builtIn: builtInPolicies.map(({ name }) => name),
    publicRoot,
    judge,
    validating: {
      ...common,
      judge,
      parent: (address, signal) => read(() => cluster.get(address, signal)),
      onDecision: telemetry.onDecision,
    },
    mutating: {
      ...common,
      objects: settings.pinning.objects,
      resolve: (images, credentials, signal) => {
        const how = { signal, ...access(credentials, signal) };
        return Promise.all(images.map((image) => judging.pin(image, how)));
      },
      onMutation: telemetry.onMutation,
    },
    close: async () => {
      publicRoot.close();
      await caches.close();
    },
  };
}

/** The policy that refuses the canaries of the self-test; that it compiles is a test's business. */
function builtIn(roots: TrustRoots): CompiledPolicy {
  const compiled = compilePolicy(CANARY_POLICY_DOCUMENT, { material: () => undefined, roots });
  if (compiled.ok) return compiled.value;
  throw new Error(`the policy of the self-test does not compile: ${compiled.problems[0]?.message ?? ''}`);
}

/** Several changes of one moment are looked at once. */
function coalesced(look: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    setImmediate(() => {
      asked = false;
      look();
    });
  };
}

function accessOver({
  settings: { credentials },
  cluster,
  judging,
}: Pick<ReplicaOptions, 'settings' | 'cluster' | 'judging'>) {
  if (!credentials.pullSecrets) return () => ({});
  const { read: readSecrets } = createPullSecrets({ cluster, clock, rememberMs: credentials.rememberMs });
  const parts: AccessParts = { read: readSecrets, registry: judging.registry, own: judging.keychain, clock };
  return (asked: Credentials, signal: AbortSignal) => ({ access: accessFor(asked, parts, signal) });
}

/** An object of the API server as a fact. */
async function read(ask: () => Promise<unknown>): Promise<Fact<unknown>> {
  try {
    const value = await ask();
    return value === undefined
      ? { state: 'absent', seenAt: clock() }
      : { state: 'found', value, seenAt: clock() };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return {
      state: 'unknown',
      reason: { code: error.code, detail: error.message },
      transient: error.transient,
    };
  }
}
