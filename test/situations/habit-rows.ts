// What registries answer in place of what the specification asks for: one row for each habit. Tests make each of them for real,
// and the tables of docs/registries.md are printed from the same rows.
import type { ReasonCode } from '../../src/core/model/reason.ts';
import type { Reply } from '../support/registry/index.ts';

/** An answer to the listing of what refers to an image. */
export interface ListingRow {
  /** For people. */
  readonly what: string;
  readonly reply: Reply | 'page by 303' | 'page by 302' | 'busy page by 303' | 'busy page by 302';
  /** Why what refers to the image is unknown; absent = the fallback tag has it. */
  readonly unknown?: ReasonCode;
  /** Whether it is known after all where there is a fallback tag. */
  readonly unlessTagged?: true;
}

const json = (body: unknown, type = 'application/vnd.oci.image.index.v1+json', status = 200): Reply => ({
  status,
  headers: { 'content-type': type },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

const plain = (status: number, unknown?: ReasonCode, who = ''): ListingRow => ({
  what: `${String(status)}${who}`,
  reply: { status, headers: {}, body: '' },
  ...(unknown && { unknown }),
});

/** Habits of listings. */
export const LISTINGS: readonly ListingRow[] = [
  plain(400),
  plain(404, undefined, ' (GitLab)'),
  plain(405),
  plain(406, undefined, ' (Artifactory)'),
  plain(410),
  plain(415),
  plain(501),
  { what: '303 to a page for people (GitHub)', reply: 'page by 303' },
  { what: '303 to a page that answers 429 (GitHub)', reply: 'busy page by 303' },
  { what: 'another redirect to a page for people', reply: 'page by 302' },
  {
    what: 'another redirect to a page that answers 429',
    reply: 'busy page by 302',
    unknown: 'RegistryRateLimited',
  },
  plain(401, 'RegistryDenied', ' (Harbor before 2.8)'),
  plain(403, 'RegistryDenied'),
  {
    what: '404 with the code `DENIED`',
    reply: json({ errors: [{ code: 'DENIED' }] }, 'application/json', 404),
    unknown: 'RegistryDenied',
  },
  plain(408, 'RegistryUnavailable'),
  plain(409, 'RegistryMisbehaved'),
  plain(424, 'RegistryUnavailable', ' (a cache of Azure)'),
  plain(425, 'RegistryUnavailable'),
  plain(429, 'RegistryRateLimited'),
  plain(500, 'RegistryUnavailable'),
  plain(502, 'RegistryUnavailable'),
  plain(503, 'RegistryUnavailable'),
  plain(204, 'RegistryMisbehaved'),
  { what: '200 without a body', reply: json(''), unknown: 'RegistryMisbehaved' },
  { what: '200 with `{}`', reply: json({}), unknown: 'RegistryMisbehaved' },
  {
    what: '200 with an error',
    reply: json({ errors: [{ code: 'UNSUPPORTED' }] }, 'application/json'),
    unknown: 'RegistryMisbehaved',
  },
  { what: '200 with plain text', reply: json('ok', 'text/plain'), unknown: 'RegistryMisbehaved' },
  {
    what: '200 with a page for people',
    reply: json('<html></html>', 'text/html'),
    unknown: 'RegistryMisbehaved',
    unlessTagged: true,
  },
];

/** Habits of mounts. */
export const MOUNTS: readonly number[] = [400, 403, 404, 405, 409, 412, 415, 422, 429, 500, 501, 502, 503];

/** An answer for tags that are not there. */
export interface AbsentTagRow {
  readonly what: string;
  /** What the list of tags answers; absent = the list. */
  readonly list?: Reply;
  readonly unknown?: ReasonCode;
}

/** Habits for tags that are not there. */
export const ABSENT_TAGS: readonly AbsentTagRow[] = [
  { what: '403, and the list of tags is without it (Artifactory)' },
  {
    what: '403, and so does the list of tags',
    list: { status: 403, headers: {}, body: '' },
    unknown: 'RegistryDenied',
  },
  {
    what: '403, and the list of tags answers 404',
    list: { status: 404, headers: {}, body: '' },
    unknown: 'RegistryDenied',
  },
  {
    what: '403, and the list of tags is none',
    list: { status: 200, headers: {}, body: '{}' },
    unknown: 'RegistryDenied',
  },
];
