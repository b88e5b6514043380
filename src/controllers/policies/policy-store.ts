import type { CompiledPolicy } from '../../core/policy/index.ts';
import { compileEntry, type Compiling, type Entry, type PolicyState } from './compile-set.ts';
import type { RootInUse } from './compile-documents.ts';

/** The policies of a cluster, compiled. */
export interface PolicyStore {
  /** In force right now; the array is another one after every change, and never changes itself. */
  readonly current: () => readonly CompiledPolicy[];
  readonly roots: () => readonly RootInUse[];
  readonly states: () => ReadonlyMap<string, PolicyState>;
  /** Checks everything again; compiles what changed and swaps the whole set at once. Cheap when nothing changed. */
  readonly refresh: () => void;
}

/** What holding policies needs. */
export interface Holding extends Compiling {
  /** Policies that are always in force, before all others. */
  readonly builtIn: readonly CompiledPolicy[];
  /** Called after a swap, with the names of the policies that are new, changed or gone. */
  readonly onChange: (names: readonly string[]) => void;
}

/**
 * Holds the policies of a cluster. One that stops compiling keeps its last good version in force; one that never compiled
 * leaves its images unknown. It never quietly vanishes.
 */
export function createPolicyStore(given: Holding): PolicyStore {
  let entries: ReadonlyMap<string, Entry> = new Map();
  let current = given.builtIn;
  const refresh = () => {
    const next = new Map<string, Entry>();
    for (const object of given.source.policies()) {
      const { name } = object.metadata;
      next.set(name, compileEntry(object, entries.get(name), given));
    }
    const names = new Set([...entries.keys(), ...next.keys()]);
    const changed = [...names].filter((name) => entries.get(name) !== next.get(name));
    if (changed.length === 0) return;
    entries = next;
    const ordered = [...next.values()].toSorted((a, b) => (a.state.name < b.state.name ? -1 : 1));
    current = [...given.builtIn, ...ordered.map(({ policy }) => policy)];
    given.onChange(changed);
  };
  return {
    current: () => current,
    roots: () => [...entries.values()].flatMap(({ roots }) => roots),
    states: () => new Map([...entries].map(([name, { state }]) => [name, state])),
    refresh,
  };
}
