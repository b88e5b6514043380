import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask } from './api-request.ts';
import { kubeconfig, type ClusterPki } from './pki.ts';
import { freePort } from '../programs/ports.ts';
import { startProcess, type RunningProcess } from '../programs/process.ts';
import type { Workspace } from '../programs/workspace.ts';

/** The programs of the control plane, and what they share. */
export interface ControlPlane {
  readonly workspace: Workspace;
  readonly pki: ClusterPki;
  readonly programs: Readonly<Record<'etcd' | 'kube-apiserver' | 'kube-controller-manager', string>>;
  readonly etcdPort: number;
  readonly server: string;
}

/** etcd, which keeps its data only until the end of the run. */
export async function startEtcd({ workspace, programs, etcdPort }: ControlPlane): Promise<RunningProcess> {
  const client = `http://127.0.0.1:${etcdPort}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  return startProcess({
    workspace,
    name: 'etcd',
    command: programs.etcd,
    args: [
      '--name=e2e',
      `--data-dir=${join(workspace.memory, 'etcd')}`,
      '--unsafe-no-fsync',
      '--log-level=warn',
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=e2e=${peer}`,
    ],
    ready: async () => (await fetch(`${client}/health`)).ok,
  });
}

/** kube-apiserver on loopback; it waits for etcd by itself. */
export async function startApiserver(
  plane: ControlPlane,
  extraArgs: readonly string[],
): Promise<RunningProcess> {
  const { file } = plane.pki;
  return startProcess({
    workspace: plane.workspace,
    name: 'kube-apiserver',
    command: plane.programs['kube-apiserver'],
    args: [
      `--etcd-servers=http://127.0.0.1:${plane.etcdPort}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${new URL(plane.server).port}`,
      '--endpoint-reconciler-type=none',
      '--service-cluster-ip-range=10.0.0.0/24',
      '--allow-privileged=true',
      '--authorization-mode=Node,RBAC',
      `--client-ca-file=${file('ca.crt')}`,
      `--tls-cert-file=${file('apiserver.crt')}`,
      `--tls-private-key-file=${file('apiserver.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${file('service-accounts.pub')}`,
      `--service-account-signing-key-file=${file('service-accounts.key')}`,
      `--requestheader-client-ca-file=${file('front-proxy-ca.crt')}`,
      '--requestheader-allowed-names=front-proxy-client',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-username-headers=X-Remote-User',
      `--proxy-client-cert-file=${file('front-proxy-client.crt')}`,
      `--proxy-client-key-file=${file('front-proxy-client.key')}`,
      '--profiling=false',
      '--v=1',
      ...extraArgs,
    ],
    ready: () => answersOk(plane, '/readyz'),
  });
}

/** kube-controller-manager; ready when it has given the default namespace its ServiceAccount. */
export async function startControllerManager(plane: ControlPlane): Promise<RunningProcess> {
  const { workspace, pki, server } = plane;
  const config = join(workspace.folder, 'controller-manager.kubeconfig');
  await writeFile(config, kubeconfig(server, pki.ca, pki.controllerManager), { mode: 0o600 });
  return startProcess({
    workspace,
    name: 'kube-controller-manager',
    command: plane.programs['kube-controller-manager'],
    args: [
      `--kubeconfig=${config}`,
      `--authentication-kubeconfig=${config}`,
      `--authorization-kubeconfig=${config}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${await freePort()}`,
      '--leader-elect=false',
      '--use-service-account-credentials=true',
      // With the default of 20 requests a second the first ServiceAccount takes four seconds longer.
      '--kube-api-qps=500',
      '--kube-api-burst=1000',
      '--min-resync-period=12h',
      `--service-account-private-key-file=${pki.file('service-accounts.key')}`,
      `--root-ca-file=${pki.file('ca.crt')}`,
      `--cluster-signing-cert-file=${pki.file('ca.crt')}`,
      `--cluster-signing-key-file=${pki.file('ca.key')}`,
      '--profiling=false',
      '--v=1',
    ],
    ready: () => answersOk(plane, '/api/v1/namespaces/default/serviceaccounts/default'),
  });
}

async function answersOk({ server, pki }: ControlPlane, path: string): Promise<boolean> {
  const { status } = await ask(`${server}${path}`, { ca: pki.ca, ...pki.admin });
  return status === 200;
}
