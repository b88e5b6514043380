// Reads the content of a registry: manifests, what is about them, and records in a form that two runs have in common.
import type { Repository, StoredManifest } from '../support/registry/store.ts';

/** A manifest with its digest. */
export interface Node extends StoredManifest {
  readonly digest: string;
  readonly body: Body;
}

/** The fields of a manifest that are compared. */
export interface Body {
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly config?: Part;
  readonly layers?: readonly Part[];
  readonly manifests?: readonly Part[];
}

/** A descriptor. */
export interface Part {
  readonly mediaType: string;
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const LAYER = 'image.layer';
const COSIGN = /^(sha256)-([0-9a-f]{64})\.(?:sig|att|sbom)$/;
const LISTING = /^(sha256)-([0-9a-f]{64})$/;

/** The manifest of this digest. */
export function nodeAt(repository: Repository, digest: string): Node | undefined {
  const stored = repository.manifests.get(digest);
  return stored && { ...stored, digest, body: JSON.parse(stored.bytes.toString()) as Body };
}

/** All manifests. */
export function nodesIn(repository: Repository): readonly Node[] {
  return [...repository.manifests.keys()].flatMap((digest) => nodeAt(repository, digest) ?? []);
}

/** Whether a runtime could start it: it has layers of an image, or is an index of such; records and listings are neither. */
export function isImage(repository: Repository, { body, subject }: Node): boolean {
  if (subject !== undefined || body.artifactType !== undefined) return false;
  if ((body.layers ?? []).some(({ mediaType }) => mediaType.includes(LAYER))) return true;
  return (body.manifests ?? []).some(({ digest }) => {
    const child = nodeAt(repository, digest);
    return child !== undefined && isImage(repository, child);
  });
}

/** The digest that a tag of cosign or of a listing is about. */
export function subjectOfTag(tag: string): string | undefined {
  const [, algorithm, hex] = COSIGN.exec(tag) ?? LISTING.exec(tag) ?? [];
  return hex === undefined ? undefined : `${String(algorithm)}:${hex}`;
}

/** Whether this tag lists what refers to a digest. */
export const isListing = (tag: string): boolean => LISTING.test(tag);

/** What the registry lists about a digest; without the referrers API by the tag of the listing. */
export function listedAbout(repository: Repository, digest: string, hasApi: boolean): readonly Node[] {
  if (hasApi) return nodesIn(repository).filter(({ subject }) => subject === digest);
  const listing = nodeAt(repository, repository.tags.get(digest.replace(':', '-')) ?? '');
  return (listing?.body.manifests ?? []).flatMap((one) => nodeAt(repository, one.digest) ?? []);
}

/** An image and everything below its index that is there. */
export function treeOf(repository: Repository, digest: string): readonly Node[] {
  const node = nodeAt(repository, digest);
  const below = (node?.body.manifests ?? []).flatMap((child) => treeOf(repository, child.digest));
  return node ? [node, ...below] : [];
}

/** What an image needs and the repository lacks: children, configs and layers. */
export function lacksOf(repository: Repository, digest: string): readonly string[] {
  const node = nodeAt(repository, digest);
  if (!node) return [digest];
  const blobs = [...(node.body.config ? [node.body.config] : []), ...(node.body.layers ?? [])];
  return [
    ...blobs.map((blob) => blob.digest).filter((blob) => !repository.blobs.has(blob)),
    ...(node.body.manifests ?? []).flatMap((child) => lacksOf(repository, child.digest)),
  ];
}

/** Statement types that a record holds: of a bundle, or of each layer of cosign's tag. */
export function statementTypes(repository: Repository, node: Node): readonly string[] {
  const texts = (node.body.layers ?? []).map(({ digest }) => repository.blobs.get(digest)?.toString() ?? '');
  return texts.flatMap((text) => {
    const read = readable(text) as {
      readonly payload?: { readonly predicateType?: string };
      readonly dsseEnvelope?: { readonly payload?: { readonly predicateType?: string } };
    };
    return read.payload?.predicateType ?? read.dsseEnvelope?.payload?.predicateType ?? [];
  });
}

/** Replaces what differs from run to run: times, names of runs, hosts, signatures, and digests that are not of these images. */
export interface Common {
  readonly hosts: ReadonlyMap<string, string>;
  readonly images: ReadonlySet<string>;
}

/** A record as two runs write it alike, with the content of its layers. */
export function commonForm(repository: Repository, { body, subject }: Node, common: Common): string {
  const part = ({ digest, mediaType, annotations }: Part) => [
    mediaType,
    annotations,
    readable(repository.blobs.get(digest)?.toString() ?? 'LOST'),
  ];
  const { artifactType, annotations, layers = [], manifests = [] } = body;
  const form = { artifactType, subject, annotations, layers: layers.map(part), manifests: manifests.length };
  return evened(JSON.stringify(form), common);
}

const SIGNATURES = /^(?:sig|signature|signatures|dev\.cosignproject\.cosign\/signature|hint)$/;

/** JSON with its envelopes opened; other text as it is. */
function readable(text: string): unknown {
  try {
    return JSON.parse(text, (key, value: unknown) =>
      key === 'payload' && typeof value === 'string'
        ? readable(Buffer.from(value, 'base64').toString())
        : value,
    );
  } catch {
    return text;
  }
}

function evened(json: string, { hosts, images }: Common): string {
  const value: unknown = JSON.parse(json, (key, one: unknown) => (SIGNATURES.test(key) ? 'SIGNATURE' : one));
  let text = JSON.stringify(value);
  for (const [host, name] of hosts) text = text.replaceAll(host, name);
  return text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, 'TIME')
    .replace(/local-\d+/g, 'RUN')
    .replace(/sha256:[0-9a-f]{64}/g, (digest) => (images.has(digest) ? digest.slice(0, 15) : 'DIGEST'))
    .replace(/\b[0-9a-f]{64}\b/g, (hex) => (images.has(`sha256:${hex}`) ? hex.slice(0, 8) : 'HEX'));
}
