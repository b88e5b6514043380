import type { Signature } from '../../model/index.ts';
import type { Authority, SignatureRequirement } from '../compile.ts';
import { readSignatures } from '../readings.ts';
import { cannotTell, notThere, type Check } from './check.ts';

/** Different reasons shown in one message at most; a flood of bad signatures must not flood the reader. */
const MAX_REASONS_SHOWN = 3;

/** Refuses an image that too few of the named authorities have signed. Different authorities are counted, not signatures. */
export const unsigned: Check = (given) => {
  const { evidence, policy } = given;
  const { signatures } = policy;
  if (!signatures) return undefined;
  if (evidence.manifest.state === 'absent') return notThere(given);
  const { proven, unproven, incomplete } = readSignatures(evidence.signatures);
  const signers = signatures.from.filter((authority) =>
    proven.some((signature) => isBy(signature, authority) && hasAnnotations(signature, signatures)),
  );
  if (signers.length >= signatures.atLeast) return undefined;
  if (incomplete) return cannotTell(policy, incomplete);
  const names = signatures.from.map(({ name }) => name).join(' or ');
  return {
    kind: 'refused',
    reason: 'Unsigned',
    found: [lacking(signers, signatures, names), nearest(proven, unproven, signatures)].join('; '),
    next: `have ${names} sign this digest`,
    policy: policy.name,
    transient: false,
  };
};

type Proven = Extract<Signature, { state: 'proven' }>;

function isBy({ provenBy, says }: Proven, { key }: Authority): boolean {
  return says.kind === 'signature' && provenBy === key.fingerprint;
}

function hasAnnotations({ says }: Proven, { annotations }: SignatureRequirement): boolean {
  return (
    says.kind === 'signature' &&
    Object.entries(annotations).every(([key, value]) => says.annotations[key] === value)
  );
}

function lacking(signers: readonly Authority[], { atLeast }: SignatureRequirement, names: string): string {
  if (atLeast === 1) return `no signature by ${names}`;
  const by = signers.length > 0 ? ` (${signers.map(({ name }) => name).join(', ')})` : '';
  return `${String(signers.length)} of ${String(atLeast)} signatures${by}, accepted from ${names}`;
}

function nearest(
  proven: readonly Proven[],
  unproven: readonly Extract<Signature, { state: 'unproven' }>[],
  requirement: SignatureRequirement,
): string {
  const whys = [
    ...proven
      .filter((signature) => requirement.from.some((authority) => isBy(signature, authority)))
      .filter((signature) => !hasAnnotations(signature, requirement))
      .map(() => 'without the required annotations'),
    ...proven
      .filter(({ says }) => says.kind === 'statement')
      .map(() => 'a signed statement, which is no signature of the image'),
    ...unproven.map(({ why }) => why),
  ];
  if (whys.length === 0) return 'none found';
  const shown = [...new Set(whys)].slice(0, MAX_REASONS_SHOWN).join('; ');
  return `${String(whys.length)} found, ${shown}`;
}
