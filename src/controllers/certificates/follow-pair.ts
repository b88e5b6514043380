import { problem, type Parsed, type Problem } from '../../core/model/index.ts';
import type { Pair } from './ports.ts';

/** What following a pair takes. */
export interface FollowOptions {
  readonly read: () => Promise<Parsed<Pair>>;
  readonly fits: (pair: Pair) => boolean;
  readonly everyMs: number;
  /** Called for the first pair that can be used, and for each later pair that differs from the one before. */
  readonly onChange: (pair: Pair) => void;
  /** Called once for what keeps a pair from being used, and again when that changes. The last good pair stays in use. */
  readonly onError: (problems: readonly Problem[]) => void;
}

/** Checks of a pair at regular intervals. */
export interface Following {
  /** Ends the checks: no callback is called afterwards. */
  readonly close: () => void;
}

/**
 * Follows certificate and key that another process renews, from now on. The two files never change at the same moment: a pair
 * that does not fit, or cannot be read, is read again.
 */
export function followPair(options: FollowOptions): Following {
  const { fits, everyMs, onChange, onError: onError } = options;
  let good: Pair | undefined;
  let lastTrouble = '';
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const judge = (read: Parsed<Pair>): void => {
    const usable = read.ok && !fits(read.value) ? MISFIT : read;
    if (!usable.ok) {
      const trouble = JSON.stringify(usable.problems);
      if (trouble !== lastTrouble) onError(usable.problems);
      lastTrouble = trouble;
      return;
    }
    lastTrouble = '';
    const { cert, key } = usable.value;
    if (cert === good?.cert && key === good.key) return;
    good = { cert, key };
    onChange(good);
  };
  const look = async (): Promise<void> => {
    const read = await options.read().catch(unread);
    if (closed) return;
    judge(read);
    timer = setTimeout(() => void look(), everyMs);
  };
  void look();
  return {
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}

const MISFIT: Parsed<never> = problem('', 'the private key is not the one of the certificate');

/** The system's code only: the text of an error may quote what was read. */
function unread(error: unknown): Parsed<never> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return problem('', `cannot be read (${code})`);
}
