import { parsed, problem, type Clock, type Parsed } from '../../core/model/index.ts';
import type { TrustRoots } from '../../core/policy/index.ts';
import { compileDocuments, type PolicyReading, type PolicySet } from './compile-documents.ts';
import { repeat } from './repeat.ts';

/** Policies from a folder, always the last set that compiled. */
export interface PolicyFolder {
  readonly current: () => PolicySet;
  readonly close: () => void;
}

/** What watching a folder needs from outside. */
interface FolderWatch {
  readonly read: () => Promise<PolicyReading>;
  readonly clock: Clock;
  /** Reads trust roots; a public-good root that was refreshed compiles the policies anew. */
  readonly roots: TrustRoots;
  /** Milliseconds between two checks; files are polled, because mounted ConfigMaps do not send change events reliably. */
  readonly everyMs: number;
  /** Called once per change, with the new set, or with the reason why the old one stays in force. */
  readonly onChange: (outcome: Parsed<PolicySet>) => void;
}

/**
 * Reads and compiles a folder, then keeps looking. The first reading must succeed. Later, a folder that stops compiling
 * or holds no policy any more leaves the last good set in force, whole: it never quietly vanishes, and never half changes.
 */
export async function watchFolder(watch: FolderWatch): Promise<Parsed<PolicyFolder>> {
  const reading = await readSafely(watch);
  const first = compileFolder(reading, watch);
  if (!first.ok) return first;
  let current = first.value;
  let seen = printOf(reading, watch);
  const look = async () => {
    const next = await readSafely(watch);
    const print = printOf(next, watch);
    if (print === seen) return;
    seen = print;
    const compiled = compileFolder(next, watch);
    if (compiled.ok) current = compiled.value;
    watch.onChange(compiled);
  };
  const { close } = repeat(watch.everyMs, look);
  return parsed({ current: () => current, close });
}

/** A read that fails is a reading with a problem, so that it, too, is reported once. */
async function readSafely({ read }: FolderWatch): Promise<PolicyReading> {
  try {
    return await read();
  } catch (error) {
    const message = error instanceof Error ? error.message : 'the folder could not be read';
    return { documents: [], problems: [{ path: '', message }] };
  }
}

/** Everything that the compiled policies depend on. */
function printOf(reading: PolicyReading, { roots }: FolderWatch): string {
  return JSON.stringify([reading, roots.publicGood().fingerprint]);
}

function compileFolder(reading: PolicyReading, { clock, roots }: FolderWatch): Parsed<PolicySet> {
  const compiled = compileDocuments(reading, { now: clock(), roots });
  // An emptied folder or a volume that is gone would otherwise let everything in.
  if (compiled.ok && compiled.value.policies.length === 0)
    return problem('', 'the folder holds no ImagePolicy');
  return compiled;
}
