import { findInLogs, type MadeBy } from './log-entries.ts';
import type { SignedMaterial } from './material.ts';
import type { RootMaterial } from './root-material.ts';
import { findTimestamps } from './timestamps.ts';

/** What the logs and timestamp authorities of one root have seen of a signature. */
export interface Witness {
  readonly root: RootMaterial;
  readonly logged: boolean;
  readonly timestamped: boolean;
  /** Every moment they prove it existed at, each once. */
  readonly times: readonly Date[];
  /** Why they prove no time, each as one clause. */
  readonly complaints: readonly string[];
}

/** Asks every root what it has seen of a signature. */
export function witnesses(
  material: SignedMaterial,
  by: MadeBy,
  roots: readonly RootMaterial[],
): readonly Witness[] {
  return roots.map((root) => {
    const log = findInLogs(material, by, root);
    const stamps = findTimestamps(material, by.key, root);
    return {
      root,
      logged: log.logged,
      timestamped: stamps.times.length > 0,
      times: distinct([...log.times, ...stamps.times]),
      complaints: [log.why, stamps.why].filter((why) => why !== undefined).concat(material.unreadable),
    };
  });
}

/** What the witnesses add to a proven signature. */
export function attest(seen: readonly Witness[]): {
  loggedBy: readonly string[];
  timestampedBy: readonly string[];
} {
  return {
    loggedBy: seen.filter(({ logged }) => logged).map(({ root }) => root.fingerprint),
    timestampedBy: seen.filter(({ timestamped }) => timestamped).map(({ root }) => root.fingerprint),
  };
}

/** The earliest moment: "made at the latest then". */
export function earliest(times: readonly Date[]): Date | undefined {
  return times.toSorted((a, b) => a.getTime() - b.getTime())[0];
}

function distinct(times: readonly Date[]): readonly Date[] {
  return [...new Set(times.map((time) => time.getTime()))].map((time) => new Date(time));
}
