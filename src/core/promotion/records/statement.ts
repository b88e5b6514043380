import {
  digestAlgorithm,
  digestHex,
  digestOf,
  nameOf,
  type Digest,
  type PinnedRef,
} from '../../model/index.ts';
import type { Statement } from '../ports.ts';
import { encodeJson } from './artifact.ts';

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
export function statementDigest(statement: Statement): Digest {
  return digestOf(encodeJson(statement));
}
