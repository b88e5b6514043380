import type { SignatureVerifier } from '../../../core/evidence/index.ts';
import { explainFailure } from '../../../core/model/index.ts';
import type { JobOutcome, Signature, SignatureCandidate, Trust } from '../../../core/model/index.ts';
import { type SignedMaterial, createParsedTrust, type ParsedTrust } from './material.ts';
import { type Question, readCandidate, verifyCandidate, verifySigned } from './verify-candidate.ts';

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
