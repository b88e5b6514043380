import { LRUCache } from 'lru-cache';
import { unknown, type Clock, type Fact } from '../model/index.ts';

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
  /** Answers from the source. Gets a signal of its own: the first caller's deadline must not fail the others. */
  readonly load: (signal: AbortSignal) => Promise<Fact<T>>;
  /** Bytes that remembering this answer takes, roughly; 1,000 if not said. */
  readonly weigh?: (fact: Fact<T>) => number;
  /** How long this answer is kept; by its state if not said. */
  readonly keep?: (fact: Fact<T>) => Keeping;
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

interface Entry {
  readonly kind: string;
  readonly fact: Fact<unknown>;
  readonly since: number;
  readonly until: number;
  readonly weight: number;
}

const DEFAULT_WEIGHT = 1_000;
/** What is learned with the controller's own logins, or with none. */
const OWN_SCOPE = '';

/** A memory in this process. */
export function createMemory({ clock, limits, loadSignal, onLookup }: MemoryOptions): FactMemory {
  const counts = new Map<string, number>();
  const count = (kind: string, by: number) => {
    counts.set(kind, (counts.get(kind) ?? 0) + by);
  };
  const entries = new LRUCache<string, Entry>({
    onInsert: ({ kind }, _key, reason) => {
      if (reason === 'add') count(kind, 1);
    },
    dispose: ({ kind }, _key, reason) => {
      if (reason !== 'set') count(kind, -1);
    },
    max: limits.maxFacts,
    maxSize: limits.maxBytes,
    sizeCalculation: ({ weight }) => weight,
  });
  const underway = new Map<string, Promise<Fact<unknown>>>();

  // Keys are built from the question alone, and the caller that names a key names its type: the one cast of this room.
  const peek = <T>(key: readonly string[], maxAgeMs = Infinity): Fact<T> | undefined => {
    const entry = entries.get(JSON.stringify(key));
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

  const store = <T>(question: Pick<Question<T>, 'key' | 'weigh' | 'keep'>, fact: Fact<T>): void => {
    const lifetime = lifetimes[question.keep?.(fact) ?? fact.state];
    if (lifetime <= 0) return;
    const now = clock().getTime();
    const weight = Math.max(1, Math.ceil(question.weigh?.(fact) ?? DEFAULT_WEIGHT));
    const key = JSON.stringify(question.key);
    entries.set(key, { kind: kindOf(question), fact, since: now, until: now + lifetime, weight });
  };

  const load = <T>(question: Question<T>): Promise<Fact<T>> => {
    const key = JSON.stringify(question.key);
    const running = underway.get(key);
    onLookup?.(kindOf(question), running ? 'shared' : 'asked');
    if (running) return running as Promise<Fact<T>>;
    const started = question
      .load(loadSignal())
      .then((fact) => {
        store(question, fact);
        return fact;
      })
      .finally(() => underway.delete(key));
    underway.set(key, started);
    return started;
  };

  const view = (maxAgeMs: number, scope: string): Memory => {
    // Stored facts and pending loads all use this key, so that nothing can be shared beyond the scope.
    const within = <Q extends { readonly key: readonly string[] }>(question: Q): Q => ({
      ...question,
      key: [scope, ...question.key],
    });
    return {
      peek: (key) => peek([scope, ...key], maxAgeMs),
      store: (question, fact) => {
        store(within(question), fact);
      },
      recall: async <T>(question: Question<T>, signal: AbortSignal): Promise<Fact<T>> => {
        const known = peek<T>([scope, ...question.key], maxAgeMs);
        if (known) {
          onLookup?.(question.key[0] ?? '', 'remembered');
          return known;
        }
        return signal.aborted ? OUT_OF_TIME : untilAborted(load(within(question)), signal);
      },
      recent: () => view(limits.absentMs, scope),
      scoped: (other) => view(maxAgeMs, other),
    };
  };
  return { ...view(Infinity, OWN_SCOPE), counts: () => counts };
}

function kindOf({ key }: { readonly key: readonly string[] }): string {
  return key[1] ?? '';
}

const OUT_OF_TIME = unknown('DeadlineExceeded', 'the registry did not answer in time', true);

/** The answer, or "out of time" when this caller's deadline comes first; the shared load continues for the others. */
async function untilAborted<T>(answer: Promise<Fact<T>>, signal: AbortSignal): Promise<Fact<T>> {
  const { promise: aborted, resolve } = Promise.withResolvers<Fact<T>>();
  const onAbort = () => {
    resolve(OUT_OF_TIME);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** About how many bytes a fact takes in memory, by its JSON. */
export function weightOf(fact: Fact<unknown>): number {
  return 500 + (fact.state === 'found' ? JSON.stringify(fact.value).length * 2 : 0);
}
