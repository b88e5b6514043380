import type { Annotations, Digest } from '../../../../src/core/model/index.ts';
import { SIGN_PREDICATE_TYPE, signingKey, type SigningKey } from '../../../support/signing.ts';
import { createSigstore, type Sigstore } from '../../../support/sigstore/instance.ts';
import {
  encodeBundle,
  signBundle,
  signEnvelope,
  signLayer,
  type BundleVersion,
  type Layer,
  type Maker,
} from '../../../support/sigstore/sign.ts';
import type { Cell } from './cells.ts';

/** The predicate type of the attestations of the grid. */
export const PREDICATE_TYPE = 'https://slsa.dev/provenance/v1';

/** The signer that the policy names, or a stranger with the same kind of key or certificate. */
export type Who = 'good' | 'stranger';

/** A layer with its media type, and the type and hints of the referrer that carries it. */
export interface SignedThing extends Layer {
  readonly mediaType: string;
  readonly artifactType: string;
  /** Annotations of the manifest. */
  readonly hints: Annotations;
}

/** All signers of the grid. Each signature is made once: signing takes longer than judging. */
export interface Signers {
  readonly sigstore: Sigstore;
  readonly key: SigningKey;
  sign(cell: Pick<Cell, 'by' | 'says' | 'form'>, who: Who, digest: Digest): Promise<SignedThing>;
}

export async function createSigners(): Promise<Signers> {
  const sigstore = await createSigstore();
  const makers: Readonly<Record<Cell['by'], Readonly<Record<Who, Maker>>>> = {
    key: { good: { key: signingKey() }, stranger: { key: signingKey() } },
    keyless: {
      good: await sigstore.certify(),
      // By the same authority: only the name in it differs.
      stranger: await sigstore.certify({ names: [{ email: 'mallory@acme.example' }] }),
    },
  };
  const made = new Map<string, Promise<SignedThing>>();
  return {
    sigstore,
    key: makers.key.good.key,
    sign: ({ by, says, form }, who, digest) => {
      const id = [by, says, form === 'tag' ? 'legacy layers' : form, who, digest].join(' ');
      const thing = made.get(id) ?? signOnce(sigstore, makers[by][who], { by, says, form }, digest);
      made.set(id, thing);
      return thing;
    },
  };
}

async function signOnce(
  sigstore: Sigstore,
  maker: Maker,
  { by, says, form }: Pick<Cell, 'by' | 'says' | 'form'>,
  digest: Digest,
): Promise<SignedThing> {
  const predicateType = says === 'signature' ? SIGN_PREDICATE_TYPE : PREDICATE_TYPE;
  const request = { ...maker, digest, predicateType, ...(by === 'key' && { logged: false as const }) };
  if (form !== 'tag' && form !== 'legacy layers') {
    const bundle = await signBundle(sigstore, { ...request, version: VERSIONS[form] });
    const { mediaType } = bundle;
    const hints = { 'dev.sigstore.bundle.predicateType': predicateType };
    return { bytes: encodeBundle(bundle), annotations: {}, mediaType, artifactType: mediaType, hints };
  }
  if (says === 'signature') return { ...(await signLayer(sigstore, request)), ...SIMPLE_SIGNING };
  const layer = await signEnvelope(sigstore, request);
  return { ...layer, annotations: { ...layer.annotations, predicateType }, ...ENVELOPE };
}

const VERSIONS: Readonly<Record<Exclude<Cell['form'], 'tag' | 'legacy layers'>, BundleVersion>> = {
  'bundle v0.1': '0.1',
  'bundle v0.2': '0.2',
  'bundle v0.3': '0.3',
};

const SIMPLE_SIGNING = {
  mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
  artifactType: 'application/vnd.dev.cosign.artifact.sig.v1+json',
  hints: {},
};
const ENVELOPE = {
  mediaType: 'application/vnd.dsse.envelope.v1+json',
  artifactType: 'application/vnd.dsse.envelope.v1+json',
  hints: {},
};
