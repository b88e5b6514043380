/** Share of the budget after which work is asked to stop; the rest is for the refusal, should some work ignore the signal. */
const SOFT_STOP_SHARE = 0.95;

/** The result of the work, or `undefined` when it missed its deadline. Milliseconds. */
export async function within<T>(
  budgetMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const { promise: tooLate, resolve } = Promise.withResolvers<undefined>();
  const stop = new AbortController();
  const end = performance.now() + budgetMs;
  // One timer after the other: nearly all work is done before the first.
  let timer = setTimeout(() => {
    timer = setTimeout(
      () => {
        resolve(undefined);
      },
      Math.max(0, end - performance.now()),
    );
    stop.abort(new DOMException('the time for this is over', 'TimeoutError'));
  }, budgetMs * SOFT_STOP_SHARE);
  try {
    return await Promise.race([work(stop.signal), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
