import type { Evidence, Fact, IndexEvidence, Referrer, Signature, Unknown } from '../model/index.ts';

/** Splits a referrer listing: what was read, and, if any that matters may be missing, why. */
export function readReferrers(referrers: Fact<readonly Referrer[]>) {
  const all = referrers.state === 'found' ? referrers.value : [];
  return { read: all.filter((one) => one.state === 'read'), incomplete: whyIncomplete(referrers) };
}

/** Splits the indexes that list an image: those that are known, and, if one may be missing, why. */
export function readIndexes({ indexes }: Pick<Evidence, 'indexes'>): {
  readonly read: readonly IndexEvidence[];
  readonly incomplete: Unknown | undefined;
} {
  const read = indexes?.state === 'found' ? indexes.value : [];
  return { read, incomplete: indexes?.state === 'unknown' ? indexes : undefined };
}

/** What was found next to an image, by what it proves; `incomplete` = why some of it may be missing. */
export type SignatureReading = ReturnType<typeof readSignatures>;

/** Splits what was found next to an image: what proves something, what is not signed, and what does not count. */
export function readSignatures(signatures: Evidence['signatures']) {
  const all = signatures.state === 'found' ? signatures.value : [];
  return {
    proven: all.filter((signature) => signature.state === 'proven'),
    unsigned: all.filter((signature) => signature.state === 'unsigned'),
    unproven: all.filter((signature) => signature.state === 'unproven'),
    incomplete: whyIncomplete(signatures),
  };
}

function whyIncomplete(fact: Fact<readonly (Referrer | Signature)[]>): Unknown | undefined {
  if (fact.state !== 'found') return fact.state === 'unknown' ? fact : undefined;
  const unread = fact.value.find((one) => one.state === 'unread');
  return unread && { state: 'unknown', reason: unread.reason, transient: unread.transient };
}
