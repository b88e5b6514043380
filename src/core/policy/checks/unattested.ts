import { nameAuthorities } from '../compile/authority.ts';
import { formatReference, objectOf, textOf, unknown } from '../../model/index.ts';
import type { Finding, StatementClaim } from '../../model/index.ts';
import type { AttestationRequirement } from '../compile/requirements.ts';
import { notThere, refused, unknownFinding, type Check, type Given } from './check.ts';
import { ageObjection, foundInstead, readStatements, type AcceptedStatement } from './statements.ts';
import { parseTime } from '../time.ts';

/** Statements of one kind that are judged: every condition on each may use up its budget of work. */
const MAX_JUDGED = 8;

/** Refuses an image without the attestations that the policy demands. Of several of one kind, one that is good is enough. */
export const unattested: Check = (given) => {
  const { attestations } = given.policy;
  if (attestations.length > 0 && given.evidence.manifest.state === 'absent') return notThere(given);
  return attestations.map((requirement) => judge(requirement, given)).find((finding) => finding);
};

function judge(requirement: AttestationRequirement, given: Given): Finding | undefined {
  const { evidence, policy } = given;
  const { predicateType, from } = requirement;
  const reading = readStatements(evidence.signatures, from, (says) => says.predicateType === predicateType);
  const findings = newest(reading.accepted).map((statement) => judgeStatement(statement, requirement, given));
  if (findings.includes(undefined)) return undefined;
  const [first] = findings;
  // A good one may hide in what could not be read.
  if (reading.incomplete) return unknownFinding(policy, reading.incomplete);
  if (first) return first;
  const names = nameAuthorities(from);
  const found = `no ${predicateType} by ${names}; ${foundInstead(reading)}`;
  return refused(policy, 'AttestationMissing', found, `have ${names} attest this digest`);
}

/** Those to judge, the newest first; one without a time is the oldest. */
function newest(statements: readonly AcceptedStatement[]): readonly AcceptedStatement[] {
  const time = ({ signedAt, says }: AcceptedStatement) => (signedAt ?? statedTime(says))?.getTime() ?? 0;
  return statements.toSorted((a, b) => time(b) - time(a)).slice(0, MAX_JUDGED);
}

function judgeStatement(
  { says, signedAt }: AcceptedStatement,
  { predicateType, maxAgeMs, conditions }: AttestationRequirement,
  { policy, evidence, now }: Given,
): Finding | undefined {
  const old = ageObjection(signedAt ?? statedTime(says), maxAgeMs, now);
  if (old !== undefined)
    return refused(policy, 'AttestationTooOld', `${predicateType} ${old}`, 'have it attested anew');
  const image = { reference: formatReference(evidence.image), digest: evidence.image.digest ?? '' };
  for (const { condition, message } of conditions) {
    const held = condition.holds({ predicate: says.predicate, image, now });
    if (!held.ok) {
      const code = held.kind === 'limit' ? 'LimitExceeded' : 'UnreadableEvidence';
      const detail = `a condition on ${predicateType} could not be judged: ${held.why}`;
      return unknownFinding(policy, unknown(code, detail));
    }
    if (!held.value) return refused(policy, 'AttestationRejected', message, `see its ${predicateType}`);
  }
  return undefined;
}

/**
 * Where well-known predicates say when they were made: SLSA provenance v1 and v0.2, cosign's vulnerability predicate,
 * the in-toto vulnerability predicate, CycloneDX and SPDX documents.
 */
const PLACES: readonly (readonly string[])[] = [
  ['runDetails', 'metadata', 'finishedOn'],
  ['metadata', 'buildFinishedOn'],
  ['metadata', 'scanFinishedOn'],
  ['metadata', 'timestamp'],
  ['creationInfo', 'created'],
];

/** When a statement says it was made; as trustworthy as who signed it. */
function statedTime({ predicate }: StatementClaim): Date | undefined {
  const texts = PLACES.map((place) =>
    place.reduce<unknown>(
      (value, key) => (Object.hasOwn(objectOf(value), key) ? objectOf(value)[key] : undefined),
      predicate,
    ),
  );
  return texts.map((text) => parseTime(textOf(text))).find((moment) => moment);
}
