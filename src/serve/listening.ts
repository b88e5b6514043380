import { explainStart, startServer, type Route, type Server } from '../clients/http-server/index.ts';
import { parsed, problem, type Parsed } from '../core/model/index.ts';
import type { Settings } from '../core/settings/index.ts';

/** Bytes of a request that needs no body. */
const NO_BODY = 1_024;

type Address = Settings['webhook']['listen'];

/** A page that is read: probes and metrics. */
export function page(
  path: string,
  contentType: string,
  body: () => Promise<{ readonly status: number; readonly body: string }>,
): Route {
  return {
    method: 'get',
    path,
    maxBodyBytes: NO_BODY,
    handle: async () => ({ contentType, ...(await body()) }),
  };
}

/** Listens, or says which flag or setting is to blame. */
export async function listen(
  address: Address,
  flag: string,
  given: Omit<Parameters<typeof startServer>[0], 'host' | 'port'>,
): Promise<Parsed<Server>> {
  try {
    return parsed(await startServer({ ...address, ...given }));
  } catch (error) {
    const { about, message } = explainStart(error);
    return problem(about === 'address' ? `${flag} ${shown(address)}` : '--tls-cert, --tls-key', message);
  }
}

/** The URL at which a server can be reached, as people would type it. */
export function urlOf({ host }: Address, port: number): string {
  return `https://${host === '' ? 'localhost' : bracketed(host)}:${String(port)}`;
}

function shown({ host, port }: Address): string {
  return `${bracketed(host)}:${String(port)}`;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
