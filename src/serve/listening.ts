import { readText } from '../clients/files/index.ts';
import { explainStart, startServer, type Server } from '../clients/http-server/index.ts';
import { failed, parsed, problem, type Log, type Parsed } from '../core/model/index.ts';
import type { Settings } from '../core/settings/index.ts';

type Address = Settings['webhook']['listen'];

/** Listens and says where, or says which flag or setting is to blame. */
export async function listen(
  address: Address,
  flag: string,
  { log, ...given }: Omit<Parameters<typeof startServer>[0], 'host' | 'port'> & { readonly log?: Log },
): Promise<Parsed<Server>> {
  try {
    const server = await startServer({ ...address, ...given });
    log?.info({ setting: flag, address: shown({ ...address, port: server.port }) }, 'listening');
    return parsed(server);
  } catch (error) {
    const { about, message } = explainStart(error);
    return problem(about === 'address' ? `${flag} ${shown(address)}` : '--tls-cert, --tls-key', message);
  }
}

/** The URL of a server, with the address at which it listens, or will. */
export function urlOf({ host }: Address, port: number, scheme = 'https'): string {
  return `${scheme}://${shown({ host, port })}`;
}

/** Where no host is given, a server listens on all addresses. */
function shown({ host, port }: Address): string {
  const at = host === '' ? '::' : host;
  return `${at.includes(':') ? `[${at}]` : at}:${String(port)}`;
}

/** Reads certificate and key of the webhook from the files that the settings name. */
export async function readTls({
  tlsCert,
  tlsKey,
}: Pick<Settings['webhook'], 'tlsCert' | 'tlsKey'>): Promise<
  Parsed<{ readonly cert: string; readonly key: string }>
> {
  if (tlsCert === undefined || tlsKey === undefined) {
    const missing = [
      ...(tlsCert === undefined ? ['--tls-cert'] : []),
      ...(tlsKey === undefined ? ['--tls-key'] : []),
    ];
    const why = `${missing.length > 1 ? 'are' : 'is'} needed: the API server calls webhooks over HTTPS only`;
    return problem(missing.join(', '), why);
  }
  const [cert, key] = await Promise.all([readText(tlsCert), readText(tlsKey)]);
  if (cert.ok && key.ok) return parsed({ cert: cert.value, key: key.value });
  return failed([cert, key]);
}
