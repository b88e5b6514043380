import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const project = join(import.meta.dirname, '..', '..', '..', '..');

/** The program that the tests run: what `npm run bundle` makes and the image holds. */
export const PRODUCT = join(project, 'dist', 'bundle', 'pratique.js');

/** Builds it again, which takes a second; returns the exit code. */
export async function buildProduct(): Promise<number | null> {
  const build = spawn(process.execPath, [join(project, '.ci', 'bundle.ts')], {
    cwd: project,
    stdio: 'inherit',
  });
  const [code] = (await once(build, 'exit')) as [number | null];
  return code;
}
