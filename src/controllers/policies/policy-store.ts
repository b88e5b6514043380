import { setImmediate } from 'node:timers/promises';
import type { KubeObject } from '../../clients/kubernetes/index.ts';
import { digestOf, objectOf, type Clock, type Problem, type Fact } from '../../core/model/index.ts';
import {
  type CompiledPolicy,
  brokenPolicy,
  compilePolicy,
  type MaterialRef,
  type TrustRoots,
} from '../../core/policy/index.ts';
import { noting, type RootInUse } from './compile-documents.ts';

/** The policies of a cluster, compiled. */
export interface PolicyStore {
  /** In force right now; the array is another one after every change, and never changes itself. */
  readonly current: () => readonly CompiledPolicy[];
  readonly roots: () => readonly RootInUse[];
  readonly states: () => ReadonlyMap<string, PolicyState>;
  /** Checks everything again; compiles what changed and swaps the whole set at once. Cheap when nothing changed. */
  readonly refresh: () => void;
  /** The same, some policies at a time: a thousand take half a second. Ends before it is called again. */
  readonly refreshInTurns: () => Promise<void>;
}

/** Policies compiled in one go: with keys and conditions one takes 0.4 ms. */
const POLICIES_IN_TURN = 10;

/** What holding policies needs. */
interface Holding extends Compiling {
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
  const compileAll = function* (): Generator<void> {
    const next = new Map<string, Entry>();
    for (const object of [...given.source.policies()]) {
      const { name } = object.metadata;
      next.set(name, compileEntry(object, entries.get(name), given));
      yield;
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
    refresh: () => {
      Array.from(compileAll());
    },
    refreshInTurns: async () => {
      let compiled = 0;
      const work = compileAll();
      while (work.next().done !== true) if (++compiled % POLICIES_IN_TURN === 0) await setImmediate();
    },
  };
}

/** The result for one ImagePolicy. */
export interface PolicyState {
  readonly name: string;
  readonly generation: number;
  /** Why it does not compile as written; empty when it is in force. */
  readonly problems: readonly Problem[];
  /** `as written`, `last good` while the present text does not compile, `nothing` when it never did: its images are unknown. */
  readonly inForce: 'as written' | 'last good' | 'nothing';
  /** Names what is in force: spec, keys and trust roots. Equal hashes mean equal verdicts on equal evidence. */
  readonly hash: string;
}

/** One policy, compiled, with everything its compilation read. */
interface Entry {
  readonly policy: CompiledPolicy;
  readonly state: PolicyState;
  readonly roots: readonly RootInUse[];
  /** The written policy and everything it named, as they were: unchanged means that compiling again is no use. */
  readonly inputs: Inputs;
}

interface Inputs {
  /** Generation and spec. */
  readonly written: string;
  readonly material: ReadonlyMap<string, string | undefined>;
  readonly publicRoot: string;
}

/** What policies are compiled with. */
interface Compiling {
  readonly source: PolicySource;
  readonly roots: TrustRoots;
  readonly clock: Clock;
}

/** Compiles one policy; `before` is what there was: kept as it is when nothing changed, and in force when it is worse now. */
function compileEntry(object: PolicyObject, before: Entry | undefined, given: Compiling): Entry {
  const { name, generation = 0 } = object.metadata;
  const written = JSON.stringify([generation, object.spec]);
  if (before && isCurrent(before, written, given)) return before;
  const material = new Map<string, string | undefined>();
  const roots: RootInUse[] = [];
  const compiled = compilePolicy(object, {
    material: (ref) => {
      const text = materialOf(ref, given.source);
      material.set(JSON.stringify(ref), text);
      return text;
    },
    roots: noting(given.roots, given.clock(), (root) => roots.push(root)),
  });
  const publicRoot = given.roots.publicGood().fingerprint;
  const inputs: Inputs = { written, material, publicRoot };
  const problems = compiled.ok ? [] : compiled.problems;
  const state = { name, generation, problems };
  if (compiled.ok) {
    const hash = hashOf(object.spec, inputs);
    return { policy: compiled.value, roots, inputs, state: { ...state, inForce: 'as written', hash } };
  }
  if (before && before.state.inForce !== 'nothing')
    return { ...before, inputs, state: { ...state, inForce: 'last good', hash: before.state.hash } };
  const policy = brokenPolicy(name, object, problems);
  return { policy, roots: [], inputs, state: { ...state, inForce: 'nothing', hash: '' } };
}

function isCurrent({ inputs }: Entry, written: string, { source, roots }: Compiling): boolean {
  if (inputs.written !== written || inputs.publicRoot !== roots.publicGood().fingerprint) return false;
  return [...inputs.material].every(
    ([ref, text]) => materialOf(JSON.parse(ref) as MaterialRef, source) === text,
  );
}

/** Secrets hold base64; a ConfigMap holds text. */
function materialOf({ kind, name, key }: MaterialRef, source: PolicySource): string | undefined {
  const object = kind === 'Secret' ? source.secret(name) : source.configMap(name);
  const value = objectOf(object?.data)[key];
  if (typeof value !== 'string') return undefined;
  return kind === 'Secret' ? Buffer.from(value, 'base64').toString('utf8') : value;
}

function hashOf(spec: unknown, { material, publicRoot }: Inputs): string {
  return digestOf(JSON.stringify([spec, [...material], publicRoot])).slice('sha256:'.length);
}

/** An ImagePolicy as the API server has it. */
export type PolicyObject = Pick<KubeObject, 'metadata'> & Partial<KubeObject>;

/** A Secret or ConfigMap as the API server has it; values of a Secret are base64. */
export interface SecretData {
  readonly data?: unknown;
}

/** A cluster's policies and the objects that they name, kept current by a cache. */
export interface PolicySource {
  readonly policies: () => Iterable<PolicyObject>;
  /** From the controller's own namespace. */
  readonly secret: (name: string) => SecretData | undefined;
  readonly configMap: (name: string) => SecretData | undefined;
}

/** Namespaces, from a synced cache and from the API server itself. */
export interface NamespaceSource {
  /** Labels as the cache has them; `undefined` for a namespace that it does not have. */
  readonly cached: (name: string) => Readonly<Record<string, string>> | undefined;
  /** Milliseconds since the cache last received an answer from the API server; a cache without answers may be wrong. */
  readonly confirmedMsAgo: () => number;
  /** Asks the API server; `absent` when there is no such namespace. */
  readonly ask: (name: string, signal: AbortSignal) => Promise<Fact<Readonly<Record<string, string>>>>;
}
