import type { Tree, Violation } from './source-file.ts';

/**
 * Words that this project does not use, each with what stands in their place. They are metaphors, or words that say less than a
 * word of Kubernetes, OCI or Sigstore.
 */
const FORBIDDEN: readonly (readonly [word: RegExp, instead: string])[] = [
  [/^(?:tells?|told|telling|teller|untold)$/, 'report, notify, log, message'],
  [
    /^(?:whoever|whomever|nobody|somebody|anybody|everybody)$/,
    'the role: the caller, a pod creator, no one with the key',
  ],
  [/^(?:woken|woke|waker|wakes)$/, 'triggered'],
  [/^(?:dark|darkness|comfort)$/, 'unknown, unreadable, fails closed'],
  [
    /^(?:shelf|shelves|yard|shipyard|harbours?|shores?|ashore|voyages?|landfall|sail)$/,
    'store, fixture, run, result',
  ],
  [/^(?:surroundings|ledgers?|lanes?)$/, 'process context, run progress, per-registry queue'],
  [/^(?:heard|overheard)$/, 'received, seen'],
  [/^(?:doors?|ears?)$/, 'webhook, event server, index.ts'],
];
const FORBIDDEN_PHRASES: readonly (readonly [phrase: RegExp, instead: string])[] = [
  [/\blets? go on\b/i, 'promotes'],
  [/\b(?:goes|go|comes|come) along\b/i, 'is copied with it'],
  [/\bmakes? it well\b/i, 'resolves it'],
  [/\blets? (?:it |them )?in\b(?! the)/i, 'is admitted'],
  [/\bnatureOf\b|\bgive-?back\b/i, 'access, idle collection'],
];

/** Words in a sentence of the docs: beyond, a reader who is in a hurry loses its beginning. */
export const MAX_SENTENCE_WORDS = 30;

/** What users and developers read, and what is generated from it. */
const READ =
  /^(?:src|test|bench|demo|crds|charts|manifests|docs|\.ci)\/|^(?:README|CONTRIBUTING|CHANGELOG|SECURITY)\.md$/;
/** This file holds the list; an older decision record keeps the words of its time. */
const EXEMPT = /^test\/architecture\/words(?:\.test)?\.ts$|^docs\/adr\/00(?:0\d|1\d|2[0-2])-/;

/** A field of a status keeps its name: in code, never in a sentence. */
const STATUS_FIELD = /^(?!\s*(?:\/\/|\/?\*)).*\btold\b/;
/** Where that field is declared, written and documented. */
const STATUS_FILES =
  /^(?:src\/(?:controllers\/promotions|core\/promotion\/schema)|test\/controllers\/promotions|crds|charts|manifests)\//;

/** Values and reasons that users see in metrics and conditions keep their names. */
const VALUE = /(?<=['"`])cannot tell(?=['"`])|\bSelfTestCannotTell\b/g;
/** The secret with which GitHub documents its signatures. */
const QUOTED = /It's a Secret to Everybody/g;

/** Words that are not used here, wherever they stand: names, comments, messages, docs. */
export function forbiddenWords(tree: Tree): readonly Violation[] {
  return [...tree]
    .filter(([path]) => READ.test(path) && !EXEMPT.test(path))
    .flatMap(([path, text]) =>
      text.split('\n').flatMap((line, index) => {
        // The name of the project is a metaphor, and the first paragraph of the README explains it.
        if (path === 'README.md' && index < 3) return [];
        const isField = STATUS_FILES.test(path) && STATUS_FIELD.test(line);
        const kept = [VALUE, QUOTED, ...(isField ? [/\btold\b/g] : [])];
        const own = kept.reduce((rest, one) => rest.replaceAll(one, ''), line);
        return wordsIn(own).map((message) => ({ path, line: index + 1, message }));
      }),
    );
}

function wordsIn(line: string): readonly string[] {
  const words = line.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2').match(/[A-Za-z]+/g) ?? [];
  const single = words.flatMap((word) => {
    const found = FORBIDDEN.find(([pattern]) => pattern.test(word.toLowerCase()));
    return found ? [`says "${word}": write ${found[1]}`] : [];
  });
  const phrases = FORBIDDEN_PHRASES.flatMap(([pattern, instead]) => {
    const found = pattern.exec(line);
    return found ? [`says "${found[0]}": write ${instead}`] : [];
  });
  return [...single, ...phrases];
}

/** Sentences of the docs that are too long. Code, tables and links do not count. */
export function longSentences(tree: Tree): readonly Violation[] {
  return [...tree]
    .filter(([path]) => path.endsWith('.md') && READ.test(path) && !EXEMPT.test(path))
    .flatMap(([path, text]) =>
      sentencesOf(text)
        .map(({ line, words }) => ({ line, count: words.length, start: words.slice(0, 6).join(' ') }))
        .filter(({ count }) => count > MAX_SENTENCE_WORDS)
        .map(({ line, count, start }) => ({
          path,
          line,
          message: `a sentence of ${String(count)} words, more than ${String(MAX_SENTENCE_WORDS)}: ${start} …`,
        })),
    );
}

function sentencesOf(text: string): readonly { readonly line: number; readonly words: readonly string[] }[] {
  const kept = text
    .replaceAll(/^```[\s\S]*?^```/gm, (block) => block.replaceAll(/[^\n]/g, ''))
    .replaceAll(/^\|.*$/gm, '')
    .replaceAll(/`[^`\n]*`/g, 'code')
    .replaceAll(/\]\([^)]*\)/g, ']');
  let line = 1;
  return kept.split(/(\n\s*\n|\n(?=\s*(?:[-*#>]|\d+\.) )|[.!?:;](?=\s))/).flatMap((part) => {
    const start = line + (/^\n*/.exec(part)?.[0].length ?? 0);
    line += part.split('\n').length - 1;
    const words = part.match(/[\p{L}\d][\p{L}\d'’.-]*/gu) ?? [];
    return words.length === 0 ? [] : [{ line: start, words }];
  });
}
