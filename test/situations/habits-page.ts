// The tables of docs/registries.md that follow from the habits that tests make.
import { ABSENT_TAGS, LISTINGS, MOUNTS } from './habit-rows.ts';
import { code, table } from './page.ts';

/** The tables, as Markdown. */
export function habitTables(): string {
  const listings = LISTINGS.map(({ what, unknown, unlessTagged }) =>
    unknown === undefined
      ? [what, 'there is no API: the fallback tag counts', '`Unsigned`', 'goes on']
      : [
          what,
          unlessTagged ? 'unknown, unless there is a fallback tag' : 'unknown',
          code(unknown),
          `fails: ${code(unknown)}`,
        ],
  );
  const tags = ABSENT_TAGS.map(({ what, unknown }) => [
    what,
    unknown === undefined ? 'absent' : `unknown: ${code(unknown)}`,
  ]);
  return [
    'Where a registry answers the listing of what refers to an image with this (`O45`):',
    '',
    ...table([['answer', 'it means', 'an unsigned image is', 'a copy'], ...listings]),
    '',
    'A signature that lies under the fallback tag is found whatever the listing answers, and proves what it proves.',
    '',
    'Where it answers this for a tag that is not there (`O46`):',
    '',
    ...table([['answer', 'the tag is'], ...tags]),
    '',
    `Where it answers a mount with ${MOUNTS.join(', ')}, the blob is uploaded (\`O47\`).`,
  ].join('\n');
}
