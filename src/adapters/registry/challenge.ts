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
const SEPARATOR = /[\s,]*/y;

/**
 * Reads `WWW-Authenticate`: any number of challenges, in one header or several, with commas both between challenges and
 * between and inside parameters. What cannot be read ends the list; the challenges before it stand.
 */
export function parseChallenges(header: string | readonly string[] | undefined): readonly Challenge[] {
  if (header === undefined) return [];
  if (typeof header !== 'string') return header.flatMap((one) => parseChallenges(one));
  const found: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    const before = at;
    take(SEPARATOR);
    const last = found.at(-1);
    const parameter = last && take(PARAMETER);
    if (parameter) {
      addParameter(last.parameters, parameter);
      continue;
    }
    const afterScheme = last?.parameters.size === 0 && at > before && header[before] !== ',';
    if (afterScheme && take(TOKEN68)) continue;
    const scheme = take(SCHEME)?.[0];
    if (scheme === undefined) return found;
    found.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
  }
}

function addParameter(parameters: Map<string, string>, [, key = '', quoted, bare]: RegExpExecArray): void {
  const name = key.toLowerCase();
  const value = quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '';
  const earlier = parameters.get(name);
  if (earlier === undefined) parameters.set(name, value);
  else if (name === 'scope') parameters.set(name, `${earlier} ${value}`);
}
