import { failed, parsed, parseRepository, problem } from '../../model/index.ts';
import type { Parsed, Problem } from '../../model/index.ts';
import { compileGlobs } from '../../policy/index.ts';
import type { ImagePromotionSpec, TagSelection } from '../schema.ts';
import { MAX_REPOSITORIES } from '../schema/selection.ts';
import { targetTagOf } from './reserved-tags.ts';
import { compileTagFilter } from './tag-filter.ts';

/** One repository of a promotion that takes from many: where it comes from, where it goes, and which of its tags are meant. */
export interface Route {
  /** Normalised, e.g. `docker.io/library/node`. */
  readonly from: string;
  readonly to: string;
  readonly tags: TagSelection;
}

/** A glob that only the registry's own list of repositories can expand. */
export interface RepositoryGlob {
  /** As it is written, and its place in the spec. */
  readonly text: string;
  readonly path: string;
  /** A name that the glob would cover: by it logins are found, and no repository is read. */
  readonly probe: string;
  /** The routes of those that it covers of the repositories of its registry, in the order of their names. */
  readonly routesOf: (repositories: readonly string[]) => readonly Route[];
}

/** The repositories of a promotion, compiled. */
export interface Routes {
  /** Those that are listed by name, each once, in the order of the entries. */
  readonly named: readonly Route[];
  readonly globs: readonly RepositoryGlob[];
  /** The route of a repository by the first entry that covers it; the same for every run of one spec. */
  readonly routeOf: (from: string) => Route | undefined;
}

type Entry = NonNullable<ImagePromotionSpec['source']['repositories']>[number];

/** An entry with its globs compiled. */
interface Compiled {
  readonly names: readonly string[];
  readonly glob?: Pick<RepositoryGlob, 'text' | 'path' | 'probe'>;
  readonly covers: (from: string) => boolean;
  readonly route: (from: string) => Route;
}

const WILDCARD = /[*?]/;
/** Stands for what a wildcard leaves open; no one calls a repository so. */
const PROBE = 'pratique-lists-repositories';

/** Compiles `source.repositories`; problems have paths below `source` and, for a target, `target`. */
export function compileRoutes({ source, target, tags }: ImagePromotionSpec): Parsed<Routes> {
  const problems: Problem[] = [];
  const compiled = (source.repositories ?? []).map((entry, index) =>
    compileEntry(
      entry,
      { path: `source.repositories[${String(index)}]`, base: target.repository, tags },
      problems,
    ),
  );
  if (problems.length > 0) return { ok: false, problems };
  const routeOf = (from: string): Route | undefined =>
    compiled.find(({ covers }) => covers(from))?.route(from);
  const names = [...new Set(compiled.flatMap((one) => one.names.filter(one.covers)))];
  const named = names.flatMap((from) => routeOf(from) ?? []);
  const tooMany = `are ${String(named.length)} repositories; one promotion takes ${String(MAX_REPOSITORIES)}`;
  if (named.length > MAX_REPOSITORIES) return problem('source.repositories', tooMany);
  const clash = clashesIn(named)[0];
  if (clash) return problem('source.repositories', clash.why);
  const globs = compiled.flatMap(({ glob, covers }) =>
    glob
      ? [{ ...glob, routesOf: (all: readonly string[]) => routesIn(all.filter(covers), routeOf, named) }]
      : [],
  );
  return parsed({ named, globs, routeOf });
}

/** Between which repositories the image of a row goes; `undefined` for a repository that the promotion does not name. */
export function placesOf(
  spec: ImagePromotionSpec,
  { repository }: { readonly repository?: string | undefined },
): Pick<Route, 'from' | 'to'> | undefined {
  const { source, target } = spec;
  if (source.repository !== undefined) return { from: source.repository, to: target.repository };
  const routes = compileRoutes(spec);
  return routes.ok && repository !== undefined ? routes.value.routeOf(repository) : undefined;
}

/**
 * Where a promotion brings a tag of a repository (`registry/repository`, normalised), by names alone: whether the tag is there, old or
 * new enough, only a run finds out. Without a tag: where it brings anything of that repository. `undefined` = it does not.
 */
export type Taking = (name: string, tag: string | undefined) => string | undefined;

/** Compiles what a promotion takes; problems as those of {@link compileRoutes}. */
export function compileTaking(spec: ImagePromotionSpec): Parsed<Taking> {
  const { source, target, tags, targetTag } = spec;
  const routes = source.repository === undefined ? compileRoutes(spec) : undefined;
  if (routes?.ok === false) return routes;
  const only = parseRepository(source.repository ?? '');
  const to = parseRepository(target.repository);
  const routeOf = (name: string): Pick<Route, 'to' | 'tags'> | undefined => {
    if (routes) return routes.value.routeOf(name);
    return only.ok && to.ok && only.value === name ? { to: to.value, tags } : undefined;
  };
  const takesTag = new Map<TagSelection, (tag: string) => boolean>();
  return parsed((name, tag) => {
    const route = routeOf(name);
    if (!route || tag === undefined) return route?.to;
    const takes = takesTag.get(route.tags) ?? takingOf(route.tags);
    takesTag.set(route.tags, takes);
    return takes(tag) && targetTagOf(targetTag, tag).ok ? route.to : undefined;
  });
}

function takingOf(tags: TagSelection): (tag: string) => boolean {
  const filter = compileTagFilter(tags);
  if (!filter.ok) return () => false;
  const { selects, excludes } = filter.value;
  return (tag) => (tags.explicit.includes(tag) || selects(tag)) && !excludes(tag);
}

/** Routes of what a registry lists: nothing that is named already, and nothing that this promotion itself has brought there. */
function routesIn(
  found: readonly string[],
  routeOf: Routes['routeOf'],
  named: readonly Route[],
): readonly Route[] {
  const known = new Set(named.map(({ from }) => from));
  const routes = [...new Set(found)].sort().flatMap((from) => (known.has(from) ? [] : (routeOf(from) ?? [])));
  const targets = new Set([...named, ...routes].map(({ to }) => to));
  return routes.filter(({ from }) => !targets.has(from));
}

/** Routes that cannot stand beside each other: two lead to one place, or one begins where another ends. Each with a sentence. */
export function clashesIn(routes: readonly Route[]): readonly (Route & { readonly why: string })[] {
  const byTarget = Map.groupBy(routes, ({ to }) => to);
  const sources = new Set(routes.map(({ from }) => from));
  return routes.flatMap((route) => {
    const { from, to } = route;
    const rival = byTarget.get(to)?.find((other) => other.from !== from);
    if (rival)
      return [{ ...route, why: `${from} and ${rival.from} both go to ${to}; give one of them a "to"` }];
    const both = byTarget.has(from) ? from : to;
    if (!byTarget.has(from) && !sources.has(to)) return [];
    return [{ ...route, why: `${both} is both a source and a target of this promotion` }];
  });
}

interface About {
  readonly path: string;
  /** `target.repository` */
  readonly base: string;
  readonly tags: TagSelection;
}

function compileEntry(entry: Entry, { path, base, tags }: About, problems: Problem[]): Compiled {
  const { from, exclude, to = `${base}/{path}`, tags: own = tags } = entry;
  const said: Said = (field, message) => void problems.push({ path: `${path}.${field}`, message });
  const excluded = compileGlobs(exclude, `${path}.exclude`, problems);
  const filter = compileTagFilter(own);
  for (const one of filter.ok || own === tags ? [] : filter.problems) said(`tags.${one.path}`, one.message);
  const routeTo = (name: string): Parsed<string> => targetOf(to, name);
  const route = (name: string): Route => {
    const target = routeTo(name);
    return { from: name, to: target.ok ? target.value : '', tags: own };
  };
  const wrong = (targets: readonly Parsed<string>[]): void => {
    const [first] = failed(targets).problems;
    if (first) said('to', first.message);
  };
  if (!isGlob(entry)) {
    const names = namesOf(entry, said);
    wrong(names.map(routeTo));
    return { names, covers: (name) => names.includes(name) && !excluded(name), route };
  }
  checkGlob(entry, said);
  wrong([routeTo(`${PROBE}.example/${PROBE}`)]);
  const covers = compileGlobs([from], `${path}.from`, problems);
  // What was brought there by a run before is no source, also when its own source is gone since.
  const place = to.slice(0, to.indexOf('{'));
  const isOwn = (name: string): boolean => name.startsWith(place) && !from.startsWith(place);
  return {
    names: [],
    glob: { text: from, path: `${path}.from`, probe: probeOf(from) },
    covers: (name) => covers(name) && !excluded(name) && !isOwn(name) && routeTo(name).ok,
    route,
  };
}

/** Reports what is wrong with a field of an entry. */
type Said = (field: string, message: string) => void;

function isGlob({ from, names }: Entry): boolean {
  return WILDCARD.test(from) && names === undefined;
}

function checkGlob({ from, to }: Entry, said: Said): void {
  if (!/^[^/*?]*(?:[.:]|localhost)[^/*?]*\//.test(from))
    said('from', 'begins with a host, which has no wildcard, such as docker.io/library/*');
  if (to !== undefined && !/\{(?:path|name)\}/.test(to))
    said('to', 'would be one place for all that from covers: it needs {path} or {name}');
}

/** The repositories that an entry lists, normalised. */
function namesOf({ from, names }: Entry, said: Said): readonly string[] {
  if (names === undefined) return nameIn(from, 'from', said);
  return names.flatMap((name, index) =>
    nameIn(
      from.replace('*', () => name),
      `names[${String(index)}]`,
      said,
    ),
  );
}

function nameIn(text: string, field: string, said: Said): readonly string[] {
  const read = parseRepository(text);
  if (read.ok) return [read.value];
  for (const { message } of read.problems) said(field, message);
  return [];
}

/** Where a repository goes. `{path}` and `{name}` are those of the source; what results has to be a repository. */
function targetOf(to: string, from: string): Parsed<string> {
  const path = from.slice(from.indexOf('/') + 1);
  const name = path.slice(path.lastIndexOf('/') + 1);
  const text = to.replaceAll('{path}', () => path).replaceAll('{name}', () => name);
  const target = parseRepository(text);
  return target.ok && target.value === from ? problem('to', `leads ${from} to itself`) : target;
}

function probeOf(glob: string): string {
  const slash = glob.indexOf('/');
  const parts = glob.slice(slash + 1).split('/');
  return [glob.slice(0, slash), ...parts.map((part) => (WILDCARD.test(part) ? PROBE : part))].join('/');
}
