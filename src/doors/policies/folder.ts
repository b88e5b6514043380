import type { Clock, Parsed, Problem } from '../../core/model/index.ts';
import { compileDocuments, type PolicyReading, type PolicySet } from './compile-documents.ts';

/** Policies from a folder, always the last set that compiled. */
export interface PolicyFolder {
  readonly current: () => PolicySet;
  readonly close: () => void;
}

/** What watching a folder needs from outside. */
export interface FolderWatch {
  readonly read: () => Promise<PolicyReading>;
  readonly clock: Clock;
  /** Milliseconds between two looks; reading beats change notices, which mounted ConfigMaps do not give reliably. */
  readonly everyMs: number;
  /** Told once per change: the new set, or why the old one stays in force. */
  readonly onChange: (outcome: Parsed<PolicySet>) => void;
}

/**
 * Reads and compiles a folder, then keeps looking. The first reading must succeed. Later, a folder that stops compiling
 * leaves the last good set in force, whole: it never quietly vanishes, and never half changes.
 */
export async function watchFolder(watch: FolderWatch): Promise<Parsed<PolicyFolder>> {
  const reading = await watch.read();
  const first = compileDocuments(reading, watch.clock());
  if (!first.ok) return first;
  let current = first.value;
  let seen = JSON.stringify(reading);
  const look = async () => {
    const next = await watch.read();
    const print = JSON.stringify(next);
    if (print === seen) return;
    seen = print;
    const compiled = compileDocuments(next, watch.clock());
    if (compiled.ok) current = compiled.value;
    watch.onChange(compiled);
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) => {
      watch.onChange({ ok: false, problems: [failed(error)] });
    });
  }, watch.everyMs);
  timer.unref();
  return {
    ok: true,
    value: {
      current: () => current,
      close: () => {
        clearInterval(timer);
      },
    },
  };
}

function failed(error: unknown): Problem {
  return { path: '', message: error instanceof Error ? error.message : 'the folder could not be read' };
}
