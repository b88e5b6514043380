import { readFile } from 'node:fs/promises';
import { errorCode } from './fault.ts';
import { SERVICE_ACCOUNT_FOLDER } from './service-account.ts';

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
