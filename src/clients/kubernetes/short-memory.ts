import { LRUCache } from 'lru-cache';
import type { Clock } from '../../core/model/index.ts';

/** An answer, how long it may be used, and how much room it takes. */
export interface Remembered<T> {
  readonly value: T;
  readonly forMs: number;
  /** Characters, for the limit of them all. */
  readonly size: number;
}

/** Remembers answers for a short time, and asks for each only once however many want it at the same moment. */
export interface ShortMemory<T> {
  /** The answer; a pending load is shared, and continues when this caller no longer waits. Rejects as `load` does. */
  readonly recall: (key: string, load: () => Promise<Remembered<T>>) => Promise<T>;
  readonly clear: () => void;
}

/** Makes a memory of at most so many entries and characters; what was used least goes first. */
export function createShortMemory<T>(
  clock: Clock,
  limits: { readonly entries: number; readonly size: number },
): ShortMemory<T> {
  const entries = new LRUCache<string, { readonly answer: Remembered<T>; readonly until: number }>({
    max: limits.entries,
    maxSize: limits.size,
    sizeCalculation: ({ answer }) => Math.max(1, answer.size),
  });
  const flights = new Map<string, Promise<T>>();

  const launch = (key: string, load: () => Promise<Remembered<T>>): Promise<T> => {
    const flight = load()
      .then((answer) => {
        // Counted from the answer; a flight that `clear` forgot leaves nothing behind.
        if (flights.get(key) === flight)
          entries.set(key, { answer, until: clock().getTime() + answer.forMs });
        return answer.value;
      })
      .finally(() => flights.get(key) === flight && flights.delete(key));
    flight.catch(() => undefined); // Its callers get the error; all of them may have left.
    flights.set(key, flight);
    return flight;
  };

  return {
    recall: (key, load) => {
      const known = entries.get(key);
      if (known && known.until > clock().getTime()) return Promise.resolve(known.answer.value);
      return flights.get(key) ?? launch(key, load);
    },
    clear: () => {
      entries.clear();
      flights.clear();
    },
  };
}
