import type { PlainCandidate, SignatureCandidate } from '../../../core/model/index.ts';
import { readBundle } from './bundle.ts';
import { readEnvelope } from './envelope.ts';
import type { SignedCandidate } from './material.ts';
import { readSimpleSigning } from './simple-signing.ts';

/** A candidate that somebody signed. */
export type SignedForm = Exclude<SignatureCandidate, PlainCandidate>;

/** Takes a candidate apart, or says in one clause why it cannot be. Proves nothing. */
export function readCandidate(candidate: SignedForm): SignedCandidate | string {
  switch (candidate.form) {
    case 'simple-signing':
      return readSimpleSigning(candidate);
    case 'envelope':
      return readEnvelope(candidate);
    case 'bundle':
      return readBundle(candidate);
  }
}
