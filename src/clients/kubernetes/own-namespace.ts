import { errorCode } from '../../core/model/index.ts';
import { readFile } from 'node:fs/promises';

/** Where the kubelet puts what a pod needs to speak to its API server. */
export const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The namespace of the pod we run in; `undefined` outside a cluster. Throws the system's error when it is unreadable. */
export async function ownNamespace(folder = SERVICE_ACCOUNT_FOLDER): Promise<string | undefined> {
  try {
    const name = (await readFile(`${folder}/namespace`, 'utf8')).trim();
    return name === '' ? undefined : name;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
