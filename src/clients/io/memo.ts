import { LRUCache } from 'lru-cache';
import type { Clock } from '../../core/model/index.ts';

/** A value, the moment from which it must not be used any more, and how much of `maxSize` it takes. */
export interface Lasting<T> {
  readonly value: T;
  readonly until: Date;
  readonly size?: number;
}

/** Remembers values for as long as they last. */
export interface Memo<T> {
  /** What is remembered under the key; `undefined` when nothing is, or nothing that still lasts. */
  readonly known: (key: string) => { readonly value: T } | undefined;
  /** Learns the value, once for all who ask meanwhile; goes on when a caller leaves. A failure is not remembered. */
  readonly learn: (key: string, load: () => Promise<Lasting<T>>) => Promise<T>;
  /** Forgets everything; a load under way leaves nothing behind. */
  readonly clear: () => void;
}

/** Makes an empty memo of at most so many values, and of so much size together; those least used go first. */
export function createMemo<T>(
  clock: Clock,
  { max, maxSize = Number.MAX_SAFE_INTEGER }: { readonly max: number; readonly maxSize?: number },
): Memo<T> {
  const sizeCalculation = ({ size = 0 }: Lasting<T>): number => Math.max(1, size);
  const remembered = new LRUCache<string, Lasting<T>>({ max, maxSize, sizeCalculation });
  const loads = new Map<string, Promise<T>>();

  const begin = (key: string, load: () => Promise<Lasting<T>>): Promise<T> => {
    const loading = load()
      .then((lasting) => {
        if (loads.get(key) === loading) remembered.set(key, lasting);
        return lasting.value;
      })
      .finally(() => loads.get(key) === loading && loads.delete(key));
    loading.catch(() => undefined); // its callers get the error; all of them may have left
    loads.set(key, loading);
    return loading;
  };

  return {
    known: (key) => {
      const lasting = remembered.get(key);
      return lasting && lasting.until > clock() ? lasting : undefined;
    },
    learn: (key, load) => loads.get(key) ?? begin(key, load),
    clear: () => {
      remembered.clear();
      loads.clear();
    },
  };
}

/** The outcome, or the error of `onAbort` as soon as the signal fires. What was begun goes on: others may wait for it. */
export async function unlessAborted<T>(
  outcome: Promise<T>,
  signal: AbortSignal,
  onAbort: () => Error,
): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(onAbort());
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([aborted, outcome]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
