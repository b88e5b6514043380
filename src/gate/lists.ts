import pLimit from 'p-limit';
import { MEDIA_TYPE, type Descriptor } from '../core/model/index.ts';
import { errorAnswer, jsonAnswer } from './answer.ts';
import type { TagPage } from './path.ts';
import { plain, type Outcome } from './refusal.ts';
import type { Admission } from './verdict.ts';

/** Most tags of one answer: registries give as many. */
const MAX_TAGS = 1_000;
/** Most tags of one answer where each is judged first. */
const MAX_JUDGED_TAGS = 100;
/** Tags that are judged at the same time. */
const JUDGED_AT_ONCE = 8;

/**
 * One page of tags in lexical order (OCI distribution spec, "Listing Tags"). `judge` = those that are refused are left out; where one
 * cannot be judged now, there is no answer, as its absence would say that it is refused or gone.
 */
export async function tagsAnswer(
  all: readonly string[],
  {
    name,
    page,
    judge,
  }: {
    readonly name: string;
    readonly page: TagPage;
    readonly judge?: ((tag: string) => Promise<Admission>) | undefined;
  },
): Promise<Outcome> {
  const { most = MAX_TAGS, after } = page;
  const limit = Math.min(most, judge ? MAX_JUDGED_TAGS : MAX_TAGS);
  const sorted = [...all].sort((a, b) => (a < b ? -1 : 1));
  const rest = after === undefined ? sorted : sorted.filter((tag) => tag > after);
  const tags = rest.slice(0, limit);
  const last = tags.at(-1);
  const more = last !== undefined && rest.length > tags.length;
  const link = more ? { Link: `</v2/${name}/tags/list?n=${String(limit)}&last=${last}>; rel="next"` } : {};
  const shown = judge ? await withoutRefused(tags, judge) : tags;
  if (!shown)
    return plain(
      errorAnswer('UNAVAILABLE', 'some tags could not be judged, try again', {
        headers: { 'Retry-After': '5' },
      }),
    );
  return plain(jsonAnswer({ name, tags: shown }, link));
}

async function withoutRefused(
  tags: readonly string[],
  judge: (tag: string) => Promise<Admission>,
): Promise<readonly string[] | undefined> {
  const atOnce = pLimit(JUDGED_AT_ONCE);
  const judged = await Promise.all(tags.map((tag) => atOnce(() => judge(tag))));
  if (judged.some(({ kind }) => kind === 'unknown')) return undefined;
  return tags.filter((_, index) => judged[index]?.kind === 'admitted');
}

/** What refers to an image, of one type where the client asked for that (OCI distribution spec, "Listing Referrers"). */
export function referrersAnswer(all: readonly Descriptor[], artifactType: string | undefined): Outcome {
  const wanted = artifactType === undefined ? all : all.filter((one) => one.artifactType === artifactType);
  const manifests = wanted.map(({ mediaType, digest, size, artifactType: type, annotations }) => ({
    ...{ mediaType, digest, size },
    ...(type !== undefined && { artifactType: type }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  }));
  const applied = artifactType === undefined ? {} : { 'OCI-Filters-Applied': 'artifactType' };
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests };
  return plain(jsonAnswer(index, { 'Content-Type': MEDIA_TYPE.ociIndex, ...applied }));
}
