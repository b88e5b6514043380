/** Longest vector that is read, in characters: one with every metric of CVSS 3.1 has fewer. */
const MAX_VECTOR_LENGTH = 160;
const PREFIX = /^CVSS:3\.[01]\//;

/** Values of the base metrics (CVSS 3.1 §7.4); those of `PR` are for an unchanged scope, `S` has no number of its own. */
const BASE: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  AV: { N: 0.85, A: 0.62, L: 0.55, P: 0.2 },
  AC: { L: 0.77, H: 0.44 },
  PR: { N: 0.85, L: 0.62, H: 0.27 },
  UI: { N: 0.85, R: 0.62 },
  S: { U: 0, C: 1 },
  C: { H: 0.56, L: 0.22, N: 0 },
  I: { H: 0.56, L: 0.22, N: 0 },
  A: { H: 0.56, L: 0.22, N: 0 },
};
/** `PR` where the scope changes. */
const PRIVILEGES_CHANGED: Readonly<Record<string, number>> = { N: 0.85, L: 0.68, H: 0.5 };

/** Temporal metrics only lower a base score (CVSS 3.1 §7.2), so that it is enough to know them. */
const TEMPORAL: Readonly<Record<string, string>> = { E: 'XHFPU', RL: 'XUWTO', RC: 'XCRU' };
/** Environmental metrics may raise it: with a value other than X the vector is not read. */
const ENVIRONMENTAL: ReadonlySet<string> = new Set('CR IR AR MAV MAC MPR MUI MS MC MI MA'.split(' '));

/**
 * The base score of a vector of CVSS 3.0 or 3.1, from 0 to 10; `undefined` for one that is incomplete, has a metric twice or one
 * that is unknown, could be raised by its environment, or is of another version. https://www.first.org/cvss/v3.1/specification-document
 */
export function baseScore(vector: string): number | undefined {
  const metrics = metricsOf(vector);
  if (!metrics || [...metrics].some(([name, value]) => !isKnown(name, value))) return undefined;
  const of = (name: string): number => BASE[name]?.[metrics.get(name) ?? ''] ?? NaN;
  const changed = metrics.get('S') === 'C';
  const privileges = changed ? (PRIVILEGES_CHANGED[metrics.get('PR') ?? ''] ?? NaN) : of('PR');
  const subScore = 1 - (1 - of('C')) * (1 - of('I')) * (1 - of('A'));
  const impact = changed ? 7.52 * (subScore - 0.029) - 3.25 * (subScore - 0.02) ** 15 : 6.42 * subScore;
  const score = (impact + 8.22 * of('AV') * of('AC') * privileges * of('UI')) * (changed ? 1.08 : 1);
  // A metric that is missing made it NaN.
  if (Number.isNaN(score + of('S'))) return undefined;
  return impact <= 0 ? 0 : roundUp(Math.min(score, 10));
}

function metricsOf(vector: string): ReadonlyMap<string, string> | undefined {
  if (vector.length > MAX_VECTOR_LENGTH || !PREFIX.test(vector)) return undefined;
  const parts = vector.replace(PREFIX, '').split('/');
  const metrics = new Map(
    parts.map((part): [string, string] => {
      const [name = '', value = '', ...more] = part.split(':');
      return [name, more.length > 0 ? '' : value];
    }),
  );
  return metrics.size === parts.length ? metrics : undefined;
}

function isKnown(name: string, value: string): boolean {
  if (ENVIRONMENTAL.has(name)) return value === 'X';
  const temporal = Object.hasOwn(TEMPORAL, name) ? TEMPORAL[name] : undefined;
  if (temporal !== undefined) return value.length === 1 && temporal.includes(value);
  return Object.hasOwn(BASE, name) && Object.hasOwn(BASE[name] ?? {}, value);
}

/** Rounds up to one decimal, without the noise of floating point (CVSS 3.1 Appendix A). */
function roundUp(score: number): number {
  const whole = Math.round(score * 100_000);
  return whole % 10_000 === 0 ? whole / 100_000 : (Math.floor(whole / 10_000) + 1) / 10;
}
