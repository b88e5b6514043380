import {
  compilePolicy,
  decide,
  selectPolicies,
  type CompiledPolicy,
  type Labels,
  type Material,
  type TrustRoots,
} from '../../src/core/policy/index.ts';
import {
  digestOf,
  MEDIA_TYPE,
  nameOf,
  pin,
  problem,
  type Annotations,
  type Evidence,
  type Fact,
  type ImageRef,
  type Manifest,
  type PinnedRef,
  type PublicKey,
  type Referrer,
  type Signature,
  type SignedClaim,
  type Unknown,
  type Verdict,
} from '../../src/core/model/index.ts';
import { RELEASE_PREDICATE_TYPE } from '../../src/core/policy/index.ts';

/** The moment at which everything here is judged. */
export const NOW = new Date('2026-06-15T12:00:00Z');

/** The image that everything here is about, as an object names it, and as it is resolved. */
export const USE: ImageRef = { registry: 'registry.example.com', repository: 'shop/web', tag: '1.4.0' };
export const IMAGE: PinnedRef = pin(USE, digestOf('image'));

/** The `spec` of an ImagePolicy as a person writes it; `match` covers every image if it is left out. */
export type WrittenSpec = Readonly<Record<string, unknown>>;

/** An ImagePolicy document as a person writes it. */
export function policyDocument(spec: WrittenSpec, name = 'production'): Readonly<Record<string, unknown>> {
  return {
    apiVersion: 'pratique.dev/v1alpha1',
    kind: 'ImagePolicy',
    metadata: { name },
    spec: { match: { images: ['**'] }, ...spec },
  };
}

/** Trust roots where none is read: the public-good one has a name and nothing in it. */
export const NO_ROOTS: TrustRoots = {
  read: () => problem('', 'is not read here'),
  publicGood: () => ({ fingerprint: 'public-good', json: '{}' }),
};

/** A compiled policy; throws with all problems when it does not compile. */
export function policyOf(
  spec: WrittenSpec,
  name?: string,
  material: Material = () => undefined,
): CompiledPolicy {
  const compiled = compilePolicy(policyDocument(spec, name), { material, roots: NO_ROOTS });
  if (!compiled.ok) {
    throw new Error(compiled.problems.map(({ path, message }) => `${path} ${message}`).join('; '));
  }
  return compiled.value;
}

/** An authority with its key inside the policy. */
export function authority(name: string, { pem }: PublicKey): WrittenSpec {
  return { name, key: { pem } };
}

/** A fact that was found just now. */
export function found<T>(value: T): Fact<T> {
  return { state: 'found', value, seenAt: NOW };
}

/** An absent fact. */
export const ABSENT: Fact<never> = { state: 'absent', seenAt: NOW };
/** A fact that could not be read, and that a retry may find. */
export const UNKNOWN_FACT: Unknown = {
  state: 'unknown',
  reason: { code: 'RegistryUnavailable', detail: 'connection refused' },
  transient: true,
};

/** A manifest of an image with these annotations. */
export function manifestOf(annotations: Annotations = {}): Manifest {
  const { digest } = IMAGE;
  return { digest, mediaType: MEDIA_TYPE.ociManifest, size: 500, annotations, layers: [], manifests: [] };
}

/** Evidence about {@link IMAGE}: it is there, has no referrers and no signatures. */
export function evidenceOf(given: Partial<Evidence> & { readonly annotations?: Annotations } = {}): Evidence {
  const { annotations, ...facts } = given;
  return {
    image: IMAGE,
    manifest: found(manifestOf(annotations)),
    referrers: ABSENT,
    signatures: ABSENT,
    children: ABSENT,
    successor: ABSENT,
    ...facts,
  };
}

/** A referrer that could be read. */
export function referrerOf(artifactType: string, annotations: Annotations = {}): Referrer {
  return {
    state: 'read',
    digest: digestOf(artifactType + JSON.stringify(annotations)),
    artifactType,
    annotations,
  };
}

/** A proven signature, by default without further content. */
export function provenBy(
  key: PublicKey,
  says: SignedClaim = { kind: 'signature', annotations: {} },
): Signature {
  return {
    state: 'proven',
    digest: digestOf(key.fingerprint),
    signer: { kind: 'key', fingerprint: key.fingerprint },
    loggedBy: [],
    timestampedBy: [],
    says,
  };
}

/** A proven release statement. */
export function releasedBy(key: PublicKey): Signature {
  return provenBy(key, { kind: 'statement', predicateType: RELEASE_PREDICATE_TYPE, predicate: {} });
}

/** The input of a verdict; every part has a good default. */
export interface Asked {
  readonly use?: ImageRef;
  readonly evidence?: Evidence;
  readonly labels?: Fact<Labels>;
  readonly now?: Date;
}

/** The verdict of policies about one image. */
export function verdictOf(
  policies: readonly CompiledPolicy[],
  { use = USE, evidence = evidenceOf(), labels = found({}), now = NOW }: Asked = {},
): Verdict {
  return decide({ use, evidence, selection: selectPolicies(policies, nameOf(use), labels), now });
}

/** A verdict in one line: its kind and the reason codes of its findings, e.g. `deny Unsigned`. */
export function inShort({ kind, findings }: Verdict): string {
  return [kind, ...findings.map(({ reason }) => reason)].join(' ');
}
