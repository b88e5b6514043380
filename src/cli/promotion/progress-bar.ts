import type { Clock } from '../../core/model/index.ts';
import { rowName, type Progress } from '../../core/promotion/index.ts';
import { bytesIn } from './report.ts';

/** Milliseconds between two drawings: as often as an eye can follow. */
const REDRAW_MS = 100;
/** Characters of the bar itself. */
const WIDTH = 24;
/** Milliseconds after which a rate means something. */
const SETTLED_MS = 1_000;

export interface ProgressOptions {
  readonly images: number;
  readonly clock: Clock;
  readonly write: (text: string) => void;
  /** A terminal gets one line that changes, anything else a line for each image. */
  readonly interactive: boolean;
}

/** Shows how far a run is: images, bytes, rate and the time that is left. Call `end` when the run is over. */
export function showProgress(options: ProgressOptions): Progress & { readonly end: () => void } {
  return options.interactive ? bar(options) : lines(options);
}

function lines({ images, write }: ProgressOptions): Progress & { readonly end: () => void } {
  let done = 0;
  return {
    onStep: () => undefined,
    onExpected: () => undefined,
    onBytes: () => undefined,
    onResult: ({ decision, reason, bytes, ...row }) => {
      done += 1;
      const why = reason === undefined ? '' : ` (${reason})`;
      const moved = bytes > 0 ? `, ${bytesIn(bytes)}` : '';
      write(`[${done}/${images}] ${rowName(row)}: ${decision}${why}${moved}\n`);
    },
    end: () => undefined,
  };
}

function bar({ images, clock, write }: ProgressOptions): Progress & { readonly end: () => void } {
  const begun = clock().getTime();
  const expected = new Map<string, number>();
  const state = { done: 0, bytes: 0, drawnAt: 0, doing: '' };
  const draw = (always = false): void => {
    const now = clock().getTime();
    if (!always && now - state.drawnAt < REDRAW_MS) return;
    state.drawnAt = now;
    const total = [...expected.values()].reduce((sum, bytes) => sum + bytes, 0);
    // Back to the start of the line, and nothing left of a longer one (ECMA-48, EL).
    write(`\r${lineOf({ ...state, images, total, elapsedMs: now - begun })}\u001b[K`);
  };
  return {
    onStep: (tag, step) => {
      state.doing = `${step} ${tag}`;
      draw();
    },
    onExpected: (tag, bytes) => {
      expected.set(tag, bytes);
      draw();
    },
    onBytes: (_, bytes) => {
      state.bytes += bytes;
      draw();
    },
    onResult: () => {
      state.done += 1;
      draw(true);
    },
    end: () => {
      draw(true);
      write('\n');
    },
  };
}

export interface Drawn {
  readonly done: number;
  readonly images: number;
  readonly bytes: number;
  /** Bytes that are expected of the images begun so far; 0 = not known. */
  readonly total: number;
  readonly elapsedMs: number;
  readonly doing: string;
}

/** One line of progress, e.g. `[######······] 2/5 images, 12.0 of 48.0 MiB, 6.0 MiB/s, 6 s left: copy 1.4.2`. */
export function lineOf({ done, images, bytes, total, elapsedMs, doing }: Drawn): string {
  const share = total > 0 ? Math.min(1, bytes / total) : images > 0 ? done / images : 1;
  const full = Math.round(share * WIDTH);
  const parts = [`${done}/${images} images`];
  if (total > 0) parts.push(`${bytesIn(bytes)} of ${bytesIn(total)}`);
  if (bytes > 0 && elapsedMs >= SETTLED_MS) {
    const perSecond = (bytes / elapsedMs) * 1_000;
    parts.push(`${bytesIn(perSecond)}/s`);
    if (total > bytes) parts.push(`${Math.ceil((total - bytes) / perSecond)} s left`);
  }
  const now = doing === '' || done === images ? '' : `: ${doing}`;
  return `[${'#'.repeat(full)}${'·'.repeat(WIDTH - full)}] ${parts.join(', ')}${now}`;
}
