import { LRUCache } from 'lru-cache';
import { unlessAborted } from '../single-flight.ts';

/** A value with the moment from which it must not be used any more. */
export interface Lasting<T> {
  readonly value: T;
  readonly until: Date;
}

/** What is asked of a {@link SharedMemo}. */
interface MemoQuestion<T> {
  readonly key: string;
  /** Learns the value; belongs to all who wait for it, so it gets no caller's signal. */
  readonly load: () => Promise<Lasting<T>>;
  /** A remembered value that will not do, e.g. because it was just refused. */
  readonly refused?: (value: T) => boolean;
  /** Ends the wait of this caller alone. */
  readonly signal: AbortSignal;
  /** What this caller gets thrown when its signal ends the wait. */
  readonly onAbort: () => Error;
}

/** Remembers values for as long as they last, and asks for each only once however many want it at the same time. */
type SharedMemo<T> = (question: MemoQuestion<T>) => Promise<{ readonly value: T; readonly fresh: boolean }>;

/** Most values remembered: logins and tokens of this many repositories; the least used go first. */
const MAX_REMEMBERED = 5_000;

/** Makes a memo that reads the time from `now`. Failures are not remembered. */
export function createSharedMemo<T>(now: () => Date): SharedMemo<T> {
  const remembered = new LRUCache<string, Lasting<T>>({ max: MAX_REMEMBERED });
  const loads = new Map<string, Promise<T>>();

  const begin = ({ key, load }: MemoQuestion<T>): Promise<T> => {
    const loading = load()
      .then((lasting) => {
        remembered.set(key, lasting);
        return lasting.value;
      })
      .finally(() => loads.delete(key));
    loading.catch(() => undefined); // every caller may have left by the time it fails
    loads.set(key, loading);
    return loading;
  };

  return async (question) => {
    const known = remembered.get(question.key);
    if (known && known.until > now() && question.refused?.(known.value) !== true) {
      return { value: known.value, fresh: false };
    }
    const loading = loads.get(question.key) ?? begin(question);
    return { value: await unlessAborted(loading, question), fresh: true };
  };
}
