import { header, type Answer } from './exchange.ts';

/** What a registry says of how much may still be asked. */
export interface Allowance {
  /** Milliseconds to rest before something new is begun; 0 while enough is left. */
  readonly restMs: number;
}

/** Requests that must be left before another image is begun: one image of several platforms costs about this many. */
export const MIN_REMAINING = 10;
/** The same as a part of the whole window, where the window is small. */
const MIN_REMAINING_PART = 0.1;
/** Seconds to rest where the registry names no window. */
const DEFAULT_WINDOW_S = 60;

/** A count with the window that it belongs to, as Docker Hub writes it: `76;w=21600`. */
const COUNT = /^\s*(\d{1,12})\s*(?:$|[;,])/;
const WINDOW = /;\s*w\s*=\s*(\d{1,9})/;

/**
 * Reads the `RateLimit-*` headers (draft-ietf-httpapi-ratelimit-headers, and Docker Hub's form of them); `undefined` when
 * the answer has none.
 */
export function allowanceOf(answer: Answer): Allowance | undefined {
  const said = header(answer, 'ratelimit-remaining');
  const remaining = countIn(said);
  if (remaining === undefined) return undefined;
  const limit = header(answer, 'ratelimit-limit');
  if (remaining >= leastOf(countIn(limit))) return { restMs: 0 };
  const seconds =
    countIn(header(answer, 'ratelimit-reset')) ?? windowIn(said) ?? windowIn(limit) ?? DEFAULT_WINDOW_S;
  return { restMs: seconds * 1_000 };
}

function leastOf(limit: number | undefined): number {
  return limit === undefined ? 1 : Math.min(MIN_REMAINING, Math.ceil(limit * MIN_REMAINING_PART));
}

function countIn(text: string | undefined): number | undefined {
  const digits = COUNT.exec(text ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function windowIn(text: string | undefined): number | undefined {
  const digits = WINDOW.exec(text ?? '')?.[1];
  return digits === undefined ? undefined : Number(digits);
}
