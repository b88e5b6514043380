import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, dirname, join } from 'node:path';
import { succeed } from './command.ts';
import { cacheRoot } from './recipe.ts';

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

/** With an empty cache, `npm ci` within the build takes a minute or two; later builds find its layer. */
const IMAGE_WITHIN_MS = 10 * 60_000;

/** Builds the image from the Dockerfile into a folder, as an OCI layout. Needs root and buildah. */
export async function buildImage(folder: string): Promise<void> {
  await succeed({
    command: join(project, 'test', 'image', 'build.sh'),
    args: [folder],
    env: {
      PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
      STORAGE: join(cacheRoot(process.env), 'image'),
    },
    withinMs: IMAGE_WITHIN_MS,
  });
}
