import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { openCluster } from '../../../src/clients/kubernetes/index.ts';
import type { ClusterOptions } from '../../../src/clients/kubernetes/cluster.ts';
import type { Cluster } from '../../../src/clients/kubernetes/types.ts';
import { Fault } from '../../../src/core/model/index.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

export const CONFIG_MAPS = { group: '', version: 'v1', plural: 'configmaps' } as const;
export const ACME = { resource: CONFIG_MAPS, namespace: 'acme' } as const;

export function configMap(name: string, data: Readonly<Record<string, string>> = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'acme' }, data };
}

/** A kubeconfig of one context. */
export function kubeconfig(server: string, user: object, cluster: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'acme',
    clusters: [{ name: 'acme', cluster: { server, ...cluster } }],
    users: [{ name: 'robot', user }],
    contexts: [{ name: 'acme', context: { cluster: 'acme', user: 'robot' } }],
  };
}

/** Opens the client of a server; fails the test if that fails. Its folder is removed with it. */
export async function open(
  server: string,
  {
    user = {},
    files = {},
    ...options
  }: { user?: object; files?: Readonly<Record<string, unknown>> } & Partial<ClusterOptions> = {},
): Promise<Cluster & { readonly folder: Awaited<ReturnType<typeof temporaryFolder>> }> {
  const folder = await temporaryFolder({ ...files, kubeconfig: kubeconfig(server, user) });
  const opened = await openCluster({
    kubeconfig: `${folder.path}/kubeconfig`,
    userAgent: 'pratique/0.0.0',
    ...options,
  });
  if (!opened.ok) throw new Error(JSON.stringify(opened.problems));
  const { value } = opened;
  const close = async (): Promise<void> => {
    await value.close();
    await folder.remove();
  };
  return { ...value, folder, close };
}

/** The Fault of a promise that must fail. */
export async function faultOf(doing: Promise<unknown>, code: Fault['code']): Promise<Fault> {
  const error = await doing.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Fault)) throw new Error(`no fault but ${String(error)}`, { cause: error });
  expect(error.code, error.message).to.equal(code);
  expect(error.side).to.equal('cluster');
  return error;
}

/** Longer than anything here takes on a busy machine. */
const WITHIN_MS = 50_000;

/** Checks again and again until the condition holds. */
export async function eventually(what: string, check: () => boolean): Promise<void> {
  const until = performance.now() + WITHIN_MS;
  while (!check()) {
    if (performance.now() > until) throw new Error(`not in time: ${what}`);
    await sleep(5);
  }
}
