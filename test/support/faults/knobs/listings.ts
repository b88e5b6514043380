// Listings of what refers to an image.
import { digestOf } from '../../../../src/core/model/index.ts';
import type { Intercept, RegistryRequest, Reply } from '../../registry/index.ts';
import { all, amend, answer } from '../../registry/misbehave.ts';
import { addToFallbackTag, pushImage, pushReferrer } from '../../registry/push.ts';
import { heavy, PARTS, reading, type Knob } from '../knob.ts';
import { bodyOf } from '../raw.ts';

const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const QUARANTINE = 'application/vnd.pratique.quarantine.v1+json';
const which = reading(PARTS.listing);

const entry = (n: number, more: object = {}) => ({
  ...{ mediaType: OCI_MANIFEST, digest: digestOf(`entry ${n}`), size: 100, artifactType: BUNDLE },
  ...more,
});
const many = (count: number, more?: object) => Array.from({ length: count }, (_, n) => entry(n, more));
const page = (manifests: unknown, link?: string): Reply => ({
  status: 200,
  headers: { 'content-type': OCI_INDEX, ...(link !== undefined && { link: `<${link}>; rel="next"` }) },
  body: JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }),
});

function entriesOf(reply: Reply): readonly unknown[] {
  return (JSON.parse(bodyOf(reply).toString()) as { readonly manifests: readonly unknown[] }).manifests;
}

/** Adds entries to what the registry lists. */
const adding = (more: readonly unknown[]): Intercept =>
  amend(which, (reply) => {
    return page([...entriesOf(reply), ...more]);
  });

function paged(next: (url: URL) => string): Intercept {
  return (request: RegistryRequest) => (which(request) ? page([entry(0)], next(request.url)) : undefined);
}
const nextNumber = (url: URL): string =>
  `${url.pathname}?page=${Number(url.searchParams.get('page') ?? 0) + 1}`;

const listing = (id: string, name: string, misbehave: NonNullable<Knob['misbehave']>): Knob => ({
  ...{ id, name, side: 'read', misbehave },
});

/** Pages and entries that are endless, foreign, doubled or broken. */
export const LISTINGS: readonly Knob[] = [
  listing('F16', 'pages-without-end', () => paged(nextNumber)),
  listing('F16', 'pages-in-a-circle', () =>
    paged((url) => `${url.pathname}?page=${url.searchParams.get('page') === 'a' ? 'b' : 'a'}`),
  ),
  listing('F16', 'next-page-elsewhere', ({ foreign }) => paged((url) => `${foreign.url}${url.pathname}`)),
  listing('F16', 'next-page-of-another-image', () => paged(() => '/v2/other/app/referrers/x')),
  listing('F16', 'next-page-is-nothing', () => paged(() => 'http://[')),
  listing(
    'F16',
    'pages-of-nothing',
    () => (request) => (which(request) ? page([], nextNumber(request.url)) : undefined),
  ),
  listing('F17', 'entries-twice', () =>
    amend(which, (reply) => {
      const { manifests } = JSON.parse(bodyOf(reply).toString()) as {
        readonly manifests: readonly unknown[];
      };
      return page([...manifests, ...manifests, ...manifests]);
    }),
  ),
  listing('F17', 'entries-without-digest', () =>
    adding([{ mediaType: OCI_MANIFEST, size: 100, artifactType: QUARANTINE }]),
  ),
  listing('F17', 'entries-of-an-odd-size', () => adding([entry(1, { size: -1 }), entry(2, { size: 1e300 })])),
  listing('F17', 'entries-that-are-null', () => adding([null, 1, []])),
  listing('F17', 'entries-not-in-a-list', () => answer(which, page({}))),
  listing('F17', 'entries-that-are-missing', () => adding(many(3))),
  heavy(
    listing('F17', '1900-referrers', () => adding(many(1_900, { artifactType: 'application/spdx+json' }))),
  ),
  heavy(listing('F17', '1900-signatures', () => adding(many(1_900)))),
  heavy(
    listing('F17', '1900-signatures-and-the-good-one', () =>
      amend(which, (reply) => page([...many(1_900), ...entriesOf(reply)])),
    ),
  ),
  heavy(listing('F17', '1900-without-type', () => adding(many(1_900, { artifactType: undefined })))),
  heavy(listing('F17', '3000-referrers', () => adding(many(3_000)))),
  {
    ...{ id: 'F18', name: 'referrer-of-another-image', side: 'read' },
    misbehave: ({ image }) => {
      const subject = { mediaType: OCI_MANIFEST, digest: digestOf('another image'), size: 100 };
      const body = JSON.stringify({ ...image.body, subject, artifactType: QUARANTINE });
      const own = {
        mediaType: OCI_MANIFEST,
        digest: digestOf(body),
        size: body.length,
        artifactType: QUARANTINE,
      };
      return all(
        adding([own]),
        answer(own.digest, { status: 200, headers: { 'content-type': OCI_MANIFEST }, body }),
      );
    },
  },
  {
    ...{ id: 'F18', name: 'api-empty-and-tag-flags', side: 'read' },
    options: { referrersApi: false },
    push: async (place) => {
      const image = await pushImage(place);
      await pushReferrer(place, { subject: image, artifactType: QUARANTINE });
      return image;
    },
    misbehave: () => answer(which, page([])),
  },
  {
    ...{ id: 'F18', name: 'tag-lists-what-is-missing', side: 'read' },
    push: async (place) => {
      const image = await pushImage(place);
      await addToFallbackTag(place, image.digest, entry(1, { artifactType: QUARANTINE }));
      return image;
    },
  },
];
