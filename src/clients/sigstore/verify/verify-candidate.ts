import type { Digest, Signature, SignatureCandidate, Trust } from '../../../core/model/index.ts';
import type { SignedCandidate } from './material.ts';
import { readPlain } from './plain.ts';
import { findMaker } from './prove.ts';
import { readCandidate } from './read-candidate.ts';
import type { ParsedTrust } from './root-material.ts';

/** One question: what this candidate proves about this digest. */
export interface Question {
  readonly candidate: SignatureCandidate;
  readonly digest: Digest;
  readonly trust: Trust;
}

/** Answers a question on the thread it is called on. Never throws. */
export function verifyCandidate(question: Question, parsed: ParsedTrust): readonly Signature[] {
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
    const made = findMaker(signed.material, trust, parsed);
    if (typeof made === 'string') return [unproven(candidate, made)];
    const says = signed.read(digest);
    if (typeof says === 'string') return [unproven(candidate, says)];
    const proofs = made.proofs();
    if (typeof proofs === 'string') return [unproven(candidate, proofs)];
    return proofs.map((proof) => ({ state: 'proven', digest: candidate.digest, ...proof, says }));
  } catch (error) {
    // The libraries' refusals are caught where they are asked. What arrives here nobody foresaw: not a "no".
    const name = error instanceof Error ? error.name : 'something';
    const detail = `checking a signature ended in ${name}`;
    return [{ state: 'unread', reason: { code: 'UnreadableEvidence', detail }, transient: false }];
  }
}

function unproven({ digest }: SignatureCandidate, why: string): Signature {
  return { state: 'unproven', digest, why };
}
