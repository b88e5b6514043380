import { parseSettings, type Settings } from '../../../src/core/settings/index.ts';

/** Settings that must be good; throws with all problems. */
export function settingsOf(input: unknown): Settings {
  const read = parseSettings(input);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.value;
}

/** Where settings are wrong; empty when they are good. */
export function pathsOf(input: unknown): readonly string[] {
  const read = parseSettings(input);
  return read.ok ? [] : read.problems.map(({ path }) => path);
}
