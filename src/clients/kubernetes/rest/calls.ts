import type { Answer, Ask, Exchange } from './exchange.ts';

/** Sends a call that has to end, head and body, before the deadline. */
export type Calls = (ask: Omit<Ask, 'signal'>) => Promise<Answer>;

/** Gives every call its deadline. */
export function createCalls(exchange: Exchange, requestTimeoutMs: number): Calls {
  return (ask) => {
    const deadline = AbortSignal.timeout(requestTimeoutMs);
    const signal = ask.caller === undefined ? deadline : AbortSignal.any([ask.caller, deadline]);
    return exchange({ ...ask, signal });
  };
}
