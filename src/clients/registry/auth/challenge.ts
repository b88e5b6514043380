/** One way to log in that a registry offers with a 401 (RFC 9110 §11.6.1). */
export interface Challenge {
  /** In lower case, e.g. `bearer`. */
  readonly scheme: string;
  /** By lower-case name; the several `scope`s of one challenge are joined by a space. */
  readonly parameters: ReadonlyMap<string, string>;
}

// RFC 9110 §5.6.2 `token`; unquoted values are read more freely, because registries leave the quotes out around URLs.
const SCHEME = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const PARAMETER = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"=][^\s,"]*))/y;
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const SPACES = /[ \t]*/y;
const SEPARATOR = /[\s,]*/y;

/**
 * Reads `WWW-Authenticate`: any number of challenges, in one header or several, with commas both between challenges and
 * between and inside parameters. What cannot be read ends the list; the challenges before it stand.
 */
export function parseChallenges(header: string | readonly string[] = []): readonly Challenge[] {
  if (typeof header !== 'string') return header.flatMap((one) => parseChallenges(one));
  const take = readerOf(header);
  const found: Challenge[] = [];
  for (let next = readChallenge(take); next; next = readChallenge(take)) found.push(next);
  return found;
}

/** Matches a sticky pattern at the present place, and moves on when it does. */
type Take = (pattern: RegExp) => RegExpExecArray | null;

function readerOf(text: string): Take {
  let at = 0;
  return (pattern) => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
}

function readChallenge(take: Take): Challenge | undefined {
  take(SEPARATOR);
  const scheme = take(SCHEME)?.[0].toLowerCase();
  if (scheme === undefined) return undefined;
  const parameters = new Map<string, string>();
  take(SPACES);
  if (take(TOKEN68) !== null) return { scheme, parameters };
  for (;;) {
    take(SEPARATOR);
    const parameter = take(PARAMETER);
    if (parameter === null) return { scheme, parameters };
    addParameter(parameters, parameter);
  }
}

function addParameter(parameters: Map<string, string>, [, key = '', quoted, bare]: RegExpExecArray): void {
  const name = key.toLowerCase();
  const value = quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '';
  const earlier = parameters.get(name);
  if (earlier === undefined) parameters.set(name, value);
  else if (name === 'scope') parameters.set(name, `${earlier} ${value}`);
}
