import {
  cutBytes,
  cutText,
  fallbackTag,
  formatReference,
  hidePathSecrets,
  isTag,
  oneLine,
  parseDigest,
  parseReference,
  type ImageRef,
} from '../../../src/core/model/index.ts';
import { compileImageGlob } from '../../../src/core/policy/compile/image-globs.ts';
import {
  backupTag,
  fallbackSubject,
  isReservedTag,
} from '../../../src/core/promotion/selection/reserved-tags.ts';
import { parseTagVersion, parseVersionRange } from '../../../src/core/promotion/selection/versions.ts';
import { objectOf, textOf } from '../../../src/core/model/index.ts';
import { demand, onJson, textIn, type Target } from '../engine/target.ts';

/* The grammar of container runtimes: `reference.ParseDockerRef` of the distribution project, which containerd calls. */

const LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = String.raw`(?:${LABEL}(?:\.${LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?`;
const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const RUNTIME_NAME = new RegExp(`^(${DOMAIN})/(${COMPONENT}(?:/${COMPONENT})*)$`);
const RUNTIME_TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const HUB: ReadonlySet<string> = new Set([
  'docker.io',
  'index.docker.io',
  'registry-1.docker.io',
  'registry.hub.docker.com',
]);

/** The image that a runtime pulls; `undefined` where it refuses the name. Names of Docker Hub are one. */
function readAsRuntime(text: string): ImageRef | undefined {
  const [named = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && parseDigest(digest) === undefined)) return undefined;
  const read = readNameAsRuntime(named);
  const latest = digest === undefined ? 'latest' : undefined;
  return read && { ...read, tag: read.tag ?? latest, digest: parseDigest(digest) };
}

function readNameAsRuntime(named: string): ImageRef | undefined {
  const [host, rest] = splitDomain(named);
  const colon = rest.lastIndexOf(':');
  const hasTag = colon > rest.lastIndexOf('/');
  const [path, tag] = hasTag ? [rest.slice(0, colon), rest.slice(colon + 1)] : [rest, undefined];
  const registry = HUB.has(host.toLowerCase()) ? 'docker.io' : host.toLowerCase();
  const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
  if (!RUNTIME_NAME.test(`${host}/${repository}`) || (tag !== undefined && !RUNTIME_TAG.test(tag)))
    return undefined;
  return { registry: oneSpelling(registry), repository, ...(tag !== undefined && { tag }) };
}

function splitDomain(named: string): readonly [host: string, rest: string] {
  const slash = named.indexOf('/');
  const first = slash < 0 ? '' : named.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first;
  return isHost ? [first, named.slice(slash + 1)] : ['docker.io', named];
}

/** The same address, whatever its spelling. */
function oneSpelling(registry: string): string {
  const [, address = '', port = ''] = /^(\[.*\])(:\d+)?$/.exec(registry) ?? [];
  return address === '' ? registry : `${URL.parse(`http://${address}`)?.hostname ?? ''}${port}`;
}

const references: Target = {
  name: 'references',
  form: 'text',
  check: (input) => {
    const text = textIn(input);
    const read = parseReference(text);
    if (!read.ok) {
      demand(read.problems.length > 0 && read.problems.every(({ message }) => message !== ''), 'says why');
      return `refused: ${read.problems[0]?.message ?? ''}`;
    }
    const ref = read.value;
    const written = formatReference(ref);
    const again = parseReference(written);
    demand(again.ok && formatReference(again.value) === written, 'written out, it is read as the same image');
    demand(/^[\x21-\x7e]+$/.test(written), 'an image name has no blank, control or foreign character');
    const runtime = readAsRuntime(text);
    demand(runtime !== undefined, 'a runtime reads it, too');
    demand(formatReference(runtime!) === written, 'a runtime pulls the same image');
    return `${/^[^/]*:/.test(written) ? 'port' : 'host'} ${ref.tag ? 'tag' : ''} ${ref.digest ? 'digest' : ''}`;
  },
};

const texts: Target = {
  name: 'texts',
  form: 'text',
  check: (input) => {
    const text = textIn(input);
    const line = oneLine(text);
    demand(!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(line), 'one line has no control characters');
    demand(oneLine(line) === line, 'one line stays one');
    for (const most of [4, 20, 200]) {
      demand(cutText(text, most).length <= most, 'a text is cut to its characters');
      demand(Buffer.byteLength(cutBytes(text, most)) <= most, 'a text is cut to its bytes');
    }
    demand(!/\/(?:validate|mutate)\/[\w-]{22}/.test(hidePathSecrets(text)), 'no secret path is left');
    const digest = parseDigest(text);
    if (digest === undefined) return line === text ? 'plain' : 'odd';
    demand(/^sha(?:256:[a-f0-9]{64}|512:[a-f0-9]{128})$/.test(text), 'a digest has one spelling');
    demand(
      isTag(fallbackTag(digest)) && isReservedTag(fallbackTag(digest)),
      'a fallback tag is a reserved tag',
    );
    return digest.slice(0, 6);
  },
};

const tags: Target = {
  name: 'tags',
  form: 'text',
  check: (input) => {
    const [tag = '', range = ''] = textIn(input).split('\n');
    const version = parseTagVersion(tag);
    const isIn = parseVersionRange(range);
    const ranged = isIn.ok ? `range ${String(version && isIn.value(version))}` : 'no range';
    return isTag(tag) ? `${checkTag(tag)} ${ranged}` : ranged;
  },
};

function checkTag(tag: string): string {
  const backup = backupTag(tag, parseDigest(`sha256:${'a'.repeat(64)}`)!);
  demand(isTag(backup) && isReservedTag(backup), 'a backup has a tag that is never promoted');
  const subject = fallbackSubject(tag);
  if (subject !== undefined)
    demand(fallbackTag(parseDigest(subject)!) === tag, 'a fallback tag names its subject');
  return isReservedTag(tag) ? 'reserved' : 'tag';
}

/** Tries every way to match: slow, and plain to read. */
function matchesSlowly(pattern: readonly string[], name: readonly string[]): boolean {
  const [part, ...rest] = pattern;
  if (part === undefined) return name.length === 0;
  if (part === '**') {
    const fewest = rest.length === 0 ? 1 : 0;
    const cuts = Array.from({ length: Math.max(0, name.length - fewest + 1) }, (_, at) => at + fewest);
    return cuts.some((cut) => matchesSlowly(rest, name.slice(cut)));
  }
  const [first, ...others] = name;
  return first !== undefined && matchesComponent(part, first) && matchesSlowly(rest, others);
}

function matchesComponent(part: string, text: string): boolean {
  const [char, rest] = [part.charAt(0), part.slice(1)];
  if (char === '') return text === '';
  if (char === '*')
    return matchesComponent(rest, text) || (text !== '' && matchesComponent(part, text.slice(1)));
  return text !== '' && (char === '?' || char === text.charAt(0)) && matchesComponent(rest, text.slice(1));
}

/** Longest of either that is tried slowly: the time grows with the number of wildcards. */
const MAX_SLOW = 40;
const MAX_WILDCARDS = 4;

const globs: Target = {
  name: 'globs',
  form: 'json',
  check: onJson((value) => {
    const [pattern, name] = [textOf(objectOf(value).pattern), textOf(objectOf(value).name)];
    const glob = compileImageGlob(pattern);
    if (!glob.ok) return `refused: ${glob.problems[0]?.message ?? ''}`;
    const matches = glob.value(name);
    if (!isComparable(pattern, name)) return `matches ${String(matches)}`;
    demand(matches === matchesSlowly(pattern.split('/'), name.split('/')), 'a glob matches what it says');
    return `compared ${String(matches)}`;
  }),
};

/** Whether it can be tried slowly, and nothing is completed or folded: then a pattern is what it says. */
function isComparable(pattern: string, name: string): boolean {
  if (Math.max(pattern.length, name.length) > MAX_SLOW) return false;
  if ((pattern.match(/\*+/g) ?? []).length > MAX_WILDCARDS) return false;
  const [host = ''] = pattern.split('/');
  const isPlain = /^[a-z0-9.*?-]*[.*][a-z0-9.*?-]*$/.test(host) && !/docker\.|:443/.test(host + name);
  return isPlain || pattern.startsWith('**');
}

export const NAMES: readonly Target[] = [references, texts, tags, globs];
