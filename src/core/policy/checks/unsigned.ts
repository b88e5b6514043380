import type { Evidence, Finding, ProvenSignature, Unknown } from '../../model/index.ts';
import { nameAuthorities, objection, signerId, type Authority } from '../compile/authority.ts';
import type { SignatureRequirement } from '../compile/requirements.ts';
import { readSignatures, type SignatureReading } from '../readings.ts';
import { nearMiss, notThere, refused, unknownFinding, type Check, type Given } from './check.ts';

type Lack = string | Unknown | undefined;

/** Different reasons shown in one message at most; a flood of bad signatures must not flood the reader. */
const MAX_REASONS_SHOWN = 3;

/** Refuses an image that too few of the named authorities have signed. Different signers are counted, not signatures. */
export const unsigned: Check = (given) => {
  const { evidence, policy } = given;
  const { signatures } = policy;
  if (!signatures) return undefined;
  if (evidence.manifest.state === 'absent') return notThere(given);
  const own = lacking(evidence.signatures, signatures);
  const lack = own ?? lackingOfChildren(evidence, signatures);
  if (lack === undefined) return undefined;
  if (typeof lack !== 'string') return doubt(given, lack);
  const isGood = (signed: Evidence['signatures']): boolean => lacking(signed, signatures) === undefined;
  const near = own === undefined ? '' : nearMiss(evidence.near, isGood, 'signed');
  const missing = signatures.from.filter((one) => !signersIn(evidence.signatures, signatures).includes(one));
  const names = nameAuthorities(missing.length > 0 ? missing : signatures.from);
  const what = own === undefined ? 'each platform of this index' : 'this digest';
  return refused(policy, 'Unsigned', `${lack}${near}`, `have ${names} sign ${what}`);
};

/** The authorities of which a signature counts. */
function signersIn(fact: Evidence['signatures'], requirement: SignatureRequirement): readonly Authority[] {
  const counting = readSignatures(fact).proven.filter((signature) => hasAnnotations(signature, requirement));
  return requirement.from.filter((authority) => counting.some((one) => isBy(one, authority)));
}

/** An index that runtimes read in different ways is known, and is a no; all else that is not known stays open. */
function doubt({ policy }: Given, why: Unknown): Finding {
  const { code, detail } = why.reason;
  if (code !== 'AmbiguousIndex') return unknownFinding(policy, why);
  return refused(policy, code, detail, 'push an index that lists one image for each platform');
}

/** What the signatures of one digest lack, as a clause; `undefined` when nothing. */
function lacking(signatures: Evidence['signatures'], requirement: SignatureRequirement): Lack {
  const reading = readSignatures(signatures);
  const counting = reading.proven.filter((signature) => hasAnnotations(signature, requirement));
  const authorities = requirement.from.filter((authority) => counting.some((one) => isBy(one, authority)));
  const accepted = counting.filter((one) => authorities.some((authority) => isBy(one, authority)));
  const signers = new Set(accepted.map(signerId));
  if (Math.min(authorities.length, signers.size) >= requirement.atLeast) return undefined;
  if (reading.incomplete) return reading.incomplete;
  const others = nearest(reading, requirement, accepted.length > 0 ? 'no other found' : 'none found');
  return [missing(authorities, requirement), others].join('; ');
}

function lackingOfChildren({ children }: Evidence, requirement: SignatureRequirement): Lack {
  if (!requirement.everyChild || children.state === 'absent') return undefined;
  if (children.state === 'unknown') return children;
  for (const { platform, digest, signatures } of children.value) {
    const lack = lacking(signatures, requirement);
    if (typeof lack === 'string') return `${platform || digest.slice(0, 19)}: ${lack}`;
    if (lack !== undefined) return lack;
  }
  return undefined;
}

function isBy(signature: ProvenSignature, authority: Authority): boolean {
  return signature.says.kind === 'signature' && objection(authority, signature) === undefined;
}

function hasAnnotations({ says }: ProvenSignature, { annotations }: SignatureRequirement): boolean {
  return (
    says.kind === 'signature' &&
    Object.entries(annotations).every(([key, value]) => says.annotations[key] === value)
  );
}

function missing(signers: readonly Authority[], { from, atLeast }: SignatureRequirement): string {
  const names = nameAuthorities(from);
  if (atLeast === 1) return `no signature by ${names}`;
  const by = signers.length > 0 ? ` (by ${nameAuthorities(signers)})` : '';
  return `${signers.length} of ${atLeast} signatures${by}, accepted from ${names}`;
}

/** What was found instead, with the nearest reason each one does not count. */
function nearest(
  { proven, unproven }: SignatureReading,
  requirement: SignatureRequirement,
  none: string,
): string {
  const whys = [
    ...proven.flatMap((signature) => whyNot(signature, requirement) ?? []),
    ...unproven.map(({ why }) => why),
  ];
  if (whys.length === 0) return none;
  const shown = [...new Set(whys)].slice(0, MAX_REASONS_SHOWN).join('; ');
  return `${whys.length}${none === 'none found' ? '' : ' other'} found, ${shown}`;
}

/** Why a proven signature does not count; `undefined` when it does. */
function whyNot(signature: ProvenSignature, requirement: SignatureRequirement): string | undefined {
  if (signature.says.kind !== 'signature') return 'a signed statement, which is no signature of the image';
  const objections = requirement.from.map((authority) => objection(authority, signature));
  if (objections.includes(undefined))
    return hasAnnotations(signature, requirement) ? undefined : 'without the required annotations';
  // The longest text has the most information: it names the actual signer, not only that it is another one.
  return objections.filter((why) => why !== undefined).sort((a, b) => b.length - a.length)[0];
}
