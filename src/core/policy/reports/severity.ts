import { baseScore } from './cvss.ts';

/**
 * How bad a vulnerability is, in rising order. `Unknown` stands first and is no rank: what is not rated, or in a way that cannot be
 * read, may be as bad as any. A rule says whether it blocks.
 */
export const SEVERITIES = ['Unknown', 'Low', 'Medium', 'High', 'Critical'] as const;

/** One of {@link SEVERITIES}. */
export type Severity = (typeof SEVERITIES)[number];

/**
 * The words of scanners and vendors, in lower case, and the score above which it counts: that of the next lower severity on the
 * qualitative scale of CVSS 3 and 4, so that what is between two severities is the worse one. `negligible` is `Low`: it was rated.
 * `none` and a score of 0 are what scanners write when they have no rating.
 */
const SCALE: readonly {
  readonly severity: Severity;
  readonly above: number;
  readonly words: readonly string[];
}[] = [
  { severity: 'Critical', above: 8.9, words: ['critical'] },
  { severity: 'High', above: 6.9, words: ['high', 'important'] },
  { severity: 'Medium', above: 3.9, words: ['medium', 'moderate'] },
  { severity: 'Low', above: 0, words: ['low', 'minor', 'negligible', 'informational'] },
];
const HIGHEST_SCORE = 10;

/** The severity that a word means; `Unknown` for a word that means none. */
export function severityOfWord(word: string): Severity {
  return SCALE.find(({ words }) => words.includes(word.trim().toLowerCase()))?.severity ?? 'Unknown';
}

/** The severity of a CVSS score, as a number or its text, or of a vector of CVSS 3; `Unknown` for what is neither. */
export function severityOfScore(score: string | number): Severity {
  const text = String(score).trim();
  const value = /^\d{1,2}(?:\.\d{1,9})?$/.test(text) ? Number(text) : (baseScore(text) ?? NaN);
  if (value > HIGHEST_SCORE) return 'Unknown';
  return SCALE.find(({ above }) => value > above)?.severity ?? 'Unknown';
}

/** The highest of some severities; `Unknown` when there are none. */
export function highest(severities: readonly Severity[]): Severity {
  return severities.reduce((one, other) => (isAtLeast(one, other) ? one : other), 'Unknown');
}

/** Whether a severity is as high as another in the order of {@link SEVERITIES}. */
export function isAtLeast(severity: Severity, floor: Severity): boolean {
  return SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(floor);
}

/** How bad one finding is by all that is known of it. */
export interface Rating {
  /** The worst that can be read; `Unknown` where nothing can. */
  readonly severity: Severity;
  /** Set when it is also rated in a way that cannot be read, so that it may be worse than `severity`. */
  readonly maybeWorse?: boolean;
}

/** Combines ratings of one finding: the worst counts, and one that cannot be read never makes it better. */
export function combineRatings(ratings: readonly Rating[]): Rating {
  const severity = highest(ratings.map((one) => one.severity));
  const isOpen = severity !== 'Unknown' && severity !== 'Critical';
  return isOpen && ratings.some(isUncertain) ? { severity, maybeWorse: true } : { severity };
}

/** Whether a finding may be worse than what could be read of its severity. */
export function isUncertain({ severity, maybeWorse = false }: Rating): boolean {
  return severity === 'Unknown' || maybeWorse;
}

/** A severity as part of a message. */
export function describeSeverity({ severity, maybeWorse = false }: Rating): string {
  if (severity === 'Unknown') return 'of unknown severity';
  return maybeWorse ? `of unknown severity, ${severity} or worse` : severity;
}
