import { LRUCache } from 'lru-cache';
import type { Clock } from '../model/index.ts';

/** Gives bytes back; a second time it does nothing. */
export type ReleaseBytes = () => void;

/** For whom bytes are held, and whose they are. */
export interface ByteShare {
  /** The namespace that asks; empty = none. */
  readonly owner: string;
  /** The registry that sends them. */
  readonly registry: string;
}

/** Bounds what is in memory at a time of all that registries sent and that is not read yet. */
export interface ByteBudget {
  /**
   * Waits until there is room; owners take turns. `undefined` when the signal fires first. More than the whole budget takes the
   * whole budget. Small ones never wait for large ones.
   */
  readonly reserve: (
    bytes: number,
    share: ByteShare,
    signal: AbortSignal,
  ) => Promise<ReleaseBytes | undefined>;
  /** Bytes held now. */
  readonly held: () => number;
}

/** Bytes up to which a body is small: usual manifests, listings and signatures are. */
const SMALL_BYTES = 64 * 1024;
/** Part of the budget that is for small ones alone. */
const SMALL_PART = 1 / 4;
/** Part of a room that one owner, or one registry, may hold: another always finds room beside it. */
interface MostOfOne {
  readonly owner: number;
  readonly registry: number;
}
const MOST_OF_LARGE: MostOfOne = { owner: 1 / 2, registry: 1 / 2 };
/** Small ones may be held while their call waits for a large one: one owner leaves room for others of the same registry. */
const MOST_OF_SMALL: MostOfOne = { owner: 1 / 4, registry: 1 / 2 };

interface Entry extends ByteShare {
  readonly bytes: number;
  readonly settle: (release: ReleaseBytes | undefined) => void;
}

/** Makes an empty budget of so many bytes. `onReserved` is called for all that is held, once. */
export function createByteBudget(
  total: number,
  onReserved: (share: ByteShare, bytes: number) => void = () => undefined,
): ByteBudget {
  const small = createRoom(Math.floor(total * SMALL_PART), MOST_OF_SMALL);
  const large = createRoom(Math.floor(total * (1 - SMALL_PART)), MOST_OF_LARGE);
  return {
    reserve: async (bytes, share, signal) => {
      const release = await (bytes <= SMALL_BYTES ? small : large).reserve(bytes, share, signal);
      if (release) onReserved(share, bytes);
      return release;
    },
    held: () => small.held() + large.held(),
  };
}

function createRoom(size: number, most: MostOfOne): ByteBudget {
  const waiting = new Map<string, Entry[]>();
  const held = new Map<string, number>();
  let free = size;

  const add = (key: string, bytes: number): void => {
    const now = (held.get(key) ?? 0) + bytes;
    if (now === 0) held.delete(key);
    else held.set(key, now);
  };
  const count = ({ owner, registry, bytes }: Entry, sign: 1 | -1): void => {
    free -= sign * bytes;
    add(`owner ${owner}`, sign * bytes);
    add(`registry ${registry}`, sign * bytes);
  };
  /** One that holds nothing may always take one body, however large. */
  const isWithinShare = ({ owner, registry, bytes }: Entry): boolean =>
    [[`owner ${owner}`, most.owner] as const, [`registry ${registry}`, most.registry] as const].every(
      ([key, part]) => {
        const now = held.get(key) ?? 0;
        return now === 0 || now + bytes <= size * part;
      },
    );
  const begin = (entry: Entry): void => {
    count(entry, 1);
    let isHeld = true;
    entry.settle(() => {
      if (!isHeld) return;
      isHeld = false;
      count(entry, -1);
      next();
    });
  };
  /** The first that may have its share. It waits until there is room for it: others that pass it would let it starve. */
  const first = (): Entry | undefined => {
    for (const [entry] of waiting.values()) if (entry && isWithinShare(entry)) return entry;
    return undefined;
  };
  const next = (): void => {
    for (let entry = first(); entry && entry.bytes <= free; entry = first()) {
      const [, ...rest] = waiting.get(entry.owner) ?? [];
      // To the end of the line: a map keeps the order in which its keys were added.
      waiting.delete(entry.owner);
      if (rest.length > 0) waiting.set(entry.owner, rest);
      begin(entry);
    }
  };
  const leave = (entry: Entry): void => {
    const rest = (waiting.get(entry.owner) ?? []).filter((one) => one !== entry);
    if (rest.length > 0) waiting.set(entry.owner, rest);
    else waiting.delete(entry.owner);
  };
  return {
    held: () => size - free,
    reserve: async (bytes, share, signal) => {
      if (signal.aborted) return undefined;
      const { promise, resolve } = Promise.withResolvers<ReleaseBytes | undefined>();
      const entry: Entry = { ...share, bytes: Math.min(bytes, size), settle: resolve };
      if (waiting.size === 0 && entry.bytes <= free && isWithinShare(entry)) {
        begin(entry);
        return promise;
      }
      const own = waiting.get(share.owner);
      if (own) own.push(entry);
      else waiting.set(share.owner, [entry]);
      next();
      const abort = (): void => {
        leave(entry);
        resolve(undefined);
        next();
      };
      signal.addEventListener('abort', abort, { once: true });
      const release = await promise;
      signal.removeEventListener('abort', abort);
      return release;
    },
  };
}

/** What owners have read within the last minute. */
export interface Spending {
  readonly spend: (owner: string, bytes: number) => void;
  /** Whether this owner has used up its bytes of a minute. */
  readonly isOver: (owner: string) => boolean;
}

const MINUTE_MS = 60_000;
/** Owners whose spending is remembered: more than a cluster has namespaces that start images within a minute. */
const MAX_OWNERS = 10_000;

/** Makes an empty account. An owner starts anew a minute after its first byte. */
export function createSpending(bytesPerMinute: number, clock: Clock): Spending {
  const owners = new LRUCache<string, { readonly until: number; readonly bytes: number }>({
    max: MAX_OWNERS,
  });
  const current = (owner: string): number => {
    const spent = owners.peek(owner);
    return spent && clock().getTime() < spent.until ? spent.bytes : 0;
  };
  return {
    spend: (owner, bytes) => {
      const before = current(owner);
      const until = before > 0 ? (owners.peek(owner)?.until ?? 0) : clock().getTime() + MINUTE_MS;
      owners.set(owner, { until, bytes: before + bytes });
    },
    isOver: (owner) => current(owner) >= bytesPerMinute,
  };
}

/** The budgets of a process: what registries answer, what is verified, and what each owner has read. */
export function createBudgets(
  { bytesInFlight, namespaceBytesPerMinute }: { bytesInFlight: number; namespaceBytesPerMinute: number },
  clock: Clock,
): { readonly budget: ByteBudget; readonly candidates: ByteBudget; readonly spending: Spending } {
  const spending = createSpending(namespaceBytesPerMinute, clock);
  return {
    budget: createByteBudget(bytesInFlight, ({ owner }, bytes) => spending.spend(owner, bytes)),
    candidates: createByteBudget(bytesInFlight),
    spending,
  };
}
