import { nameAuthorities } from '../compile/authority.ts';
import { formatReference, type Finding, type StatementClaim } from '../../model/index.ts';
import type { AttestationRequirement } from '../compile/requirements.ts';
import { unknownFinding, notThere, type Check, type Given } from './check.ts';
import { ageObjection, foundInstead, readStatements, type AcceptedStatement } from './statements.ts';
import { parseTime } from '../time.ts';

/** Statements of one kind that are judged: every condition on each may use up its budget of work. */
const MAX_JUDGED = 8;

/** Refuses an image without the attestations that the policy demands. Of several of one kind, one that is good is enough. */
export const unattested: Check = (given) => {
  const { attestations } = given.policy;
  if (attestations.length > 0 && given.evidence.manifest.state === 'absent') return notThere(given);
  for (const requirement of attestations) {
    const finding = judge(requirement, given);
    if (finding) return finding;
  }
  return undefined;
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
  return {
    kind: 'refused',
    reason: 'AttestationMissing',
    found: `no ${predicateType} by ${names}; ${foundInstead(reading)}`,
    next: `have ${names} attest this digest`,
    policy: policy.name,
    transient: false,
  };
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
  const refused = { kind: 'refused', policy: policy.name, transient: false } as const;
  const old = ageObjection(signedAt ?? statedTime(says), maxAgeMs, now);
  if (old !== undefined) {
    const found = `${predicateType} ${old}`;
    return { ...refused, reason: 'AttestationTooOld', found, next: 'have it attested anew' };
  }
  const image = { reference: formatReference(evidence.image), digest: evidence.image.digest ?? '' };
  for (const { condition, message } of conditions) {
    const held = condition.holds({ predicate: says.predicate, image, now });
    if (!held.ok) {
      const code = held.kind === 'limit' ? 'LimitExceeded' : 'UnreadableEvidence';
      const detail = `a condition on ${predicateType} could not be judged: ${held.why}`;
      return unknownFinding(policy, { state: 'unknown', reason: { code, detail }, transient: false });
    }
    if (!held.value)
      return { ...refused, reason: 'AttestationRejected', found: message, next: `see its ${predicateType}` };
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
  for (const place of PLACES) {
    const text = place.reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, key)
          ? (value as Readonly<Record<string, unknown>>)[key]
          : undefined,
      predicate,
    );
    const moment = typeof text === 'string' ? parseTime(text) : undefined;
    if (moment) return moment;
  }
  return undefined;
}
