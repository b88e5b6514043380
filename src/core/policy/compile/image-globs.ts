// Only `*`, `**` and `?` mean something: no negation, braces or classes, so that a pattern cannot say the opposite of
// what it seems to say.
import { parseReference, parsed, problem, type Parsed } from '../../model/index.ts';
import { globProblem } from '../schema/image-glob.ts';

/** Compiles one glob over normalised image names; Docker Hub's short names are completed as in references. */
export function compileImageGlob(pattern: string): Parsed<(name: string) => boolean> {
  const objection = globProblem(pattern);
  if (objection !== undefined) return problem('', objection);
  const full = complete(pattern);
  const objectionToName = nameProblem(full);
  return objectionToName === undefined
    ? parsed(matcher(full))
    : problem('', `matches no image name: it ${objectionToName}`);
}

/**
 * All that a refused glob may be read as, for a policy that was stored before such globs were refused: what it covered then, and
 * every name that it begins when a star crosses slashes. `undefined` when it never was a glob.
 */
export function readRefusedGlob(pattern: string): ((name: string) => boolean) | undefined {
  const full = complete(pattern);
  const wasGlob = !/[^A-Za-z0-9._/:*?[\]-]|:[^/]*$/.test(pattern) && nameProblem(full) === undefined;
  if (!wasGlob) return undefined;
  const covered = matcher(full);
  const [whole, begin] = [pattern.toLowerCase(), `${pattern.toLowerCase()}/*`];
  return (name) => covered(name) || inComponent(whole, name) || inComponent(begin, name);
}

const WILDCARD = /\*+|\?/g;

/** What is wrong with a name of this form: what the form leaves open, such as ports and lengths. */
function nameProblem(full: string): string | undefined {
  // A port has digits; a host of digits and dots alone would have to be an address.
  const ported = full.replace(/:[^/:\]]*(?=\/)/, (port) => port.replaceAll(WILDCARD, '1'));
  const name = parseReference(ported.replaceAll(WILDCARD, 'a'));
  return name.ok ? undefined : (name.problems[0]?.message ?? 'cannot be read');
}

function matcher(full: string): (name: string) => boolean {
  const matches = compileGlob(full);
  return (name) => matches(name) || matches(withoutHttpsPort(name));
}

/** `host:443` is the same registry as `host`; written so, an image must not slip past a policy for the other spelling. */
function withoutHttpsPort(name: string): string {
  return name.replace(/^([^/]+):443(?=\/)/, '$1');
}

/**
 * `nginx` → `docker.io/library/nginx`, `acme/*` → `docker.io/acme/*`, `index.docker.io/nginx` → `docker.io/library/nginx`;
 * any other first component that can be a host stays.
 */
function complete(pattern: string): string {
  if (pattern.startsWith('**')) return pattern;
  const slash = pattern.indexOf('/');
  const first = slash < 0 ? '' : pattern.slice(0, slash);
  const isHost = /[.:[]/.test(first) || first === 'localhost' || first.startsWith('*');
  const host = isHost ? hostOf(first) : 'docker.io';
  const path = isHost ? pattern.slice(slash + 1) : pattern;
  const official = host === 'docker.io' && !path.includes('/') && path !== '**';
  return `${host}/${official ? 'library/' : ''}${path}`;
}

/** A host as references have it: Docker Hub under its one name, lower case. */
function hostOf(text: string): string {
  const read = parseReference(`${text}/any/any`);
  return withoutHttpsPort(`${read.ok ? read.value.registry : text.toLowerCase()}/`).slice(0, -1);
}

/**
 * Compiles a glob over slash-separated names: `?` is one character and `*` any number of them inside one component, `**` as a
 * component stands for any number of components, at the end for at least one. Matching takes no more steps than pattern length
 * times name length: names come from pod creators, and a regular expression made from several wildcards backtracks for minutes.
 */
function compileGlob(pattern: string): (name: string) => boolean {
  const components = pattern.split('/');
  const wanted = components.at(-1) === '**' ? [...components.slice(0, -1), '*', '**'] : components;
  return (name) =>
    matchesAll(wanted, name.split('/'), { star: '**', matchesOne: (part, text) => inComponent(part, text) });
}

function inComponent(part: string, text: string): boolean {
  return matchesAll(Array.from(part), Array.from(text), {
    star: '*',
    matchesOne: (one, char) => one === '?' || one === char,
  });
}

/** Matches item by item; on a mismatch only the last star takes one item more, which is enough for a list of stars. */
function matchesAll(
  pattern: readonly string[],
  items: readonly string[],
  rules: { readonly star: string; readonly matchesOne: (wanted: string, item: string) => boolean },
): boolean {
  let [at, lastStar, resume] = [0, -1, 0];
  let position = 0;
  while (position < items.length) {
    const wanted = pattern[at];
    const item = items[position] ?? '';
    if (wanted === rules.star) {
      [lastStar, resume] = [at, position];
      at += 1;
    } else if (wanted !== undefined && rules.matchesOne(wanted, item)) {
      at += 1;
      position += 1;
    } else {
      if (lastStar < 0) return false;
      resume += 1;
      [at, position] = [lastStar + 1, resume];
    }
  }
  return pattern.slice(at).every((rest) => rest === rules.star);
}
