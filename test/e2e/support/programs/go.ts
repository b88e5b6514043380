import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import semver from 'semver';
import { runCommand } from './command.ts';
import type { Recipe } from './recipe.ts';

/** Prints progress this often, because a first build of Kubernetes prints nothing for minutes. */
const HEARTBEAT_MS = 30_000;

const environment = {
  CGO_ENABLED: '0',
  GOFLAGS: '-buildvcs=false',
  // The Go that is here, or none: a build must not fetch a toolchain, nor follow a workspace around it.
  GOTOOLCHAIN: 'local',
  GOWORK: 'off',
};

/** The version of the Go on the PATH, as `go1.26.8`, or undefined without Go. */
export async function findGo(): Promise<string | undefined> {
  // In a folder without go.mod, because an older Go refuses to run inside of a newer module.
  const asked = { command: 'go', args: ['env', 'GOVERSION'], cwd: tmpdir(), env: environment };
  const answer = await runCommand(asked).catch(undefinedWhenAbsent);
  return answer?.code === 0 ? answer.stdout.trim() : undefined;
}

/** Whether a Go version is new enough for a recipe. */
export function isUsable(goVersion: string, recipe: Recipe): boolean {
  const have = semver.coerce(goVersion);
  const need = semver.coerce(recipe.goLine);
  return have !== null && need !== null && semver.gte(have, need);
}

/**
 * Builds a recipe into the cache and returns its folder there. The work is done in a folder beside it and
 * moved into place in one step, so that two runs side by side, or a killed one, leave no half-filled folder.
 */
export async function build(recipe: Recipe, root: string, goVersion: string): Promise<string> {
  await mkdir(root, { recursive: true });
  const unfinished = await mkdtemp(join(root, `.unfinished-${recipe.component.name}-`));
  try {
    await compile(recipe, unfinished);
    for (const { name, builtAs } of recipe.binaries) {
      if (builtAs !== undefined) await rename(join(unfinished, builtAs), join(unfinished, name));
    }
    const finished = join(root, `${recipe.key}-${goVersion}`);
    await rename(unfinished, finished).catch(contentWhenTaken);
    return finished;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function compile(recipe: Recipe, output: string): Promise<void> {
  const { name } = recipe.component;
  const packages = recipe.binaries.map((binary) => binary.package);
  const started = Date.now();
  const compiler = spawn('go', ['build', ...recipe.flags, '-o', `${output}/`, ...packages], {
    cwd: recipe.moduleFolder,
    env: { ...process.env, ...environment, ...recipe.component.compilerEnvironment },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // Ctrl-C ends the compiler, and by that this build, in good order: the unfinished folder is removed.
  const interrupt = (): boolean => compiler.kill('SIGTERM');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
  const heartbeat = setInterval(() => {
    console.error(`e2e: still building ${name}, ${Math.round((Date.now() - started) / 1000)} s so far`);
  }, HEARTBEAT_MS);
  try {
    const [code, signal] = (await once(compiler, 'exit')) as [number | null, NodeJS.Signals | null];
    if (code !== 0) throw new Error(`go build of ${name} ended with ${signal ?? `code ${code}`}, see above`);
  } finally {
    clearInterval(heartbeat);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  }
  console.error(`e2e: ${name} built in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** Another run has finished the same recipe first: its result is equal. */
function contentWhenTaken(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
}

function undefinedWhenAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
