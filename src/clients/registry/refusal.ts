import * as z from 'zod';
import { type Fault, type ReasonCode, parseJson } from '../../core/model/index.ts';
import { readBody } from './body.ts';
import type { Call } from './call.ts';
import type { Answer } from './exchange.ts';
import { fault } from './fault.ts';

/** Most of a refusal that is read, in bytes: the codes come first, and the rest is not used. */
const MAX_REFUSAL_BYTES = 16 * 1024;

// A code in capitals (distribution spec, "Error Codes"): the one thing in a refusal that is safe to repeat.
const wire = z.object({
  errors: z.array(z.object({ code: z.string().regex(/^[A-Z][A-Z0-9_]{1,63}$/) })).min(1),
});

const MEANINGS: Readonly<Record<number, readonly [ReasonCode, string]>> = {
  401: ['RegistryDenied', 'it needs a login, or refuses this one'],
  403: ['RegistryDenied', 'this login may not change it'],
  404: ['RegistryDenied', 'it has no such repository, or hides it from this login'],
  405: ['RegistryDenied', 'it does not let itself be changed'],
  409: ['RegistryDenied', 'it does not let this be replaced'],
  412: ['RegistryDenied', 'a rule of its own is against it'],
  413: ['LimitExceeded', 'it takes nothing this large'],
  429: ['RegistryRateLimited', 'it asks to slow down'],
  507: ['RegistryUnavailable', 'it has no room left'],
};

/** The Fault for a write that was refused; the answer is read to find the registry's own code for it. */
export async function faultOfRefusal(call: Call, answer: Answer): Promise<Fault> {
  const { status, url } = answer;
  const ownCode = await codeIn(call, answer);
  const answered = `${url.host} answered ${String(status)}${ownCode === undefined ? '' : ` ${ownCode}`}`;
  const [code, meaning] = MEANINGS[status] ?? [
    status >= 500 ? 'RegistryUnavailable' : 'RegistryMisbehaved',
    'it does not take this',
  ];
  return fault(call, code, `${answered}: ${meaning}`);
}

async function codeIn(call: Call, answer: Answer): Promise<string | undefined> {
  try {
    return wire.safeParse(parseJson(await readBody(call, answer, MAX_REFUSAL_BYTES))).data?.errors[0]?.code;
  } catch {
    return undefined; // the status is enough
  }
}
