import picomatch from 'picomatch';
import { parsed, problem, type Parsed } from '../model/index.ts';

// Only `*`, `**` and `?` mean something: negation, braces and extended globs are off (and refused below), so that a
// pattern cannot say the opposite of what it seems to say.
const GLOB_OPTIONS = { dot: true, nobrace: true, noextglob: true, nonegate: true, strictSlashes: true };
const ALLOWED = /^(?:\[[a-f0-9:.]+\])?[A-Za-z0-9._/:*?-]*$/;

/** Compiles one glob over normalised image names; Docker Hub's short names are completed as in references. */
export function compileImageGlob(pattern: string): Parsed<(name: string) => boolean> {
  if (!ALLOWED.test(pattern)) {
    return problem('', 'may hold letters, digits, ". _ - / :" and the wildcards "*", "**" and "?" only');
  }
  if (pattern.slice(pattern.lastIndexOf('/') + 1).includes(':')) {
    return problem('', 'matches image names; leave out the tag');
  }
  if (pattern === '*') return problem('', 'matches no full name; write "**" for every image');
  const full = complete(pattern);
  return parsed(picomatch(full.replaceAll(/[[\]]/g, String.raw`\$&`), GLOB_OPTIONS));
}

/** `nginx` → `docker.io/library/nginx`, `acme/*` → `docker.io/acme/*`; a first component that can be a host stays. */
function complete(pattern: string): string {
  const slash = pattern.indexOf('/');
  const first = slash < 0 ? '' : pattern.slice(0, slash);
  const isHost = /[.:[]/.test(first) || first === 'localhost' || first.startsWith('*');
  if (pattern.startsWith('**')) return pattern;
  if (isHost) return first.toLowerCase() + pattern.slice(slash);
  return slash < 0 ? `docker.io/library/${pattern}` : `docker.io/${pattern}`;
}
