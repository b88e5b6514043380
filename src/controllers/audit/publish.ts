import { digestOf, Fault, type Clock } from '../../core/model/index.ts';
import type { AuditPorts, WriteAnswer } from './ports.ts';

/** How values get to where they are read. */
export interface Publishing<T> {
  /** What is written, for a person: `status of ImagePolicy production`. */
  readonly about: (key: string) => string;
  /** What makes one value another one. */
  readonly essence: (value: T) => unknown;
  /** Milliseconds after which a value is written again although it has not changed. */
  readonly refreshMs: number;
  readonly write: (key: string, value: T, signal: AbortSignal) => Promise<WriteAnswer>;
  /** Absent = what is no longer wanted is left alone. */
  readonly remove?: (key: string, signal: AbortSignal) => Promise<WriteAnswer>;
  readonly clock: Clock;
  readonly onError: AuditPorts['onError'];
  readonly report: AuditPorts['report'];
}

/** Writes what changed, once. */
export interface Publisher<T> {
  /** Keys under which something is known to be written already, by this process or another writer. */
  readonly adopt: (keys: readonly string[]) => void;
  /** Makes what is written equal to this; what fails is tried again by the next call. */
  readonly publish: (wanted: ReadonlyMap<string, T>, signal: AbortSignal) => Promise<void>;
  /** Whether something failed at the last call, or has to be written again by now. */
  readonly due: () => boolean;
}

/** HTTP status of an answer that says that the object is gone. */
const NOT_FOUND = 404;

/** Remembers what was written by its hash. */
export function createPublisher<T>(given: Publishing<T>): Publisher<T> {
  const written = new Map<string, { readonly hash: string; readonly at: number }>();
  let behind = false;

  const attempt = async (
    key: string,
    call: () => Promise<WriteAnswer>,
    signal: AbortSignal,
  ): Promise<boolean> => {
    const operation = `write ${given.about(key)}`;
    try {
      const answer = await call();
      // The object was removed, and the value with it.
      if (answer.ok || answer.status === NOT_FOUND) return true;
      given.onError({ operation, detail: answer.message });
    } catch (error) {
      if (signal.aborted) return false;
      if (error instanceof Fault) given.onError({ operation, detail: error.message });
      else given.report(error);
    }
    behind = true;
    return false;
  };
  const write = async (key: string, value: T, signal: AbortSignal) => {
    const hash = digestOf(JSON.stringify(given.essence(value)));
    const at = given.clock().getTime();
    const before = written.get(key);
    if (before?.hash === hash && at - before.at < given.refreshMs) return;
    if (await attempt(key, () => given.write(key, value, signal), signal)) written.set(key, { hash, at });
  };
  const drop = async (key: string, signal: AbortSignal) => {
    const { remove } = given;
    if (!remove || (await attempt(key, () => remove(key, signal), signal))) written.delete(key);
  };

  return {
    adopt: (keys) => {
      for (const key of keys) if (!written.has(key)) written.set(key, { hash: '', at: 0 });
    },
    due: () => {
      const now = given.clock().getTime();
      return behind || [...written.values()].some(({ at }) => now - at >= given.refreshMs);
    },
    publish: async (wanted, signal) => {
      behind = false;
      for (const [key, value] of wanted) {
        if (signal.aborted) return;
        await write(key, value, signal);
      }
      for (const key of written.keys()) {
        if (signal.aborted) return;
        if (!wanted.has(key)) await drop(key, signal);
      }
    },
  };
}
