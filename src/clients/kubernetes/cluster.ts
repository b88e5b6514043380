import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { parsed, type Parsed } from '../../core/model/index.ts';
import { createExchange, type Ask, type ExchangeOptions } from './rest/exchange.ts';
import { createReads, createWrites } from './rest/objects.ts';
import { createLogins } from './login.ts';
import type { Cluster } from './types.ts';
import { createWatch } from './rest/watch.ts';

export interface ClusterOptions extends ExchangeOptions {
  /** Path of a kubeconfig; absent = the cluster whose pod we are. */
  readonly kubeconfig?: string;
  /** `pratique/1.2.3`: the part before the slash is also the name under which plain writes own fields. */
  readonly userAgent: string;
  /** For one call with all its pauses and attempts; 30 000 when absent, the longest a webhook may hold up a write. */
  readonly requestTimeoutMs?: number;
}

const DEFAULT_REQUEST_TIMEOUT_MS = 30_000;

/**
 * The client of an API server. Certificates, tokens, token files, exec plugins and the in-cluster login come from
 * @kubernetes/client-node and are read again while the client lives. Opens no connection yet; the problems are those of
 * the configuration. Plain `http` and unverified TLS are for loopback only.
 */
export async function openCluster(options: ClusterOptions): Promise<Parsed<Cluster>> {
  // Half a second and 80 MB, and only for those who come here.
  const { readInCluster, readKubeconfig } = await import('./kube-config.ts');
  const { kubeconfig, userAgent, requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS } = options;
  const load = (): Promise<Parsed<KubeConfig>> =>
    kubeconfig === undefined ? readInCluster() : readKubeconfig(kubeconfig);
  const config = await load();
  if (!config.ok) return config;
  const server = (config.value.getCurrentCluster()?.server ?? '').replace(/\/+$/, '');
  const logins = createLogins(load, config.value);
  const { exchange, close } = createExchange(server, userAgent, logins, options);
  const calls = (ask: Omit<Ask, 'signal'>): ReturnType<typeof exchange> => {
    const deadline = AbortSignal.timeout(requestTimeoutMs);
    return exchange({ ...ask, signal: ask.caller ? AbortSignal.any([ask.caller, deadline]) : deadline });
  };
  return parsed({
    server,
    ...createReads(calls),
    ...createWrites(calls),
    watch: createWatch(exchange, requestTimeoutMs),
    close,
  });
}

/** The kubeconfig that kubectl would use; `undefined` = there is none. */
export function usualKubeconfig({
  KUBECONFIG = '',
  HOME = '',
}: Readonly<Record<string, string | undefined>>): string | undefined {
  if (KUBECONFIG !== '') return KUBECONFIG;
  const usual = join(HOME, '.kube', 'config');
  return HOME !== '' && existsSync(usual) ? usual : undefined;
}
