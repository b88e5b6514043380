import { request, type Dispatcher } from 'undici';

/** What a load is: bodies to post, in order, by so many at a time. */
export interface Load {
  readonly url: string;
  readonly dispatcher: Dispatcher;
  /** The body of the n-th request; `undefined` ends the load. */
  readonly body: (n: number) => string | undefined;
  readonly parallel: number;
}

/** What a load showed. Times in milliseconds. */
export interface Measured {
  readonly decisions: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** Posts reviews until the bodies end. Every answer must be 200 and say what is expected; anything else ends the benchmark. */
export async function post({ url, dispatcher, body, parallel }: Load, allowed: boolean): Promise<Measured> {
  const times: number[] = [];
  let next = 0;
  const worker = async () => {
    for (let text = body(next++); text !== undefined; text = body(next++)) {
      const started = performance.now();
      const { statusCode, body: stream } = await request(url, { method: 'POST', body: text, dispatcher });
      const answer = (await stream.json()) as { readonly response: { readonly allowed: boolean } };
      times.push(performance.now() - started);
      if (statusCode !== 200 || answer.response.allowed !== allowed) {
        throw new Error(`unexpected answer: ${JSON.stringify(answer)}`);
      }
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: parallel }, worker));
  const seconds = (performance.now() - started) / 1_000;
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { decisions: times.length, perSecond: times.length / seconds, p50: at(0.5), p99: at(0.99) };
}
