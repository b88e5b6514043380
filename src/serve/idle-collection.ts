/** How memory is given back; a test makes its own. */
export interface IdleCollectionOptions {
  /** Collects all garbage and gives back what that frees; absent = Node.js was started without `--expose-gc`, and nothing is done. */
  readonly collect?: (() => void) | undefined;
  /** Bytes that the heap has taken, used or not. */
  readonly taken: () => number;
  /** The share of the time since it was asked last in which this thread was busy. */
  readonly load: () => number;
  /** Calls back again and again; the answer ends it. */
  readonly every: (ms: number, run: () => void) => () => void;
}

/** Milliseconds between two collections: each holds up this thread for some tenths of a second. */
const EVERY_MS = 30_000;
/** A heap that has grown less than this since it was collected has nothing worth the pause. */
const GROWN = 1.2;
/** Above this share callers wait for answers, and V8 collects garbage anyway. */
const BUSY = 0.1;

/**
 * Gives back, in quiet times, what a burst of work left behind: V8 keeps a heap that has grown until it needs it. The answer ends it.
 */
export function startIdleCollection({
  collect,
  taken,
  load,
  every,
}: IdleCollectionOptions = PROCESS): () => void {
  if (!collect) return () => undefined;
  let least = 0;
  load();
  return every(EVERY_MS, () => {
    if (load() >= BUSY || taken() < least * GROWN) return;
    collect();
    least = taken();
  });
}

const { gc } = globalThis;

/** Asks for the load of this thread, each time since the last. */
function loadOfThread(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

const PROCESS: IdleCollectionOptions = {
  collect:
    gc &&
    (() => {
      gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    }),
  taken: () => process.memoryUsage().heapTotal,
  load: loadOfThread(),
  every: (ms, run) => {
    const timer = setInterval(run, ms).unref();
    return () => {
      clearInterval(timer);
    };
  },
};
