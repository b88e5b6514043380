import { createPullSecrets, watchCollection, type Cluster } from '../clients/kubernetes/index.ts';
import { pullSecretLogins } from '../clients/registry/index.ts';
import { readTrustRoot } from '../clients/sigstore/index.ts';
import { keepPolicies } from '../controllers/policies/index.ts';
import { accessFor, learn, type Access, type Credentials } from '../core/evidence/index.ts';
import { clock, logReadFailure, type Parts, type Replica } from './parts.ts';
import { openPublicRoot } from './root-refresh.ts';

/** What opening a replica takes. */
export interface ReplicaOptions extends Parts {
  /** Policies were swapped; the names are those that changed. */
  readonly onPolicies: (names: readonly string[]) => void;
  readonly onSecret: (name: string) => void;
  readonly onNamespace: (name: string) => void;
}

/** Opens the policies of a replica and what is made from them. Nothing may be judged before they are synced. */
export function openReplica(options: ReplicaOptions): Replica {
  const { settings, cluster, namespace, judging, telemetry, log } = options;
  const publicRoot = openPublicRoot(settings, { log, clock }, () => {
    policies.refresh();
  });
  const { report } = telemetry;
  const policies = keepPolicies({
    ...{ cluster, watchCollection, namespace, clock, report },
    roots: { read: readTrustRoot, publicGood: publicRoot.current },
    onPolicies: (names) => {
      log.info({ policies: names, inForce: policies.store.current().length }, 'policies changed');
      options.onPolicies(names);
    },
    onSecret: options.onSecret,
    onNamespace: options.onNamespace,
    onError: logReadFailure(log),
  });
  const access = accessOver(options);
  const common = {
    policies: policies.store.current,
    namespaceLabels: policies.namespaceLabels,
    ...{ workloads: judging.workloads, decodeElsewhere: judging.decodeElsewhere },
    ...{ objects: settings.pinning.objects, report },
  };
  return {
    policies,
    publicRoot,
    validating: {
      ...common,
      judge: ({ credentials, ...question }) =>
        judging.judge({ ...question, access: credentials && access(credentials, question.signal) }),
      parent: (address, signal) => learn(() => cluster.get(address, signal), { clock, report }),
      onDecision: telemetry.onDecision,
    },
    mutating: {
      ...common,
      resolve: (images, credentials, signal) => {
        const how = { signal, access: access(credentials, signal), policies: policies.store.current() };
        return Promise.all(images.map((image) => judging.pin(image, { ...how, owner: credentials })));
      },
      onMutation: telemetry.onMutation,
    },
    close: async () => {
      publicRoot.close();
      await policies.close();
    },
  };
}

/** The logins that an object brings along; `undefined` where the settings read no pull secrets. */
function accessOver({
  settings: { credentials },
  cluster,
  judging: { registry, keychain: own },
}: Pick<ReplicaOptions, 'settings' | 'judging'> & { readonly cluster: Pick<Cluster, 'get'> }) {
  const { pullSecrets, rememberMs } = credentials;
  const { read } = createPullSecrets({ cluster, clock, rememberMs });
  const parts = { read, loginsIn: pullSecretLogins, registry, own, clock };
  return (asked: Credentials, signal: AbortSignal): Access | undefined =>
    pullSecrets ? accessFor(asked, parts, signal) : undefined;
}
