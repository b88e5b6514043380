import pLimit from 'p-limit';
import { artifactTypeOf, formatReference, MEDIA_TYPE, nameOf, pin, unknown } from '../model/index.ts';
import type { Descriptor, Fact, PinnedRef, Referrer, Unknown } from '../model/index.ts';
import { keepingUnread, weightOf } from './memory.ts';
import { inTurn, learn, unread, type Reading, type Sources } from './ports.ts';
import { readManifest } from './resolve.ts';

/** Referrers that are opened because their listing says too little: more is an attack, and each is a request. */
const MAX_OPENED = 32;
/** Opened at the same time for one image, so that one image cannot use up the registry's whole budget. */
const OPEN_AT_ONCE = 8;

/** Types under which some registries list everything that has no config of its own. */
const SAYS_NOTHING: ReadonlySet<string | undefined> = new Set([
  undefined,
  MEDIA_TYPE.empty,
  'application/vnd.oci.image.config.v1+json',
]);

/** How thorough the look-up was: a thorough answer serves both kinds of callers. */
export type Look = 'plain' | 'thorough';

/** The look to take: a thorough one where it is asked for, or where its answer is in memory already. */
export function lookOf({ thorough, memory }: Sources, keyFor: (look: Look) => readonly string[]): Look {
  return (thorough ?? memory.peek(keyFor('thorough')) !== undefined) ? 'thorough' : 'plain';
}

/** Everything that refers to an image, each with its true artifact type and annotations. */
export function readReferrers(image: PinnedRef, reading: Reading): Promise<Fact<readonly Referrer[]>> {
  const keyFor = (look: Look) => ['referrers', nameOf(image), image.digest, reading.kept.id, look];
  return reading.memory.recall<readonly Referrer[]>(
    {
      key: keyFor(lookOf(reading, keyFor)),
      load: (signal, turn) => list(image, inTurn({ ...reading, signal }, turn)),
      keep: (fact) => (fact.state === 'found' ? (keepingUnread(fact.value) ?? 'found') : fact.state),
      weigh: weightOf,
    },
    reading.signal,
  );
}

/** A listing; `missing` = why it may lack entries. */
interface Listed {
  readonly listing: Fact<readonly Descriptor[]>;
  readonly missing?: Unknown;
}

/**
 * What the registry lists, by the API and, for the thorough, under the fallback tag; each listing is
 * remembered by itself, as long as it takes to look twice. One that cannot be read does not hide the other: anyone who can push
 * can write what is no listing under the tag.
 */
async function listed(image: PinnedRef, reading: Reading): Promise<Listed> {
  const { memory, kept } = reading;
  const ask = (operation: 'referrers' | 'fallbackReferrers') =>
    memory.recall<readonly Descriptor[]>(
      {
        key: ['listing', operation, nameOf(image), image.digest, kept.id],
        load: (signal, turn) =>
          learn(() => inTurn(reading, turn).registry[operation](image, signal, kept.keys), reading),
        keep: () => 'brief',
        weigh: weightOf,
      },
      reading.signal,
    );
  if (!reading.thorough) {
    const listing = await ask('referrers');
    if (listing.state !== 'unknown') return { listing };
    // A signature that lies under the tag is proof, whatever the API answers.
    return { listing: await ask('fallbackReferrers'), missing: listing };
  }
  const [tagged, listing] = await Promise.all([ask('fallbackReferrers'), ask('referrers')]);
  if (listing.state === 'unknown') return { listing: tagged, missing: listing };
  if (tagged.state === 'unknown') return { listing, missing: tagged };
  if (listing.state === 'absent' || tagged.state === 'absent') return { listing };
  // The fields of the API's own entry win.
  const both = [...tagged.value, ...listing.value].map((entry) => [entry.digest, entry] as const);
  return { listing: { ...listing, value: [...new Map(both).values()] } };
}

async function list(image: PinnedRef, reading: Reading): Promise<Fact<readonly Referrer[]>> {
  const { listing, missing } = await listed(image, reading);
  if (listing.state !== 'found') return missing ?? listing;
  if (listing.value.length === 0) return missing ?? { state: 'absent', seenAt: listing.seenAt };
  const atOnce = pLimit(OPEN_AT_ONCE);
  // The last ones: clients add at the end, and a new signature must not be out of reach behind old ones.
  const poor = new Set(listing.value.filter(isPoor).slice(-MAX_OPENED));
  const detail = `more than ${MAX_OPENED} referrers without a type in their listing`;
  const value = await Promise.all(
    listing.value.map(async (entry): Promise<Referrer> => {
      const { digest, artifactType = '', annotations } = entry;
      if (!isPoor(entry)) return { state: 'read', digest, artifactType, annotations };
      if (!poor.has(entry)) return unread(unknown('LimitExceeded', detail));
      return atOnce(() => open(pin(image, digest), reading));
    }),
  );
  return { ...listing, value: missing ? [...value, unread(missing)] : value };
}

/**
 * Whether a listing says too little to judge by: registries without the API carry the empty type in their fallback
 * index, others leave annotations out. A sigstore bundle needs none: its content says what it is.
 */
function isPoor({ artifactType, annotations, otherAnnotations }: Descriptor): boolean {
  if (SAYS_NOTHING.has(artifactType)) return true;
  return (
    !otherAnnotations &&
    Object.keys(annotations).length === 0 &&
    !artifactType?.startsWith('application/vnd.dev.sigstore.')
  );
}

/** Names what a person has to take out of the listing, or push again. */
function gone(referrer: PinnedRef): string {
  return `the listing names ${formatReference(referrer)}, which is gone: push it again, or take it out of the listing`;
}

async function open(referrer: PinnedRef, reading: Reading): Promise<Referrer> {
  const manifest = await readManifest(referrer, reading);
  // Listed and gone: what it said is not known, and it may have been a flag.
  if (manifest.state === 'absent') return unread(unknown('UnreadableEvidence', gone(referrer)));
  if (manifest.state === 'unknown') return unread(manifest);
  const { annotations } = manifest.value;
  const artifactType = artifactTypeOf(manifest.value) ?? '';
  return { state: 'read', digest: referrer.digest, artifactType, annotations };
}
