import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from './engine/target.ts';

const corpora = join(import.meta.dirname, 'corpus');

/** Where inputs that broke a law are kept, one folder for each target. */
export const FOUND = join(import.meta.dirname, 'found');

/** The inputs that a target begins with: a list of documents or texts, in `corpus/NAME.json`. */
export function readCorpus({ name, form }: Target): readonly Uint8Array[] {
  const entries = JSON.parse(readFileSync(join(corpora, `${name}.json`), 'utf8')) as readonly unknown[];
  return entries.map((one) => Buffer.from(form === 'json' ? JSON.stringify(one) : (one as string)));
}

/** The inputs that once broke the law of a target, as they were found. */
export function readFound({
  name,
}: Target): readonly { readonly file: string; readonly input: Uint8Array }[] {
  const folder = join(FOUND, name);
  return filesIn(folder).map((file) => ({ file, input: readFileSync(join(folder, file)) }));
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // nothing was ever found
    throw error;
  }
}
