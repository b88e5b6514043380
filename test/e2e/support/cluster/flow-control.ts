import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { Cluster } from './cluster.ts';
import { registerWebhook } from '../installation/webhook-registration.ts';

/** Creates objects as the account that receives 429. */
export interface Writer {
  create(
    collection: { resource: { group: string; version: string; plural: string }; namespace: string },
    object: object,
    options: { signal: AbortSignal },
  ): Promise<unknown>;
}

const FLOW = 'flowcontrol.apiserver.k8s.io/v1';
const NAME = 'no-seats';
const PODS = { group: '', version: 'v1', plural: 'pods' };

/**
 * From now on the API server answers 429 to a ServiceAccount: its requests belong to a priority level without its own seats, where
 * one request is admitted at a time, and a webhook that never answers holds that one. Returns a function that ends this.
 */
export async function useAllSeats(
  cluster: Cluster,
  account: { readonly namespace: string; readonly name: string },
  writer: Writer,
): Promise<() => Promise<void>> {
  const mute = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const url = `https://127.0.0.1:${(mute.address() as AddressInfo).port}/`;
  const unregister = await registerWebhook(cluster, { url, caPem: cluster.caPem, timeoutSeconds: 30 });
  for (const object of [level, schemaFor(account)]) await cluster.apply(object);
  const inForce = await cluster.kubectl(['wait', '--for=condition=Dangling=False', `flowschema/${NAME}`]);
  if (inForce.code !== 0) throw new Error(`the FlowSchema is not in force: ${inForce.stderr}`);

  const leaving = new AbortController();
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'seated' },
    spec: { containers: [{ name: 'web', image: 'registry.example.com/web' }] },
  };
  const asked = once(mute, 'connection');
  const { namespace } = account;
  const seated = writer.create({ resource: PODS, namespace }, pod, { signal: leaving.signal });
  await Promise.race([asked, seated]);
  return async () => {
    leaving.abort();
    await seated.catch(() => undefined); // this request was sent only to be aborted
    await cluster.kubectl(['delete', 'flowschema,prioritylevelconfiguration', NAME]);
    await unregister();
    mute.close();
  };
}

const level = {
  apiVersion: FLOW,
  kind: 'PriorityLevelConfiguration',
  metadata: { name: NAME },
  spec: {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: 0,
      lendablePercent: 0,
      borrowingLimitPercent: 0,
      limitResponse: { type: 'Reject' },
    },
  },
};

function schemaFor({ namespace, name }: { readonly namespace: string; readonly name: string }): object {
  const resourceRules = [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true },
  ];
  const subjects = [{ kind: 'ServiceAccount', serviceAccount: { name, namespace } }];
  return {
    apiVersion: FLOW,
    kind: 'FlowSchema',
    metadata: { name: NAME },
    spec: {
      priorityLevelConfiguration: { name: NAME },
      matchingPrecedence: 50,
      rules: [{ subjects, resourceRules }],
    },
  };
}
