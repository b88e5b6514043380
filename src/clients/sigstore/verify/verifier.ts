import type { SignatureVerifier } from '../../../core/evidence/index.ts';
import { explainFailure, objectOf, textOf } from '../../../core/model/index.ts';
import type {
  Digest,
  JobOutcome,
  PlainCandidate,
  Signature,
  SignatureCandidate,
  StatementClaim,
  Trust,
} from '../../../core/model/index.ts';
import { parsePayload, TooMuchJson } from '../encodings.ts';
import { readBundle } from './bundle.ts';
import { readEnvelope, readSimpleSigning } from './cosign-layer.ts';
import { createParsedTrust, MAX_JSON_BYTES } from './material.ts';
import type { ParsedTrust, SignedCandidate, SignedMaterial } from './material.ts';
import { findMaker } from './prove.ts';
import { readUnsignedStatement } from './statement.ts';

/** Answers a question on another thread; never rejects. Absent where the process has no threads. */
export type VerifyElsewhere = (
  question: Question,
  owner: string,
) => Promise<JobOutcome<readonly Signature[]>>;

/** Bytes up to which a candidate is read on this thread: JSON of this size takes a fraction of a millisecond. */
const MAX_BYTES_HERE = 64 * 1024;
/** Work done on this thread, in verifications with a P-256 key (about 50 µs each). */
const MAX_WORK_HERE = 10;
/** P-384 and P-521 cost about ten times as much as P-256. */
const LARGE_CURVE_WORK = 10;

/**
 * Tries candidates with every key and every trust root and binds them to a digest: one `proven` entry per signer, or one
 * entry with the reason why there is none. Never rejects. Signatures by keys take under half a millisecond on this thread;
 * certificates, timestamps and large candidates go `elsewhere`. What has no answer there is `unread`.
 */
export function createSignatureVerifier(elsewhere: VerifyElsewhere): SignatureVerifier {
  const parsed = createParsedTrust();
  return async (candidate, digest, trust, owner = '') => {
    const question = { candidate, digest, trust };
    const found = verifyHere(question, parsed);
    if (found) return found;
    const outcome = await elsewhere({ ...question, candidate: withOwnBytes(candidate) }, owner);
    if (outcome.ok) return outcome.value;
    const { transient, ...reason } = explainFailure(outcome.failure, 'verify a signature');
    return [{ state: 'unread', reason, transient }];
  };
}

/** Makes the function that answers such questions on the thread that it is called on. */
export function createVerification(): (question: Question) => readonly Signature[] {
  const parsed = createParsedTrust();
  return (question) => verifyCandidate(question, parsed);
}

/** The answer, or `undefined` when it would take too long to find it on this thread. */
function verifyHere(question: Question, parsed: ParsedTrust): readonly Signature[] | undefined {
  const { candidate, trust } = question;
  if (bytesOf(candidate).length > MAX_BYTES_HERE) return undefined;
  if (candidate.form === 'plain') return verifyCandidate(question, parsed);
  const signed = readCandidate(candidate);
  if (typeof signed === 'string') return verifyCandidate(question, parsed);
  return workOf(signed.material, trust) > MAX_WORK_HERE ? undefined : verifySigned(signed, question, parsed);
}

/** Certificates and timestamps count only where a root could make something of them. */
function workOf({ certificate, entries, timestamps }: SignedMaterial, { keys, roots }: Trust): number {
  if (roots.length > 0 && (certificate !== undefined || timestamps.length > 0)) return Infinity;
  const large = keys.filter(({ kind }) => kind === 'ecdsa-p384' || kind === 'ecdsa-p521').length;
  return keys.length + large * LARGE_CURVE_WORK + 2 * entries.length * roots.length;
}

/** The bytes of a candidate, whatever its form. */
export function bytesOf(candidate: SignatureCandidate): Uint8Array {
  return candidate.form === 'simple-signing' ? candidate.payload : candidate.json;
}

/** What it takes to verify a candidate on a thread: its bytes move there, and the caller has them no more. */
export function weightOf(candidate: SignatureCandidate): {
  readonly bytes: number;
  readonly transfer: readonly ArrayBuffer[];
} {
  const { byteLength, buffer } = bytesOf(candidate);
  return { bytes: byteLength, transfer: buffer instanceof ArrayBuffer ? [buffer] : [] };
}

/** Node keeps small buffers in one large block, all of which would be copied to the thread. */
function withOwnBytes(candidate: SignatureCandidate): SignatureCandidate {
  return candidate.form === 'simple-signing'
    ? { ...candidate, payload: owned(candidate.payload) }
    : { ...candidate, json: owned(candidate.json) };
}

function owned(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

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
