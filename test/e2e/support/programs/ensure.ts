import { join } from 'node:path';
import { components } from './components.ts';
import { build, findGo, isUsable } from './go.ts';
import { cacheRoot, findBuilt, recipeFor, type Recipe } from './recipe.ts';

/** A component that is missing and cannot be built here, with the reason. */
export interface Unobtainable {
  readonly component: string;
  readonly reason: string;
}

/** Builds components that are not in the cache yet. Those that cannot be built without Go are returned, not thrown. */
export async function ensureComponents(env: NodeJS.ProcessEnv): Promise<readonly Unobtainable[]> {
  const root = cacheRoot(env);
  const goVersion = await findGo();
  const unobtainable: Unobtainable[] = [];
  for (const component of components) {
    const recipe = await recipeFor(component, env);
    if (await isThere(recipe, root, goVersion)) continue;
    const reason = whyNot(recipe, goVersion);
    if (goVersion === undefined || reason !== undefined) {
      unobtainable.push({ component: component.name, reason: reason ?? 'no go' });
      continue;
    }
    announce(recipe, root, goVersion);
    await build(recipe, root, goVersion);
  }
  return unobtainable;
}

/**
 * Paths of the named programs. Never builds: a test would run into its time limit.
 * @throws when one is missing, with the command that builds it.
 */
export async function requirePrograms<Name extends string>(
  names: readonly Name[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Readonly<Record<Name, string>>> {
  const goVersion = await findGo();
  const paths = await Promise.all(
    names.map(async (name) => [name, await locate(name, env, goVersion)] as const),
  );
  return Object.fromEntries(paths) as Record<Name, string>;
}

async function locate(name: string, env: NodeJS.ProcessEnv, goVersion?: string): Promise<string> {
  const component = components.find(({ binaries }) => binaries.some((binary) => binary.name === name));
  if (component === undefined) throw new Error(`no component has a program named ${name}`);
  const recipe = await recipeFor(component, env);
  const provided = recipe.provided.get(name);
  if (provided !== undefined) return provided;
  const folder = await findBuilt(recipe, cacheRoot(env), usable(recipe, goVersion));
  if (folder === undefined) throw new Error(`${name} is not built yet: npm run test:e2e -- --build-only`);
  return join(folder, name);
}

async function isThere(recipe: Recipe, root: string, goVersion?: string): Promise<boolean> {
  if (recipe.binaries.length === 0) return true;
  return (await findBuilt(recipe, root, usable(recipe, goVersion))) !== undefined;
}

function usable(recipe: Recipe, goVersion?: string): string | undefined {
  return goVersion !== undefined && isUsable(goVersion, recipe) ? goVersion : undefined;
}

function whyNot(recipe: Recipe, goVersion?: string): string | undefined {
  if (goVersion === undefined) return `needs Go ${recipe.goLine} or newer, and there is none on the PATH`;
  if (isUsable(goVersion, recipe)) return undefined;
  return `needs Go ${recipe.goLine} or newer, and the one on the PATH is ${goVersion}`;
}

function announce(recipe: Recipe, root: string, goVersion: string): void {
  const names = recipe.binaries.map((binary) => binary.name).join(', ');
  console.error(
    `e2e: building ${names} from source with ${goVersion}. The tests run against the real programs; on two cores ` +
      `a first build takes ${recipe.component.firstBuild}, later runs find the result in ${root}`,
  );
}
