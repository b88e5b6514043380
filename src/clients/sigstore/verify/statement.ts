import * as z from 'zod';
import {
  digestAlgorithm,
  digestHex,
  type Annotations,
  type Digest,
  type SignedClaim,
  type StatementClaim,
} from '../../../core/model/index.ts';
import { parsePayload } from '../encodings.ts';

/** Payload type of an in-toto statement in a DSSE envelope. */
export const STATEMENT_PAYLOAD_TYPE = 'application/vnd.in-toto+json';
/** Predicate type by which cosign 3 says "I signed this image". */
export const COSIGN_SIGN = 'https://sigstore.dev/cosign/sign/v1';
/** Most subjects of one statement that are examined; a release of many files has hundreds. */
const MAX_SUBJECTS = 1_024;

const statement = z.object({
  _type: z.enum(['https://in-toto.io/Statement/v0.1', 'https://in-toto.io/Statement/v1']),
  subject: z
    .array(
      z.object({
        digest: z.record(z.string(), z.string()),
        annotations: z.record(z.string(), z.unknown()).nullish(),
      }),
    )
    .max(MAX_SUBJECTS),
  predicateType: z.string(),
  predicate: z.unknown().optional(),
});

/** What a signed statement says about `digest`, or one clause why it says nothing about it. */
export function readStatement(payload: Uint8Array, digest: Digest): SignedClaim | string {
  const read = readAbout(parsePayload(payload), digest);
  if (typeof read === 'string') return read;
  const [claim, annotations] = read;
  return claim.predicateType === COSIGN_SIGN ? { kind: 'signature', annotations } : claim;
}

/** What an unsigned statement claims about `digest`: never that it is signed, whatever its type. */
export function readUnsignedStatement(body: unknown, digest: Digest): StatementClaim | string {
  const read = readAbout(body, digest);
  return typeof read === 'string' ? read : read[0];
}

/** What a statement says, with the annotations of the subject that is ours. */
function readAbout(body: unknown, digest: Digest): readonly [StatementClaim, Annotations] | string {
  const read = statement.safeParse(body);
  if (!read.success) return 'a statement that cannot be read';
  const { subject, predicateType, predicate } = read.data;
  const ours = subject.find((one) => one.digest[digestAlgorithm(digest)] === digestHex(digest));
  if (!ours) return 'about another digest';
  return [{ kind: 'statement', predicateType, predicate }, textOnly(ours.annotations ?? {})];
}

/** Annotations of a signer; values that are not text can satisfy no policy and are left out. */
export function textOnly(annotations: Readonly<Record<string, unknown>>): Annotations {
  return Object.fromEntries(
    Object.entries(annotations).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
