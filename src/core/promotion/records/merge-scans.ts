import type { ScanOutput } from '../ports.ts';

/**
 * The scans of all platforms of an image as one: the index is what is promoted, and what is judged later. As old as its
 * oldest part, with the oldest database. `undefined` when nothing was scanned.
 */
export function mergeScans(outputs: readonly ScanOutput[]): ScanOutput | undefined {
  const [first, ...more] = outputs;
  if (!first || more.length === 0) return first;
  const earliest = (moments: readonly Date[]): Date =>
    new Date(Math.min(...moments.map((moment) => moment.getTime())));
  const databases = outputs.flatMap(({ databaseUpdatedAt }) => databaseUpdatedAt ?? []);
  return {
    scanner: first.scanner,
    report: { ...objectOf(first.report), Results: outputs.flatMap(({ report }) => resultsOf(report)) },
    startedAt: earliest(outputs.map(({ startedAt }) => startedAt)),
    finishedAt: earliest(outputs.map(({ finishedAt }) => finishedAt)),
    ...(databases.length === outputs.length && { databaseUpdatedAt: earliest(databases) }),
  };
}

function objectOf(report: unknown): object {
  return typeof report === 'object' && report !== null ? report : {};
}

/** Trivy lists what it found under `Results`, one for each place it looked in, and leaves out what is empty. */
function resultsOf(report: unknown): readonly unknown[] {
  const { Results: results } = objectOf(report) as { readonly Results?: unknown };
  return Array.isArray(results) ? results : [];
}
