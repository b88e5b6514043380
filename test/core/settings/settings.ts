import { parseSettings, type Settings } from '../../../src/core/settings/index.ts';

/** Settings that must be valid; throws with all problems. */
export function settingsOf(input: unknown): Settings {
  const read = parseSettings(input);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.value;
}

/** The paths of problems in settings; empty for valid ones. */
export function pathsOf(input: unknown): readonly string[] {
  const read = parseSettings(input);
  return read.ok ? [] : read.problems.map(({ path }) => path);
}
