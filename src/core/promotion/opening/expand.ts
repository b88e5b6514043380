import { nameOf, parseReference, type Fault, type ImageRef } from '../../model/index.ts';
import { orFault } from '../concurrency.ts';
import type { UnplannedImage } from '../plan.ts';
import { MAX_REPOSITORIES } from '../schema/selection.ts';
import { clashesIn, type RepositoryGlob, type Route, type Routes } from '../selection/repositories.ts';
import { readOwner } from './secrets.ts';
import { failedRow, failureIn, failureOf, type RepositoryFailure, type Shared } from './share.ts';
import { openSide } from './side.ts';

/** What a promotion of many takes from now, and what of it cannot be taken, as rows. */
export async function expandRoutes(
  { named, globs }: Routes,
  shared: Shared,
  signal: AbortSignal,
): Promise<{ readonly routes: readonly Route[]; readonly failed: readonly UnplannedImage[] }> {
  const rows: UnplannedImage[] = [];
  const all = new Map(named.map((route) => [route.from, route]));
  for (const glob of globs) {
    const found = await orFault(expand(glob, shared, signal), failureOf, signal);
    if ('detail' in found) {
      rows.push(failedRow(glob.text, { ...found, detail: `${glob.path}: ${found.detail}` }));
      continue;
    }
    const added = found.filter(({ from }) => !all.has(from));
    for (const route of added) all.set(route.from, route);
  }
  const clashes = clashesIn([...all.values()]);
  for (const { from, why } of clashes) {
    rows.push(failedRow(from, { code: 'InvalidPromotion', detail: why, transient: false }));
    all.delete(from);
  }
  const routes = [...all.values()];
  if (routes.length > MAX_REPOSITORIES) {
    const detail = `covers ${String(routes.length)} repositories; one promotion takes ${String(MAX_REPOSITORIES)}, and leaves ${routes[MAX_REPOSITORIES]?.from ?? ''} and those behind it: make a second promotion of them`;
    rows.push(failedRow('source.repositories', { code: 'LimitExceeded', detail, transient: false }));
  }
  return { routes: routes.slice(0, MAX_REPOSITORIES), failed: rows };
}

/** Lists what a glob covers, by the login that reads such a repository: nothing that this login may not read is named. */
async function expand(
  glob: RepositoryGlob,
  { promotion, context }: Shared,
  signal: AbortSignal,
): Promise<readonly Route[] | RepositoryFailure> {
  const owner = await readOwner(promotion, signal);
  if (!owner.ok) return failureIn(owner.problems);
  const side = { ...promotion.spec.source, repository: glob.probe };
  const opened = await openSide('source', { side, owner: owner.value, needs: [] }, context, signal);
  if (!opened.ok) return failureIn(opened.problems);
  const { registry, place, withheld, ownLogins, close } = opened.value;
  try {
    const listed = await orFault(registry.repositories(place, signal), unlisted(glob, place), signal);
    if (listed && 'code' in listed) return listed;
    if (!listed) return unlisted(glob, place)(undefined);
    const names = listed.flatMap((name) => repositoryAt(place.registry, name));
    // A list that the login of the installation has read holds names that the namespace may not know.
    const mayKnow = (name: ImageRef): boolean => !ownLogins || withheld?.(name, 'pull') === undefined;
    return glob.routesOf(names.filter(mayKnow).map(nameOf));
  } finally {
    await close();
  }
}

function repositoryAt(host: string, name: string): readonly ImageRef[] {
  const read = parseReference(`${host}/${name}`);
  if (!read.ok || read.value.registry !== host || read.value.digest !== undefined) return [];
  const { registry, repository } = read.value;
  return repository === name ? [{ registry, repository }] : [];
}

/** Why a glob cannot be expanded, and what to write in its place. */
function unlisted({ text }: RepositoryGlob, { registry }: ImageRef) {
  return (fault: Fault | undefined): RepositoryFailure => {
    const { code = 'RegistryDenied', transient = false, message = 'it has no /v2/_catalog' } = fault ?? {};
    const way = 'write names, which stand for the *, or one entry for each repository';
    const why = transient
      ? message
      : `${registry} does not show its list of repositories (${message}); ${way}`;
    return { code, detail: `"${text}" could not be expanded: ${why}`, transient };
  };
}
