import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority } from '../../../support/certificates.ts';
import { ask } from '../cluster/api-request.ts';
import { freePort } from '../programs/ports.ts';
import { startProcess } from '../programs/process.ts';
import { PRODUCT } from '../programs/product.ts';
import { openWorkspace } from '../programs/workspace.ts';

export interface WebhookStart {
  /** Folder with the policies. */
  readonly standalone: string;
  /** More arguments for `serve`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The built product, serving as a separate process. */
export interface Webhook {
  /** https, without a path. */
  readonly url: string;
  readonly caPem: string;
  readonly pid: number;
  /** Everything it has logged so far. */
  log(): Promise<string>;
  /** Stops it and returns its exit code. */
  stop(): Promise<number>;
}

/** Starts `pratique serve --standalone` and returns when it is ready. */
export async function startWebhook({ standalone, args = [], env = {} }: WebhookStart): Promise<Webhook> {
  const workspace = await openWorkspace('webhook');
  try {
    const authority = await createAuthority('webhook-ca');
    const leaf = await authority.issue({
      commonName: 'webhook',
      dns: ['localhost'],
      ips: ['127.0.0.1'],
      usage: 'server',
    });
    const certFile = join(workspace.folder, 'tls.crt');
    const keyFile = join(workspace.folder, 'tls.key');
    await Promise.all([writeFile(certFile, leaf.cert), writeFile(keyFile, leaf.key, { mode: 0o600 })]);
    const host = `127.0.0.1:${await freePort()}`;
    const serving = [
      '--standalone',
      standalone,
      '--listen',
      host,
      '--tls-cert',
      certFile,
      '--tls-key',
      keyFile,
    ];
    const url = `https://${host}`;
    const running = await startProcess({
      workspace,
      name: 'webhook',
      command: process.execPath,
      args: [PRODUCT, 'serve', ...serving, ...args],
      // A separate home folder, without the registry logins of the developer.
      env: { HOME: workspace.folder, DOCKER_CONFIG: join(workspace.folder, 'docker'), ...env },
      ready: async () => (await ask(`${url}/readyz`, { ca: authority.cert })).status === 200,
    });
    const stop = async (): Promise<number> => {
      const code = await running.stop();
      await workspace.close();
      return code;
    };
    return { url, caPem: authority.cert, pid: running.pid, log: running.log, stop };
  } catch (error) {
    await workspace.close();
    throw error;
  }
}
