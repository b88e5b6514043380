import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, type KeyedCertificate } from '../../../support/certificates.ts';

/** The cluster's certificates: PEM for us, files for the programs. */
export interface ClusterPki {
  readonly ca: string;
  readonly admin: KeyedCertificate;
  readonly controllerManager: KeyedCertificate;
  /** A certificate of the cluster's authority for one more user. */
  issueUser(commonName: string, organization?: string): Promise<KeyedCertificate>;
  /** Path of a file by its name, as in `file('ca.crt')`. */
  file(name: string): string;
}

const serverNames = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];

/**
 * Makes all keys and certificates of a cluster and writes those that its programs read into a folder. `address` is one more of the
 * API server.
 */
export async function createClusterPki(folder: string, address = '127.0.0.1'): Promise<ClusterPki> {
  const [ca, frontProxyCa] = await Promise.all([
    createAuthority('kubernetes-ca'),
    createAuthority('front-proxy-ca'),
  ]);
  const [apiserver, admin, controllerManager, frontProxy] = await Promise.all([
    ca.issue({
      commonName: 'kube-apiserver',
      dns: serverNames,
      ips: [...new Set(['127.0.0.1', '10.0.0.1', address])],
      usage: 'server',
    }),
    ca.issue({ commonName: 'admin', organization: 'system:masters', usage: 'client' }),
    ca.issue({ commonName: 'system:kube-controller-manager', usage: 'client' }),
    frontProxyCa.issue({ commonName: 'front-proxy-client', usage: 'client' }),
  ]);
  const serviceAccounts = generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const file = (name: string): string => join(folder, name);
  const files = {
    'ca.crt': ca.cert,
    'ca.key': ca.key,
    'apiserver.crt': apiserver.cert,
    'apiserver.key': apiserver.key,
    'admin.crt': admin.cert,
    'admin.key': admin.key,
    'front-proxy-ca.crt': frontProxyCa.cert,
    'front-proxy-client.crt': frontProxy.cert,
    'front-proxy-client.key': frontProxy.key,
    'service-accounts.key': serviceAccounts.privateKey,
    'service-accounts.pub': serviceAccounts.publicKey,
  };
  await Promise.all(Object.entries(files).map(([name, pem]) => writeFile(file(name), pem, { mode: 0o600 })));
  return {
    ca: ca.cert,
    admin,
    controllerManager,
    issueUser: (commonName, organization) =>
      ca.issue({ commonName, ...(organization !== undefined && { organization }), usage: 'client' }),
    file,
  };
}

/** A kubeconfig with everything inline. */
export function kubeconfig(server: string, ca: string, user: KeyedCertificate): string {
  const base64 = (pem: string): string => Buffer.from(pem).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'e2e',
    clusters: [{ name: 'e2e', cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [
      {
        name: 'e2e',
        user: { 'client-certificate-data': base64(user.cert), 'client-key-data': base64(user.key) },
      },
    ],
    contexts: [{ name: 'e2e', context: { cluster: 'e2e', user: 'e2e' } }],
  });
}

/** A kubeconfig whose user has a token. */
export function tokenKubeconfig(server: string, ca: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'e2e',
    clusters: [
      { name: 'e2e', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
    ],
    users: [{ name: 'e2e', user: { token } }],
    contexts: [{ name: 'e2e', context: { cluster: 'e2e', user: 'e2e' } }],
  });
}
