import { createHash } from 'node:crypto';
import { access, constants, readFile, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Binary, Component } from './components.ts';

/** Everything that determines the result of a build, except the version of Go. */
export interface Recipe {
  readonly component: Component;
  readonly moduleFolder: string;
  /** What is to be built: the component's programs less those in `provided`. */
  readonly binaries: readonly Binary[];
  /** Programs of the environment: name → path. */
  readonly provided: ReadonlyMap<string, string>;
  readonly flags: readonly string[];
  /** The `go` line of go.mod: the oldest toolchain that will do. */
  readonly goLine: string;
  /** Folder name in the cache, to be followed by the Go version. */
  readonly key: string;
}

const modulesFolder = join(import.meta.dirname, '..', '..', 'components');

/** Enough of a SHA-256 that two recipes never share a cache folder. */
const KEY_LENGTH = 16;

/** Reads a component's module files and returns how it is built here. */
export async function recipeFor(component: Component, env: NodeJS.ProcessEnv): Promise<Recipe> {
  const moduleFolder = join(modulesFolder, component.name);
  const goMod = await readFile(join(moduleFolder, 'go.mod'), 'utf8');
  const goSum = await readFile(join(moduleFolder, 'go.sum'), 'utf8');
  const provided = await findProvided(component, env.KUBEBUILDER_ASSETS);
  const binaries = component.binaries.filter(
    ({ name, linuxOnly }) => !provided.has(name) && (!linuxOnly || process.platform === 'linux'),
  );
  const flags = ['-mod=readonly', '-trimpath', `-ldflags=${linkerFlags(component, goMod)}`];
  const { compilerEnvironment, ownSources = [] } = component;
  const own = await Promise.all(ownSources.map((name) => readFile(join(moduleFolder, name), 'utf8')));
  const special = compilerEnvironment === undefined ? own : [...own, compilerEnvironment];
  const inputs = [goMod, goSum, flags, binaries, process.platform, process.arch, ...special];
  const hash = createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, KEY_LENGTH);
  const goLine = firstMatch(goMod, /^go (\S+)$/m, `${component.name}/go.mod has no go line`);
  return { component, moduleFolder, binaries, provided, flags, goLine, key: `${component.name}-${hash}` };
}

/** Where built programs are kept between runs, outside of the repository. */
export function cacheRoot(env: NodeJS.ProcessEnv): string {
  const cacheHome = env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return env.PRATIQUE_E2E_CACHE ?? join(cacheHome, 'pratique-e2e');
}

/**
 * The folder with the finished programs of a recipe, or undefined. Without a usable Go any earlier build
 * of the same recipe will do, whichever Go made it.
 */
export async function findBuilt(
  recipe: Recipe,
  root: string,
  goVersion?: string,
): Promise<string | undefined> {
  const wanted = `${recipe.key}-${goVersion ?? ''}`;
  const names = await readdir(root).catch(emptyWhenAbsent);
  const found = names.find((name) => (goVersion === undefined ? name.startsWith(wanted) : name === wanted));
  return found === undefined ? undefined : join(root, found);
}

/** As every other operator project does: the programs of KUBEBUILDER_ASSETS win over our own. */
async function findProvided(component: Component, folder?: string): Promise<ReadonlyMap<string, string>> {
  const provided = new Map<string, string>();
  if (!folder) return provided;
  for (const { name } of component.binaries) {
    const path = join(folder, name);
    if (await isExecutable(path)) provided.set(name, path);
  }
  return provided;
}

function linkerFlags(component: Component, goMod: string): string {
  const stamps = { ...kubernetesStamps(component, goMod), ...component.stamps };
  return ['-s -w', ...Object.entries(stamps).map(([name, value]) => `-X ${name}=${value}`)].join(' ');
}

function kubernetesStamps({ versionFrom }: Component, goMod: string): Readonly<Record<string, string>> {
  if (versionFrom === undefined) return {};
  const version = requiredVersion(goMod, versionFrom);
  const [major = '', minor = ''] = version.slice(1).split('.');
  const stamps = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return Object.fromEntries(
    Object.entries(stamps).map(([key, value]) => [`k8s.io/component-base/version.${key}`, value]),
  );
}

function requiredVersion(goMod: string, module: string): string {
  const prefix = `${module} v`;
  const lines = goMod.split('\n').map((line) => line.trim());
  const line = lines.find((candidate) => candidate.startsWith(prefix));
  if (line === undefined) throw new Error(`go.mod does not require ${module}`);
  return line.slice(prefix.length - 1);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function firstMatch(text: string, pattern: RegExp, problem: string): string {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(problem);
  return found;
}

function emptyWhenAbsent(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return [];
  throw error;
}
