import * as z from 'zod';
import { digestAlgorithm, digestHex, type Digest, parseJson } from '../../model/index.ts';
import { describePredicate } from '../../policy/index.ts';

const IN_TOTO = 'application/vnd.in-toto+json';
const ENVELOPE = 'application/vnd.dsse.envelope.v1+json';
const BUNDLE = 'application/vnd.dev.sigstore.bundle';
/** Names of the formats that carriers use besides those of statements. */
const PLAIN_TYPES: ReadonlySet<string> = new Set(['text/spdx+json', 'application/vnd.cyclonedx+json']);

const envelope = z.object({ payload: z.base64() });
const bundle = z.object({ dsseEnvelope: envelope });
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

/** Whether something of this media type or artifact type may hold an SBOM. */
export function mayHoldSbom(type: string): boolean {
  return isPlain(type) || type === IN_TOTO || type === ENVELOPE || type.startsWith(BUNDLE);
}

/** Whether a predicate type is one of SBOMs. */
export function isSbomPredicate(predicateType: string): boolean {
  return describePredicate(predicateType)?.endsWith('SBOM') === true;
}

/**
 * The SBOM in a layer, as JSON: the layer itself, or what a statement about exactly `about` says, be it signed or not.
 * `undefined` when there is none in it. No signature is checked: the content of an SBOM is tried, not trusted.
 */
export function sbomIn(bytes: Uint8Array, mediaType: string, about: Digest): Uint8Array | undefined {
  const json = parseJson(bytes);
  const found = isPlain(mediaType) ? json : predicateIn(statementIn(json, mediaType), about);
  const read = document.safeParse(found);
  return read.success ? new TextEncoder().encode(JSON.stringify(read.data)) : undefined;
}

function isPlain(type: string): boolean {
  const [bare = ''] = type.split(';');
  return PLAIN_TYPES.has(bare.trim()) || isSbomPredicate(type);
}

function statementIn(json: unknown, mediaType: string): unknown {
  if (mediaType === IN_TOTO) return json;
  const read =
    mediaType === ENVELOPE ? envelope.safeParse(json).data : bundle.safeParse(json).data?.dsseEnvelope;
  return read && parseJson(Buffer.from(read.payload, 'base64'));
}

function predicateIn(json: unknown, about: Digest): unknown {
  const read = statement.safeParse(json);
  if (!read.success || !isSbomPredicate(read.data.predicateType)) return undefined;
  const names = read.data.subject.some(({ digest }) => digest[digestAlgorithm(about)] === digestHex(about));
  return names ? read.data.predicate : undefined;
}
