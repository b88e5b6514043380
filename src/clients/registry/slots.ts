import { firstOwner, ownerName, type Owner } from '../../core/model/index.ts';
import type { Call } from './call.ts';
import { deadline, fault } from './fault.ts';

/** Gives a slot back; a second time it does nothing. */
export type Release = () => void;

/** Where only so many may be at a time, e.g. questions to one host. */
interface PlaceLimit {
  /** Equal names mean one place. */
  readonly name: string;
  readonly slots: number;
  /** Admissions come here: all background work together leaves slots free for them. */
  readonly forAdmissions?: boolean;
  /** One for all registries: who waits here does not wait for a registry. */
  readonly ofProcess?: boolean;
}

/**
 * Waits for a slot of each place, one after the other. Owners take turns: one of each before a second of any, so that none waits
 * behind all that another has asked for. Throws a Fault: `LimitExceeded`, transient, when too many wait or when the call's time
 * ends while it waits.
 */
export type TakeSlots = (call: Call, ...places: readonly PlaceLimit[]) => Promise<Release>;

/** How many requests may wait. */
export interface WaitingLimits {
  /** For admissions of one namespace. Background work bounds itself, by the images that one run copies at a time. */
  readonly perNamespace: number;
}

/** Requests of one namespace's admissions that wait: those of a few hundred images, and at most some MiB of memory. */
export const DEFAULT_WAITING_PER_NAMESPACE = 1_000;
/** Requests of all admissions that wait: some ten MiB of memory. Beyond it the namespace with most of them loses its oldest. */
const MAX_WAITING = 10_000;
/**
 * An owner takes another slot while it has fewer than this many times the free ones: at most three quarters of an idle place,
 * and less the more owners are there, so that the next owner finds a free slot. Where admissions come, background work as a whole
 * keeps to it, and of that share its owners.
 */
const SHARE = 3;
/** While admissions wait, one slot of this many goes to background work: enough that it never stands still. */
const BACKGROUND_EVERY = 8;

interface Entry {
  readonly place: Place;
  readonly owners: Map<string, Owner>;
  readonly settle: (result: Release | 'over-limit') => void;
}

/** One owner's entries at a place, in their order. */
interface Line {
  readonly owner: Owner;
  readonly entries: Set<Entry>;
}

interface Place extends PlaceLimit {
  free: number;
  /** Slots by owner; those of all background work under {@link BACKGROUND}. */
  readonly held: Map<string, number>;
  /** Lines with entries; whose turn is next comes first. */
  readonly admissions: Map<string, Line>;
  readonly background: Map<string, Line>;
  /** Slots given to admissions while background work waited. */
  passedOver: number;
}

/** No key of an owner: these have a space. */
const BACKGROUND = 'background';
/** The owner of what is asked without a turn, e.g. by a command line. */
const ANYONE: Owner = { namespace: '' };

const WHY = {
  'over-limit': 'too many requests wait for registries already',
  'out-of-time': 'the time ran out while it waited for earlier requests to registries',
} as const;

/** Makes the slots of one client; all places are empty. */
export function createSlots({ perNamespace }: WaitingLimits): TakeSlots {
  const places = new Map<string, Place>();
  const waiting = createWaitingList(perNamespace);

  const dispatch = (place: Place): void => {
    for (let next = nextAt(place); next; next = nextAt(place)) {
      const { entry, owner } = next;
      leave(entry);
      place.passedOver = owner.background || place.background.size === 0 ? 0 : place.passedOver + 1;
      entry.settle(occupy(place, owner));
    }
  };

  const occupy = (place: Place, owner: Owner): Release => {
    hold(place, owner, 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      hold(place, owner, -1);
      dispatch(place);
      if (place.held.size === 0) places.delete(place.name);
    };
  };

  const join = (entry: Entry, owner: Owner): void => {
    const key = ownerName(owner);
    const lines = owner.background ? entry.place.background : entry.place.admissions;
    const line = lines.get(key) ?? { owner, entries: new Set() };
    lines.set(key, line);
    line.entries.add(entry);
    entry.owners.set(key, owner);
    if (!owner.background) waiting.add(key, entry);
  };

  const leave = (entry: Entry): void => {
    for (const lines of [entry.place.admissions, entry.place.background])
      for (const key of entry.owners.keys()) {
        const entries = lines.get(key)?.entries;
        if (entries?.delete(entry) && entries.size === 0) lines.delete(key);
      }
    waiting.remove(entry);
  };

  const take = async (call: Call, limit: PlaceLimit): Promise<Release> => {
    if (call.signal.aborted) throw deadline(call);
    const place = places.get(limit.name) ?? emptyPlace(limit);
    places.set(limit.name, place);
    const first = (call.turn && firstOwner(call.turn)) ?? ANYONE;
    const isFree = place.admissions.size === 0 && place.background.size === 0;
    return isFree && mayTake(place, first) ? occupy(place, first) : waitAt(place, call);
  };

  const waitAt = async (place: Place, call: Call): Promise<Release> => {
    const { signal } = call;
    const { promise, resolve } = Promise.withResolvers<Release | 'over-limit' | 'out-of-time'>();
    let isWaiting = true;
    const settle = (result: Release | 'over-limit' | 'out-of-time'): void => {
      isWaiting = false;
      resolve(result);
    };
    const entry: Entry = { place, owners: new Map(), settle };
    const abort = (): void => {
      if (!isWaiting) return;
      leave(entry);
      settle('out-of-time');
    };
    signal.addEventListener('abort', abort, { once: true });
    const onOwner = (owner: Owner): void => {
      if (!isWaiting) return;
      join(entry, owner);
    };
    const unfollow = call.turn?.follow((owner) => {
      onOwner(owner);
      if (entry.owners.size > 1) dispatch(place); // one who joins may have a slot where the first has none
    });
    const proceed = place.ofProcess ? call.turn?.wait?.() : undefined;
    if (entry.owners.size === 0) onOwner(ANYONE);
    dispatch(place);
    const over = waiting.tooMany(entry);
    if (over) {
      leave(over);
      over.settle('over-limit');
    }
    const result = await promise;
    signal.removeEventListener('abort', abort);
    unfollow?.();
    proceed?.();
    if (typeof result === 'function') return result;
    throw fault(call, 'LimitExceeded', WHY[result], { transient: true });
  };

  return async (call, ...limits) => {
    const taken: Release[] = [];
    const release = (): void => {
      for (const one of taken) one();
    };
    try {
      for (const limit of limits) taken.push(await take(call, limit));
    } catch (error) {
      release();
      throw error;
    }
    return release;
  };
}

function emptyPlace(limit: PlaceLimit): Place {
  const lines = { admissions: new Map<string, Line>(), background: new Map<string, Line>() };
  return { ...limit, ...lines, free: limit.slots, held: new Map(), passedOver: 0 };
}

function hold(place: Place, owner: Owner, by: number): void {
  place.free -= by;
  for (const key of [ownerName(owner), ...(owner.background ? [BACKGROUND] : [])]) {
    const held = (place.held.get(key) ?? 0) + by;
    if (held === 0) place.held.delete(key);
    else place.held.set(key, held);
  }
}

/** Whose turn it is, and takes that owner to the end of the line; `undefined` when no one who waits may have a slot now. */
function nextAt(place: Place): { readonly entry: Entry; readonly owner: Owner } | undefined {
  const { admissions, background } = place;
  const isTurnOfBackground = place.passedOver >= BACKGROUND_EVERY - 1;
  return isTurnOfBackground
    ? (firstIn(background, place) ?? firstIn(admissions, place))
    : (firstIn(admissions, place) ?? firstIn(background, place));
}

function mayTake(place: Place, owner: Owner): boolean {
  const held = place.held.get(ownerName(owner)) ?? 0;
  const room = SHARE * place.free;
  if (!owner.background || !place.forAdmissions) return held < room;
  // What is left of the share of all background work is to its owners what the free slots are to all owners.
  const left = (room - (place.held.get(BACKGROUND) ?? 0)) / (1 + SHARE);
  return held < SHARE * left;
}

function firstIn(lines: Map<string, Line>, place: Place): ReturnType<typeof nextAt> {
  for (const [key, line] of lines) {
    const { owner, entries } = line;
    const [entry] = entries;
    if (!entry || !mayTake(place, owner)) continue;
    lines.delete(key);
    lines.set(key, line);
    return { entry, owner };
  }
  return undefined;
}

/** What waits for admissions, at whatever place, by owner. */
interface WaitingList {
  readonly add: (key: string, entry: Entry) => void;
  readonly remove: (entry: Entry) => void;
  /** What has to go because of a new entry, which may be another one; `undefined` when there is room. */
  readonly tooMany: (entry: Entry) => Entry | undefined;
}

function createWaitingList(perNamespace: number): WaitingList {
  const all = new Set<Entry>();
  const byOwner = new Map<string, Set<Entry>>();
  const oldestOfLargest = (): Entry | undefined => {
    let largest = new Set<Entry>();
    for (const entries of byOwner.values()) if (entries.size > largest.size) largest = entries;
    // One that another owner waits for as well is that owner's, too.
    for (const entry of largest) if (entry.owners.size === 1) return entry;
    return [...largest][0];
  };
  return {
    add: (key, entry) => {
      all.add(entry);
      const entries = byOwner.get(key) ?? new Set();
      byOwner.set(key, entries.add(entry));
    },
    remove: (entry) => {
      all.delete(entry);
      for (const key of entry.owners.keys()) {
        const entries = byOwner.get(key);
        if (entries?.delete(entry) && entries.size === 0) byOwner.delete(key);
      }
    },
    tooMany: (entry) => {
      const { owners } = entry;
      if (!all.has(entry)) return undefined; // it has its slot, or is background work
      if (all.size > MAX_WAITING) return oldestOfLargest();
      return [...owners.keys()].every((key) => (byOwner.get(key)?.size ?? 0) > perNamespace)
        ? entry
        : undefined;
    },
  };
}
