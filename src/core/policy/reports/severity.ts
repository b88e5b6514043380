/** How bad a vulnerability is, in rising order; `Unknown` is lowest because scanners use it for what is not rated yet. */
export const SEVERITIES = ['Unknown', 'Low', 'Medium', 'High', 'Critical'] as const;

/** One of {@link SEVERITIES}. */
export type Severity = (typeof SEVERITIES)[number];

/**
 * The words of scanners and vendors, in lower case, and the score from which it counts on the qualitative scale of CVSS 3 and 4.
 * What is below `low` somewhere is `Low` here: it was rated. A score of 0 is what scanners write when they have none.
 */
const SCALE: readonly {
  readonly severity: Severity;
  readonly from: number;
  readonly words: readonly string[];
}[] = [
  { severity: 'Critical', from: 9, words: ['critical'] },
  { severity: 'High', from: 7, words: ['high', 'important'] },
  { severity: 'Medium', from: 4, words: ['medium', 'moderate'] },
  { severity: 'Low', from: 0.1, words: ['low', 'minor', 'negligible', 'informational', 'none'] },
];
const HIGHEST_SCORE = 10;

/** The severity that a word means; `Unknown` for a word that means none. */
export function severityOfWord(word: string): Severity {
  return SCALE.find(({ words }) => words.includes(word.trim().toLowerCase()))?.severity ?? 'Unknown';
}

/** The severity of a CVSS base score, as a number or its text; `Unknown` for what is no score from 0.1 to 10. */
export function severityOfScore(score: string | number): Severity {
  const text = String(score).trim();
  const value = /^\d{1,2}(?:\.\d{1,9})?$/.test(text) ? Number(text) : NaN;
  if (value > HIGHEST_SCORE) return 'Unknown';
  return SCALE.find(({ from }) => value >= from)?.severity ?? 'Unknown';
}

/** The highest of some severities; `Unknown` when there are none. */
export function highest(severities: readonly Severity[]): Severity {
  return severities.reduce((one, other) => (isAtLeast(one, other) ? one : other), 'Unknown');
}

export function isAtLeast(severity: Severity, floor: Severity): boolean {
  return SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(floor);
}
