import type { SignatureVerifier } from '../../../core/evidence/index.ts';
import type { Reason, Signature, SignatureCandidate, Trust } from '../../../core/model/index.ts';
import { type SignedMaterial, createParsedTrust, type ParsedTrust } from './material.ts';
import { createPool, type Failure, type Pool } from './pool.ts';
import { type Question, readCandidate, verifyCandidate, verifySigned } from './verify-candidate.ts';

export interface CandidateVerifier {
  readonly verify: SignatureVerifier;
  /** Stops the threads; candidates that still wait are answered `unread`. */
  close(): Promise<void>;
}

/** Threads for certificates and timestamps: one for each of the two cores a small machine has. Keyless verification is all computation. */
const WORKERS = 2;
/** Candidates that may wait for a thread: a few seconds of work. More are refused for now. */
const MAX_WAITING = 1_000;
/** Seconds for one candidate; real ones take under twenty milliseconds. */
const JOB_TIMEOUT_S = 5;
/** Bytes up to which a candidate is read on this thread: JSON of this size takes a fraction of a millisecond. */
const MAX_BYTES_HERE = 64 * 1024;
/** Work done on this thread, in verifications with a P-256 key (about 50 µs each). */
const MAX_WORK_HERE = 10;
/** P-384 and P-521 cost about ten times as much as P-256. */
const LARGE_CURVE_WORK = 10;

/**
 * Tries candidates with every key and every trust root and binds them to a digest: one `proven` entry per signer, or one
 * entry with the reason why there is none. Never rejects. Signatures by keys take under half a millisecond on this thread;
 * certificates and timestamps are verified on threads that start with the first of them and never keep the process alive
 * when idle. A thread that dies, is late or has too much to do gives `unread`, transient.
 */
export function createSignatureVerifier({ workers = WORKERS } = {}): CandidateVerifier {
  const parsed = createParsedTrust();
  const pool: Pool<Question, readonly Signature[]> = createPool({
    entry: workerEntry(),
    workers,
    maxWaiting: MAX_WAITING,
    jobTimeoutMs: JOB_TIMEOUT_S * 1_000,
  });
  return {
    verify: async (candidate, digest, trust) => {
      const question = { candidate, digest, trust };
      const found = verifyHere(question, parsed);
      if (found) return found;
      const outcome = await pool.run({ ...question, candidate: withOwnBytes(candidate) });
      if (outcome.ok) return outcome.value;
      return [{ state: 'unread', reason: REASONS[outcome.failure], transient: true }];
    },
    close: () => pool.close(),
  };
}

/** `.ts` in a checkout, `.js` when built: the compiler rewrites import lines, not URLs. */
function workerEntry(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
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

function bytesOf(candidate: SignatureCandidate): Uint8Array {
  return candidate.form === 'simple-signing' ? candidate.payload : candidate.json;
}

/** Node keeps small buffers in one large block, all of which would be copied to the thread. */
function withOwnBytes(candidate: SignatureCandidate): SignatureCandidate {
  return candidate.form === 'simple-signing'
    ? { ...candidate, payload: new Uint8Array(candidate.payload) }
    : { ...candidate, json: new Uint8Array(candidate.json) };
}

const REASONS: Readonly<Record<Failure, Reason>> = {
  crowded: { code: 'LimitExceeded', detail: `${MAX_WAITING} signatures are waiting to be verified already` },
  crashed: { code: 'InternalError', detail: 'the thread that verified a signature died' },
  late: { code: 'DeadlineExceeded', detail: `verifying a signature took longer than ${JOB_TIMEOUT_S} s` },
  closed: { code: 'InternalError', detail: 'the signature verifier is closed' },
};
