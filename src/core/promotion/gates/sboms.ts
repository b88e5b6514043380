import * as z from 'zod';
import { statementsAbout } from '../../evidence/index.ts';
import {
  definedFields,
  digestOf,
  excessOfJson,
  explainFailure,
  Fault,
  formatReference,
  objectOf,
  parsed,
  parseJson,
  pin,
} from '../../model/index.ts';
import type { Descriptor, Digest, JobOutcome, Manifest, Parsed, PinnedRef } from '../../model/index.ts';
import { describePredicate } from '../../policy/index.ts';
import { saysNothing } from '../graph/carried.ts';
import type { SourceRegistry } from '../ports.ts';
import { payloadIn } from '../records/statement.ts';
import { cosignTag } from '../selection/reserved-tags.ts';

/** Largest SBOM that is read, in bytes: those of big images have several millions. */
const MAX_SBOM_BYTES = 16 * 1024 * 1024;
/** Most things opened in search of the SBOMs of one platform; real images have a handful. */
const MAX_OPENED = 32;
/** Most different SBOMs of one platform: each is a scan, and two formats by two builders are four. */
const MAX_SBOMS = 8;

/** Annotations that hint at the predicate type inside: BuildKit's, cosign's on bundles, and on `.att` layers. */
const PREDICATE_HINTS = ['in-toto.io/predicate-type', 'dev.sigstore.bundle.predicateType', 'predicateType'];

/** What is read in search of SBOMs. */
export type SbomSource = Pick<SourceRegistry, 'manifest' | 'referrers' | 'blob'>;

/** Whose SBOMs are looked for: a platform, and the image that it belongs to. */
interface SbomQuestion {
  /** The platform's own manifest. */
  readonly platform: PinnedRef;
  /** The index that lists it, or the platform itself. */
  readonly image: Manifest;
  readonly registry: SbomSource;
  readonly readSbomElsewhere?: ReadSbomElsewhere | undefined;
}

/** What may hold an SBOM. */
export interface SbomLayer {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  /** The platform that a statement has to be about. */
  readonly about: Digest;
}

/** An SBOM as JSON. */
export interface Sbom {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  /** Whether it lists packages of a distribution: scanners need to know the distribution to judge them. */
  readonly listsSystemPackages: boolean;
  /** The predicate type of its format, whether or not it lay in a statement. */
  readonly predicateType: string;
}

/** Reads what may hold an SBOM beside the main thread, by `readSbom`. Never rejects. */
export type ReadSbomElsewhere = (
  layer: SbomLayer,
  weight: { readonly bytes: number; readonly owner: string },
) => Promise<JobOutcome<ReturnType<typeof readSbom>>>;

/** Bytes up to which a layer is read on the main thread: at worst it takes some milliseconds. */
const READ_HERE_BYTES = 64 * 1024;

/**
 * All SBOMs of a platform, SPDX or CycloneDX as JSON, each once: attached as referrers, put into the index by BuildKit, or kept
 * under cosign's tags; bare or in a statement about this very platform. All of them, because anyone who can push can attach
 * one that lists little. Throws a Fault when something could not be read, or there is more than is read.
 */
export async function findSboms(question: SbomQuestion, signal: AbortSignal): Promise<readonly Sbom[]> {
  const { platform, registry } = question;
  const carriers = await carriersOf(question, signal);
  const layers = carriers.flatMap((carrier) =>
    carrier.layers.filter(({ mediaType, annotations }) => mayHoldSbom(mediaType) && mayBeSbom(annotations)),
  );
  if (layers.length > MAX_OPENED)
    throw faultOf(platform, 'LimitExceeded', `it has more than ${String(MAX_OPENED)} statements`);
  const found = new Map<string, Sbom>();
  for (const layer of new Map(layers.map((one) => [one.digest, one])).values()) {
    const bytes = await registry.blob(platform, layer, MAX_SBOM_BYTES, signal);
    if (bytes === undefined)
      throw faultOf(platform, 'UnreadableEvidence', `its SBOM ${layer.digest} is gone`);
    const sbom = await readSomewhere({ bytes, mediaType: layer.mediaType, about: platform.digest }, question);
    if (sbom) found.set(sbom.digest, sbom);
    if (found.size > MAX_SBOMS)
      throw faultOf(platform, 'LimitExceeded', `it has more than ${String(MAX_SBOMS)} SBOMs`);
  }
  return [...found.values()];
}

async function readSomewhere(
  layer: SbomLayer,
  { platform, readSbomElsewhere }: SbomQuestion,
): Promise<Sbom | undefined> {
  const bytes = layer.bytes.byteLength;
  if (readSbomElsewhere === undefined || bytes <= READ_HERE_BYTES) return sbomOf(readSbom(layer), platform);
  const outcome = await readSbomElsewhere(layer, { bytes, owner: formatReference(platform) });
  if (outcome.ok) return sbomOf(outcome.value, platform);
  const { code, detail, transient } = explainFailure(
    outcome.failure,
    `read an SBOM of ${String(bytes)} bytes`,
  );
  throw new Fault({
    code,
    detail,
    transient,
    operation: `find the SBOMs of ${platform.digest}`,
    side: 'source',
  });
}

function sbomOf(read: Parsed<Sbom | undefined>, platform: PinnedRef): Sbom | undefined {
  if (read.ok) return read.value;
  throw faultOf(platform, 'LimitExceeded', `its SBOM ${read.problems[0]?.message ?? ''}`);
}

async function carriersOf(
  { platform, image, registry }: SbomQuestion,
  signal: AbortSignal,
): Promise<readonly Manifest[]> {
  const attached = (await registry.referrers(platform, signal)).filter(
    // Under some types registries list everything that has no config of its own: one has to look inside.
    ({ artifactType = '', annotations }) =>
      (saysNothing(artifactType) || mayHoldSbom(artifactType)) && mayBeSbom(annotations),
  );
  const digests = [
    ...attached.map(({ digest }) => digest),
    ...statementsAbout(image, platform.digest).map(({ digest }) => digest),
  ];
  if (digests.length > MAX_OPENED)
    throw faultOf(platform, 'LimitExceeded', `it has more than ${String(MAX_OPENED)} statements`);
  const named = await Promise.all(
    digests.map(async (digest) => {
      const carrier = await registry.manifest(pin(platform, digest), signal);
      if (carrier === undefined)
        throw faultOf(platform, 'UnreadableEvidence', `what is attached to it as ${digest} is gone`);
      return carrier;
    }),
  );
  const tagged = await Promise.all(
    (['att', 'sbom'] as const).map((kind) =>
      registry.manifest(cosignTag(platform, platform.digest, kind), signal),
    ),
  );
  return [...named, ...tagged.filter((carrier) => carrier !== undefined)];
}

function mayBeSbom(annotations: Descriptor['annotations']): boolean {
  const hint = PREDICATE_HINTS.map((key) => annotations[key]).find((value) => value !== undefined);
  return hint === undefined || isSbomPredicate(hint);
}

function faultOf({ digest }: PinnedRef, code: 'UnreadableEvidence' | 'LimitExceeded', detail: string): Fault {
  const operation = `find the SBOMs of ${digest}`;
  return new Fault({ code, operation, side: 'source', transient: code === 'UnreadableEvidence', detail });
}

const IN_TOTO = 'application/vnd.in-toto+json';
const ENVELOPE = 'application/vnd.dsse.envelope.v1+json';
const BUNDLE = 'application/vnd.dev.sigstore.bundle';
/** Names of the formats that carriers use besides those of statements. */
const PLAIN_TYPES: ReadonlySet<string> = new Set(['text/spdx+json', 'application/vnd.cyclonedx+json']);

const statement = z.object({
  subject: z.array(z.object({ digest: z.record(z.string(), z.string()) })),
  predicateType: z.string(),
  predicate: z.unknown(),
});
// The least by which Trivy and other scanners recognise the formats. One that lists nothing is as good as none: it would pass.
const listed = z.array(z.unknown()).min(1);
const document = z.union([
  z.looseObject({ spdxVersion: z.string(), packages: listed }),
  z.looseObject({ bomFormat: z.literal('CycloneDX'), components: listed }),
]);

/** SPDX 3 as JSON-LD: one list of elements, of which packages are some. */
const spdx3 = z.object({
  '@context': z.string().regex(/^https:\/\/spdx\.org\/rdf\/3\.\d{1,3}(?:\.\d{1,3})?\/spdx-context\.jsonld$/),
  '@graph': z.array(z.unknown()),
});
const spdx3Package = z.object({
  type: z.literal('software_Package'),
  name: z.string(),
  software_packageVersion: z.string().optional(),
  software_packageUrl: z.string().optional(),
  software_primaryPurpose: z.string().optional(),
  externalIdentifier: z
    .array(z.object({ externalIdentifierType: z.string(), identifier: z.string() }))
    .optional(),
});

/** An SPDX 3 document as CycloneDX, which scanners read: Trivy knows SPDX up to 2.3. Anything else as it is. */
function readable(json: unknown): unknown {
  const read = spdx3.safeParse(json);
  if (!read.success) return json;
  const components = read.data['@graph'].flatMap((element) => {
    const one = spdx3Package.safeParse(element).data;
    if (!one) return [];
    const named = one.externalIdentifier?.find((other) => other.externalIdentifierType === 'packageUrl');
    return [
      definedFields({
        type: one.software_primaryPurpose === 'operatingSystem' ? 'operating-system' : 'library',
        name: one.name,
        version: one.software_packageVersion,
        purl: one.software_packageUrl ?? named?.identifier,
      }),
    ];
  });
  return { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, components };
}

/** Whether something of this media type or artifact type may hold an SBOM. */
function mayHoldSbom(type: string): boolean {
  return isPlain(type) || type === IN_TOTO || type === ENVELOPE || type.startsWith(BUNDLE);
}

function isSbomPredicate(predicateType: string): boolean {
  return describePredicate(predicateType)?.endsWith('SBOM') === true;
}

/**
 * The SBOM in a layer, as JSON: the layer itself, or what a statement about exactly `about` says, be it signed or not. Without a
 * value there is none in it; the problem is that it has more values than are read. No signature is checked: the content of an
 * SBOM is tried, not trusted.
 */
export function readSbom({ bytes, mediaType, about }: SbomLayer): Parsed<Sbom | undefined> {
  if (excessOfJson(bytes)) return TOO_MUCH;
  const json = parseJson(bytes);
  const payload = mediaType === IN_TOTO ? undefined : payloadIn(json);
  if (payload && excessOfJson(payload)) return TOO_MUCH;
  const said = payload ? parseJson(payload) : json;
  const found = isPlain(mediaType) ? json : predicateIn(said, about);
  const read = document.safeParse(readable(found));
  if (!read.success) return parsed(undefined);
  const text = JSON.stringify(read.data);
  const sbom = new TextEncoder().encode(text);
  const predicateType = 'bomFormat' in objectOf(found) ? CYCLONEDX : SPDX;
  const listsSystemPackages = SYSTEM_PACKAGE.test(text);
  return parsed({ bytes: sbom, digest: digestOf(sbom), listsSystemPackages, predicateType });
}

const SPDX = 'https://spdx.dev/Document';
const CYCLONEDX = 'https://cyclonedx.org/bom';

const TOO_MUCH: Parsed<never> = {
  ok: false,
  problems: [{ path: '', message: 'has more values, or is nested deeper, than is read', isLimit: true }],
};

/** Package URLs of distributions (purl-spec, types). */
const SYSTEM_PACKAGE = /"pkg:(?:\/\/)?(?:apk|deb|rpm|alpm|ebuild|opkg|nix)\//i;

function isPlain(type: string): boolean {
  const [bare = ''] = type.split(';');
  return PLAIN_TYPES.has(bare.trim()) || isSbomPredicate(type);
}

function predicateIn(json: unknown, about: Digest): unknown {
  const read = statement.safeParse(json);
  if (!read.success || !isSbomPredicate(read.data.predicateType)) return undefined;
  const digests = read.data.subject.flatMap(({ digest }) => Object.entries(digest));
  const names = digests.some(([algorithm, hex]) => `${algorithm}:${hex}` === about);
  return names ? read.data.predicate : undefined;
}
