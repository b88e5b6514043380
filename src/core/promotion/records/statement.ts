import * as z from 'zod';
import { digestAlgorithm, digestHex, digestOf, nameOf, parseShort, rfc3339 } from '../../model/index.ts';
import type { Descriptor, Digest, PinnedRef } from '../../model/index.ts';
import type { SignedContent, Statement, WrittenStatement } from '../ports.ts';
import {
  buildArtifact,
  CREATED,
  digestIn,
  encodeJson,
  findRecord,
  TITLE,
  type Artifact,
  type ArtifactBlob,
  type Marks,
} from './artifact.ts';

/** Which run left a record. */
export interface RunIdentity {
  /** The promotion, e.g. `platform/node-to-golden`. */
  readonly name: string;
  /** The run of it. */
  readonly id: string;
  /** The UID of its object; absent from the command line. */
  readonly uid?: string;
  /** Counted from 1. */
  readonly attempt: number;
  /** On whose behalf. */
  readonly actor: string;
  /** Where to read more. */
  readonly url?: string;
  /** Carried out from a terminal: no object of it exists. */
  readonly local?: true;
}

/** An in-toto statement about one image. */
export function statementAbout(image: PinnedRef, predicateType: string, predicate: unknown): Statement {
  const { digest } = image;
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: nameOf(image), digest: { [digestAlgorithm(digest)]: digestHex(digest) } }],
    predicateType,
    predicate,
  };
}

/** The digest of a statement as signers write it, by which the same statement is found again. */
export function statementDigest(statement: Statement | WrittenStatement): Digest {
  return digestIn(blobOf(statement));
}

function blobOf(statement: Statement | WrittenStatement): Pick<ArtifactBlob, 'bytes' | 'digest'> {
  if (!('json' in statement)) return { bytes: encodeJson(statement) };
  return { bytes: statement.json, digest: statement.digest };
}

/*
 * What we claim about signed records on the manifests and layers that carry them, so that we find them again without opening
 * and verifying each. Anyone who can push can write the same: the signature alone proves who signed, and what.
 */

/** Who signed: {@link ArtifactSigner.name}. */
export const SIGNER_ANNOTATION = 'dev.pratique.signer';
/** The digest of the statement inside; signatures made twice by one key differ in their bytes, what they cover does not. */
export const STATEMENT_ANNOTATION = 'dev.pratique.statement';

const envelope = z.object({ payload: z.base64() });
const signed = z.union([z.object({ dsseEnvelope: envelope }).transform((one) => one.dsseEnvelope), envelope]);

/** The statement inside a sigstore bundle or a DSSE envelope, as bytes; `undefined` for what is neither. */
export function payloadIn(json: unknown): Uint8Array | undefined {
  const read = signed.safeParse(json).data;
  return read && Buffer.from(read.payload, 'base64');
}

/** The digest of the statement inside a bundle or an envelope; `undefined` for what is neither. */
export function statementIn(json: Uint8Array): Digest | undefined {
  const payload = payloadIn(parseShort(json));
  return payload && digestOf(payload);
}

/** The same for what a signer made: throws when there is none, because signers make no others. */
export function statementMade(json: Uint8Array): Digest {
  const digest = statementIn(json);
  if (!digest) throw new Error('a signer made a record without a statement');
  return digest;
}

const IN_TOTO = 'application/vnd.in-toto+json';
const PREDICATE_TYPE = 'in-toto.io/predicate-type';

/** An unsigned statement, beside its image, with the file name under which programs such as oras write it. */
export function plainStatement(
  statement: Statement | WrittenStatement,
  about: {
    readonly subject: Descriptor;
    readonly at: Date;
    readonly file: string;
    readonly annotations: Marks;
  },
): Artifact {
  const blob = blobOf(statement);
  const digest = digestIn(blob);
  const hint = { [PREDICATE_TYPE]: statement.predicateType };
  return buildArtifact({
    artifactType: IN_TOTO,
    subject: about.subject,
    layers: [{ ...blob, digest, mediaType: IN_TOTO, annotations: { ...hint, [TITLE]: about.file } }],
    annotations: {
      ...about.annotations,
      ...hint,
      [TITLE]: about.file,
      [STATEMENT_ANNOTATION]: digest,
      [CREATED]: rfc3339(about.at),
    },
  });
}

/** An unsigned statement of this type among the referrers, with these annotations. */
export function findPlainStatement(
  referrers: readonly Descriptor[],
  predicateType: string,
  annotations: Marks,
): Descriptor | undefined {
  return findRecord(referrers, IN_TOTO, { ...annotations, [PREDICATE_TYPE]: predicateType });
}

/** Predicate type by which cosign 3 says "I signed this image". */
export const SIGN_PREDICATE_TYPE = 'https://sigstore.dev/cosign/sign/v1';

const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** What a bundle says, and who says it. */
interface BundleClaims {
  readonly predicateType: string;
  /** {@link ArtifactSigner.name} */
  readonly signer: string;
}

/** What a bundle is attached to, and when; its digest and that of its statement (see `statementDigest`) where they are known. */
interface BundlePlace {
  readonly subject: Descriptor;
  readonly at: Date;
  readonly digest?: Digest;
  readonly statement?: Digest | undefined;
}

/** A signature or signed statement as cosign 3 attaches it: a sigstore bundle that refers to the image. */
export function bundleArtifact(
  { bundle }: Pick<SignedContent, 'bundle'>,
  { subject, at, digest, statement, ...claims }: BundleClaims & BundlePlace,
): Artifact {
  const says = statement ?? statementMade(bundle);
  const annotations = { ...annotationsOf(claims, says), [CREATED]: rfc3339(at) };
  return buildArtifact({
    artifactType: BUNDLE,
    subject,
    layers: [{ mediaType: BUNDLE, bytes: bundle, digest }],
    annotations,
  });
}

/**
 * A bundle among the referrers that claims to be by this signer and of this type; with `statement` only one that claims to
 * hold exactly that (see `statementDigest`).
 */
export function findBundle(
  referrers: readonly Descriptor[],
  { statement, ...claims }: BundleClaims & { readonly statement?: Digest },
): Descriptor | undefined {
  return findRecord(referrers, BUNDLE, annotationsOf(claims, statement));
}

function annotationsOf({ predicateType, signer }: BundleClaims, statement: Digest | undefined): Marks {
  return {
    'dev.sigstore.bundle.content': 'dsse-envelope',
    'dev.sigstore.bundle.predicateType': predicateType,
    [SIGNER_ANNOTATION]: signer,
    [STATEMENT_ANNOTATION]: statement,
  };
}
