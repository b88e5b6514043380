import { firstOwner, sharedTurn, turnOf, unknown } from '../model/index.ts';
import type { Clock, Fact, Referrer, SharedTurn, Signature, Turn, Unknown } from '../model/index.ts';
import { createShares, type Shared } from './shares.ts';

/** How long and how much is remembered. */
export interface MemoryLimits {
  /** Milliseconds a fact that was found answers again: a new quarantine flag or signature is seen this late at most. */
  readonly foundMs: number;
  /** Milliseconds an absence answers again: short, because people sign and push exactly after a refusal. */
  readonly absentMs: number;
  /** Milliseconds an unknown answers again: only so that a burst does not beat a registry that is down. */
  readonly unknownMs: number;
  readonly maxFacts: number;
  /** Bytes of remembered content, roughly. */
  readonly maxBytes: number;
}

/** `brief` is as long as an unknown fact; `never` only shares the answer among those who ask at the same moment. */
export type Keeping = Fact<unknown>['state'] | 'brief' | 'never';

/** One question to remember: its identity, how to answer it, and what the answer weighs. */
export interface Question<T> {
  /** Everything the answer depends on; two questions with equal parts are one. */
  readonly key: readonly string[];
  /**
   * Answers from the source. Gets a signal of its own: the first caller's deadline must not fail the others. And a turn of its
   * own: that of all who wait for the answer, so that none of them waits longer than if it had asked alone.
   */
  readonly load: (signal: AbortSignal, turn: Turn) => Promise<Fact<T>>;
  /** Bytes that remembering this answer takes, roughly; 1,000 if not said. */
  readonly weigh?: (fact: Fact<T>) => number;
  /** How long this answer is kept; by its state if not said. */
  readonly keep?: (fact: Fact<T>) => Keeping;
  /** It is computed from what is known, and reads nothing outside. */
  readonly isComputed?: boolean;
}

/** Why no new look-up begins; `undefined` when it may. */
export type Closed = () => Unknown | undefined;

/** Who asks, and whether new look-ups may begin. */
interface Asking {
  readonly turn: Turn;
  readonly closed: Closed | undefined;
}

/** Remembers facts, never verdicts; equal questions asked at once are one request. */
export interface Memory {
  recall<T>(question: Question<T>, signal: AbortSignal): Promise<Fact<T>>;
  /** The remembered answer, without a request. */
  peek<T>(key: readonly string[]): Fact<T> | undefined;
  /** Remembers an answer that was learned on the way to another one. */
  store<T>(question: Pick<Question<T>, 'key' | 'weigh' | 'keep'>, fact: Fact<T>): void;
  /** The same memory, without facts that are older than the time an absence is kept: a refusal must rest on recent facts. */
  recent(): Memory;
  /**
   * The same memory, where only facts that were learned under this scope answer. What one login may read must never answer
   * a caller with another login. A scope names the logins without containing them. The empty scope is the controller's own.
   */
  scoped(scope: string): Memory;
  /**
   * The same memory, asked in this turn. `closed` = why nothing new is read for it now; what is remembered, or is being read for
   * others, answers all the same. What a look-up reads on its way is read to its end.
   */
  inTurn(turn: Turn, closed?: Closed): Memory;
}

export interface FactMemory extends Memory {
  /** Facts that are kept now, by kind; some may have outlived their time and wait to be dropped. */
  readonly counts: () => ReadonlyMap<string, number>;
}

/** How a look-up was answered: from memory, by a look-up that was under way already, or by a new one. */
export type LookupResult = 'remembered' | 'shared' | 'asked';

export interface MemoryOptions {
  readonly clock: Clock;
  readonly limits: MemoryLimits;
  /** Bounds each shared load, for all callers that wait for it. */
  readonly loadSignal: () => AbortSignal;
  /** Called for every look-up; `kind` is the first part of its key. */
  readonly onLookup?: (kind: string, result: LookupResult) => void;
}

interface Entry extends Shared {
  readonly kind: string;
  readonly fact: Fact<unknown>;
  readonly since: number;
  readonly until: number;
  readonly weight: number;
}

const DEFAULT_WEIGHT = 1_000;
/** What is learned with the controller's own logins, or with none. */
const OWN_SCOPE = '';
/** Where no one is named who asks. */
const NO_TURN = turnOf({ namespace: '' });

/** A memory in this process. */
export function createMemory({ clock, limits, loadSignal, onLookup }: MemoryOptions): FactMemory {
  const counts = new Map<string, number>();
  const count = (kind: string, by: number) => {
    counts.set(kind, (counts.get(kind) ?? 0) + by);
  };
  const entries = new Map<string, Entry>();
  const shares = createShares();
  // Both limits count: a fact takes its bytes, and one of the places for facts.
  const bytesOfPlace = Math.ceil(limits.maxBytes / limits.maxFacts);
  let bytes = 0;
  const drop = (key: string): void => {
    const entry = entries.get(key);
    if (!entry) return;
    entries.delete(key);
    shares.remove(key, entry);
    bytes -= entry.weight;
    count(entry.kind, -1);
  };
  const isFull = (weight: number): boolean =>
    entries.size >= limits.maxFacts || bytes + weight > limits.maxBytes;
  const put = (key: string, entry: Entry): void => {
    drop(key);
    if (entry.weight > limits.maxBytes) return;
    // What goes next is found by going through all owners: only where room is needed.
    const next = (): string | undefined => (isFull(entry.weight) ? shares.next() : undefined);
    for (let one = next(); one !== undefined; one = next()) drop(one);
    entries.set(key, entry);
    shares.add(key, entry);
    bytes += entry.weight;
    count(entry.kind, 1);
  };
  const underway = new Map<string, { readonly answer: Promise<Fact<unknown>>; readonly turn: SharedTurn }>();

  // Keys are built from the question alone, and the caller that names a key names its type: the one cast of this room.
  const peek = <T>(identity: string, maxAgeMs: number): Fact<T> | undefined => {
    const entry = entries.get(identity);
    const now = clock().getTime();
    return entry && now < entry.until && now - entry.since <= maxAgeMs ? (entry.fact as Fact<T>) : undefined;
  };

  const lifetimes: Readonly<Record<Keeping, number>> = {
    found: limits.foundMs,
    absent: limits.absentMs,
    unknown: limits.unknownMs,
    brief: limits.unknownMs,
    never: 0,
  };

  const store = <T>(
    identity: string,
    question: Pick<Question<T>, 'key' | 'weigh' | 'keep'>,
    fact: Fact<T>,
    { turn, since }: { readonly turn: Turn; readonly since: number },
  ): void => {
    const lifetime = lifetimes[question.keep?.(fact) ?? fact.state];
    if (lifetime <= 0 || (fact.state === 'unknown' && isCrowded(fact))) return;
    const weight = Math.max(1, Math.ceil(question.weigh?.(fact) ?? DEFAULT_WEIGHT));
    const owner = firstOwner(turn)?.namespace ?? '';
    const [kind, registry] = [kindOf(question), registryIn(question)];
    const [until, size] = [since + lifetime, weight + bytesOfPlace];
    put(identity, { kind, fact, since, until, weight, owner, registry, size });
  };

  const load = <T>(question: Question<T>, key: string, asked: Turn): Promise<Fact<T>> => {
    const running = underway.get(key);
    onLookup?.(kindOf(question), running ? 'shared' : 'asked');
    const turn = running?.turn ?? sharedTurn();
    turn.join(asked);
    if (running) return running.answer as Promise<Fact<T>>;
    // What it read first may have changed before it ended: a fact is as old as its look-up.
    const began = clock().getTime();
    const answer = question
      .load(loadSignal(), turn)
      .then((fact) => {
        // What is unknown says nothing of that time: from the end on, it keeps requests from a registry that is slow to fail.
        store(key, question, fact, { turn, since: fact.state === 'unknown' ? clock().getTime() : began });
        return fact;
      })
      .finally(() => {
        turn.end();
        underway.delete(key);
      });
    underway.set(key, { answer, turn });
    return answer;
  };

  const ask = async <T>(
    question: Question<T>,
    key: string,
    { turn, closed }: Asking,
    signal: AbortSignal,
  ): Promise<Fact<T>> => {
    const isShared = underway.has(key);
    const outOfTime = () => (underway.get(key)?.turn.isWaiting() ? OUT_OF_TURN : OUT_OF_TIME);
    const askOnce = async (): Promise<Fact<T>> => {
      if (signal.aborted) return OUT_OF_TIME;
      return (
        (question.isComputed || underway.has(key) ? undefined : closed?.()) ??
        untilAborted(load(question, key, turn), signal, outOfTime)
      );
    };
    const fact = await askOnce();
    // What another caller's requests were too many for may be no limit to this one.
    const isOthers = isShared && !signal.aborted && fact.state === 'unknown' && isCrowded(fact);
    return isOthers ? askOnce() : fact;
  };

  const view = (maxAgeMs: number, scope: string, asking: Asking): Memory => {
    return {
      peek: (key) => peek(identityOf(scope, key), maxAgeMs),
      store: (question, fact) => {
        const since = clock().getTime();
        store(identityOf(scope, question.key), question, fact, { turn: asking.turn, since });
      },
      recall: async <T>(question: Question<T>, signal: AbortSignal): Promise<Fact<T>> => {
        const identity = identityOf(scope, question.key);
        const known = peek<T>(identity, maxAgeMs);
        if (known) {
          onLookup?.(kindOf(question), 'remembered');
          return known;
        }
        return ask(question, identity, asking, signal);
      },
      recent: () => view(limits.absentMs, scope, asking),
      scoped: (other) => view(maxAgeMs, other, asking),
      inTurn: (turn, closed) => view(maxAgeMs, scope, { turn, closed }),
    };
  };
  return { ...view(Infinity, OWN_SCOPE, { turn: NO_TURN, closed: undefined }), counts: () => counts };
}

function kindOf({ key }: { readonly key: readonly string[] }): string {
  return key[0] ?? '';
}

/** The host in the first name of a repository in a key; `''` = there is none. */
function registryIn({ key }: { readonly key: readonly string[] }): string {
  const name = key.find((part) => part.includes('/')) ?? '';
  return name.slice(0, Math.max(0, name.indexOf('/')));
}

const OUT_OF_TIME = unknown('DeadlineExceeded', 'the registry did not answer in time', true);
/** No registry was slow: this process had too much to do at that moment. An author must not bring that about to be admitted. */
const OUT_OF_TURN = unknown(
  'LimitExceeded',
  'the time ran out while it waited for connections, memory or threads of Pratique that other reads take',
  true,
);

/** The answer, or "out of time" when this caller's deadline comes first; the shared load continues for the others. */
async function untilAborted<T>(
  answer: Promise<Fact<T>>,
  signal: AbortSignal,
  outOfTime: () => Unknown,
): Promise<Fact<T>> {
  const { promise: aborted, resolve } = Promise.withResolvers<Fact<T>>();
  const onAbort = () => {
    resolve(outOfTime());
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * The parts of a key as one text, another one for every other list of parts. Stored facts and pending loads all use it, so that
 * nothing can be shared beyond the scope.
 */
function identityOf(scope: string, parts: readonly string[]): string {
  let identity = `${scope.length}:${scope}`;
  for (const part of parts) identity += `${part.length}:${part}`;
  return identity;
}

/**
 * Whether something is unknown because of how much else was asked for at that moment. That says nothing about the registry, and
 * is never remembered: the requests of one caller must not make an image unknown for another.
 */
function isCrowded({ reason, transient }: Pick<Unknown, 'reason' | 'transient'>): boolean {
  return transient && reason.code === 'LimitExceeded';
}

/** How long an answer is kept some of whose entries could not be read; `undefined` when all could. */
export function keepingUnread(entries: readonly (Referrer | Signature)[]): 'brief' | 'never' | undefined {
  const unread = entries.filter((one) => one.state === 'unread');
  if (unread.length === 0) return undefined;
  return unread.some(isCrowded) ? 'never' : 'brief';
}

/** About how many bytes a fact takes in memory, by its JSON. */
export function weightOf(fact: Fact<unknown>): number {
  return 500 + (fact.state === 'found' ? JSON.stringify(fact.value).length * 2 : 0);
}
