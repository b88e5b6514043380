import {
  objectOf,
  textOf,
  type Digest,
  type PlainCandidate,
  type Signature,
  type SignatureCandidate,
  type StatementClaim,
  type Trust,
} from '../../../core/model/index.ts';
import { parsePayload, TooMuchJson } from '../encodings.ts';
import { readBundle } from './bundle.ts';
import { readEnvelope, readSimpleSigning } from './cosign-layer.ts';
import { MAX_JSON_BYTES, type SignedCandidate, type ParsedTrust } from './material.ts';
import { findMaker } from './prove.ts';
import { readUnsignedStatement } from './statement.ts';

/** One question: what this candidate proves about this digest. */
export interface Question {
  readonly candidate: SignatureCandidate;
  readonly digest: Digest;
  readonly trust: Trust;
}

/** Answers a question on the thread it is called on. Never throws. */
export function verifyCandidate(question: Question, parsed: ParsedTrust): readonly Signature[] {
  try {
    return verifyReadable(question, parsed);
  } catch (error) {
    if (!(error instanceof TooMuchJson)) throw error;
    // It may be the newest statement of a trusted signer: not evidence, and not the absence of any.
    const reason = {
      code: 'LimitExceeded',
      detail: `a signature or statement holds ${error.message}`,
    } as const;
    return [{ state: 'unread', reason, transient: false }];
  }
}

function verifyReadable(question: Question, parsed: ParsedTrust): readonly Signature[] {
  const { candidate, digest } = question;
  if (candidate.form === 'plain') {
    const says = readPlain(candidate, digest);
    return typeof says === 'string'
      ? [unproven(candidate, says)]
      : [{ state: 'unsigned', digest: candidate.digest, says }];
  }
  const signed = readCandidate(candidate);
  return typeof signed === 'string' ? [unproven(candidate, signed)] : verifySigned(signed, question, parsed);
}

/** Answers a question about a candidate that is already taken apart. Never throws. */
export function verifySigned(
  signed: SignedCandidate,
  question: Question,
  parsed: ParsedTrust,
): readonly Signature[] {
  const { candidate, digest, trust } = question;
  try {
    const askProofs = findMaker(signed.material, trust, parsed);
    if (typeof askProofs === 'string') return [unproven(candidate, askProofs)];
    const says = signed.read(digest);
    if (typeof says === 'string') return [unproven(candidate, says)];
    const proofs = askProofs();
    if (typeof proofs === 'string') return [unproven(candidate, proofs)];
    return proofs.map((proof) => ({ state: 'proven', digest: candidate.digest, ...proof, says }));
  } catch (error) {
    if (error instanceof TooMuchJson) throw error;
    // The libraries' refusals are caught where they are asked. An error that arrives here is unexpected: not a "no".
    const name = error instanceof Error ? error.name : 'something';
    const detail = `checking a signature ended in ${name}`;
    return [{ state: 'unread', reason: { code: 'UnreadableEvidence', detail }, transient: false }];
  }
}

function unproven({ digest }: SignatureCandidate, why: string): Signature {
  return { state: 'unproven', digest, why };
}

/** Takes a candidate apart, or says in one clause why it cannot be. Proves nothing. */
export function readCandidate(from: Exclude<SignatureCandidate, PlainCandidate>): SignedCandidate | string {
  if (from.form === 'bundle') return readBundle(from);
  return from.form === 'envelope' ? readEnvelope(from) : readSimpleSigning(from);
}

/**
 * Reads something unsigned. It claims, and proves nothing: taking such a referrer for evidence let anyone who
 * may push pass a policy of another project. A report names no image, its subject does.
 */
function readPlain({ json, mediaType }: PlainCandidate, digest: Digest): StatementClaim | string {
  if (json.length > MAX_JSON_BYTES) return `a report of ${json.length} bytes`;
  const body = parsePayload(json);
  if (typeof body !== 'object' || body === null) return 'a report that is not JSON';
  if (isStatement(body, mediaType)) return readUnsignedStatement(body, digest);
  return { kind: 'statement', predicateType: mediaType, predicate: body };
}

function isStatement(body: object, mediaType: string): boolean {
  if (mediaType.startsWith('application/vnd.in-toto')) return true;
  return textOf(objectOf(body)._type).startsWith('https://in-toto.io/');
}
