import { Fault } from '../../core/model/index.ts';
import { objectionToUrl, parseSentUrl } from '../http/index.ts';
import type { Ask, Call } from './call.ts';
import { fault, quote } from './fault.ts';

type Opened = AsyncIterable<Uint8Array> | undefined;

/**
 * Opens a layer at the first of the addresses that has it; `undefined` where all of them answer 404. A stranger wrote the addresses: no
 * login is sent there, hosts are public or named by an administrator, and what comes is proven by its digest as every blob is.
 */
export async function openForeign(
  call: Call,
  urls: readonly string[],
  open: (ask: Pick<Ask, 'url' | 'isForeign'>) => Promise<Opened>,
): Promise<Opened> {
  let failure: Fault | undefined;
  for (const text of urls) {
    try {
      const opened = await open({ url: parseForeign(call, text), isForeign: true });
      if (opened) return opened;
    } catch (error) {
      if (!(error instanceof Fault) || call.signal.aborted) throw error;
      // What may pass is worth another try, whatever the other addresses are.
      if (failure?.transient !== true) failure = error;
    }
  }
  if (failure) throw failure;
  return undefined;
}

function parseForeign(call: Call, text: string): URL {
  const url = parseSentUrl(text);
  const objection = url && objectionToUrl(url, call.endpoint, call.endpoint.rules);
  if (url && objection === undefined) return url;
  // Without the rest of it, which may hold a login or a token.
  const where = url
    ? `is said to be at ${quote(url.host)}: ${objection ?? ''}`
    : 'has an address that is none';
  throw fault(call, 'UntrustedEndpoint', `the foreign layer ${where}`);
}
