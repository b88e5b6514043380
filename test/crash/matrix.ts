// Kills one kind of run at the boundaries of its requests, on several stages at the same time.
import type { Boundary, Moment } from './kill-switch.ts';
import { openStage, type Outcome, type RunKind, type Stage } from './stage.ts';

/** What the matrix found for one kind of run. */
export interface Report {
  readonly name: string;
  /** Requests of a run that is not killed. */
  readonly requests: number;
  /** Different kinds of them. */
  readonly kinds: number;
  /** Moments at which it could be killed. */
  readonly boundaries: number;
  readonly outcomes: readonly Outcome[];
}

/** How much is killed. */
export interface Extent {
  /** One of so many requests of a kind is a boundary, besides the first and the last. */
  readonly oneOf: number;
  /** At most so many in all; the chosen ones are thinned evenly. */
  readonly atMost?: number;
  /** Only writes are killed. */
  readonly writesOnly?: boolean;
}

/** Stages of one kind of run: each waits for its own processes. */
const STAGES = 3;

/** Every boundary of a run that sent these requests. */
export function boundariesOf(seen: readonly string[]): readonly Boundary[] {
  const counts = new Map<string, number>();
  return seen.flatMap((kind) => {
    const ordinal = counts.get(kind) ?? 0;
    counts.set(kind, ordinal + 1);
    return momentsOf(kind).map((moment) => ({ kind, ordinal, moment }));
  });
}

/** A transfer has a middle. */
function momentsOf(kind: string): readonly Moment[] {
  const isTransfer = /^GET \S+ blobs$|^PATCH .*blobs\/uploads|^PUT .*blobs\/uploads\?digest/.test(kind);
  return isTransfer ? ['before', 'inside', 'after'] : ['before', 'after'];
}

const isRead = (kind: string): boolean => /^(?:GET|HEAD) /.test(kind);

/**
 * Some boundaries of each kind: all moments of its first and its last request, and the moment before those in between that are chosen.
 * Reads change nothing: for them it is before the first, behind the last, and in the middle of the last.
 */
export function chosenOf(all: readonly Boundary[], extent: Extent): readonly Boundary[] {
  const { oneOf, atMost, writesOnly = false } = extent;
  const chosen = [...Map.groupBy(all, ({ kind }) => kind)].flatMap(([kind, those]) => {
    const last = those.at(-1)?.ordinal ?? 0;
    if (isRead(kind) && writesOnly) return [];
    if (oneOf === 1) return those;
    if (isRead(kind))
      return those.filter(({ ordinal, moment }) => ordinal === (moment === 'before' ? 0 : last));
    const between = new Set(
      evenly(
        those.map(({ ordinal }) => ordinal),
        Math.ceil(last / oneOf),
      ),
    );
    const isChosen = ({ ordinal, moment }: Boundary): boolean =>
      ordinal === 0 || ordinal === last || (between.has(ordinal) && moment === 'before');
    return those.filter(isChosen);
  });
  return evenly(chosen, atMost ?? chosen.length);
}

/** So many of them, evenly spread, with the first and the last. */
function evenly<T>(all: readonly T[], count: number): readonly T[] {
  if (all.length <= count) return all;
  if (count <= 1) return all.slice(0, count);
  const at = new Set(
    Array.from({ length: count }, (_, n) => Math.round((n * (all.length - 1)) / (count - 1))),
  );
  return all.filter((_, index) => at.has(index));
}

/** Carries out the matrix of one kind of run. */
export async function killAll(
  kind: RunKind,
  extent: Extent,
  onOutcome: (outcome: Outcome) => void = () => undefined,
): Promise<Report> {
  const stages = await Promise.all(Array.from({ length: STAGES }, () => openStage(kind)));
  try {
    const [first] = stages;
    if (!first) throw new Error('there is no stage');
    const { seen, end } = await first.undisturbed();
    const all = boundariesOf(seen);
    const waiting = [...chosenOf(all, extent)];
    const outcomes: Outcome[] = [];
    const work = async (stage: Stage): Promise<void> => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const outcome = await stage.strike(next, end);
        outcomes.push(outcome);
        onOutcome(outcome);
      }
    };
    await Promise.all(stages.map(work));
    return {
      ...{ name: kind.name, requests: seen.length, kinds: new Set(seen).size },
      ...{ boundaries: all.length, outcomes },
    };
  } finally {
    await Promise.all(stages.map((stage) => stage.close()));
  }
}
