import { nameAuthorities } from '../compile/authority.ts';
import { formatReference, objectOf, textOf, unknown } from '../../model/index.ts';
import type {
  ConditionOutcome,
  Evidence,
  Finding,
  ImageRef,
  StatementClaim,
  Unknown,
} from '../../model/index.ts';
import type { Condition, ConditionVariables } from '../cel/condition.ts';
import type { CompiledPolicy } from '../compile/compile.ts';
import type { AttestationRequirement } from '../compile/requirements.ts';
import { nearMiss, notThere, refused, unknownFinding, type Check, type Given } from './check.ts';
import { ageObjection, foundInstead, readStatements, type AcceptedStatement } from './statements.ts';
import { isOfType } from '../reports/describe.ts';
import { parseTime } from '../time.ts';

/** Statements of one kind that are judged: every condition on each may use up its budget of work. */
const MAX_JUDGED = 8;

/** Refuses an image without the attestations that the policy demands. Of several of one kind, one that is good is enough. */
export const unattested: Check = (given) => {
  const { attestations } = given.policy;
  if (attestations.length > 0 && given.evidence.manifest.state === 'absent') return notThere(given);
  return attestations.map((requirement) => judge(requirement, given)).find((finding) => finding);
};

/** The statements that a requirement is judged by, and what else was found. */
function statementsFor(
  { predicateType, from }: AttestationRequirement,
  { signatures }: Pick<Evidence, 'signatures'>,
) {
  const reading = readStatements(signatures, from, (says) => isOfType(says.predicateType, predicateType));
  return { ...reading, judged: newest(reading.accepted) };
}

/** A condition that has to be answered for a statement. */
export interface OpenCondition {
  readonly says: StatementClaim;
  readonly condition: Condition;
}

/** Every condition that the policies ask of the statements found. */
export function conditionsOf(
  policies: readonly Pick<CompiledPolicy, 'attestations'>[],
  evidence: Pick<Evidence, 'signatures'>,
): readonly OpenCondition[] {
  return policies
    .flatMap(({ attestations }) => attestations)
    .filter(({ conditions }) => conditions.length > 0)
    .flatMap((requirement) =>
      statementsFor(requirement, evidence).judged.flatMap(({ says }) =>
        requirement.conditions.map(({ condition }) => ({ says, condition })),
      ),
    );
}

/** Answers a condition here, with at most so much work. A large predicate is not answered here. */
export function holdsFor(
  { condition, says }: OpenCondition,
  { image, contents }: Pick<Evidence, 'image' | 'contents'>,
  now: Date,
  most?: number,
): ConditionOutcome {
  if (says.large) return { ok: false, kind: 'limit', why: 'the predicate is too large' };
  const { predicate } = says;
  return condition.holds({ predicate, image: imageOf(image), now, contents: foundIn(contents) }, most);
}

/** What conditions may read of an image. */
export function foundIn(contents: Evidence['contents']): ConditionVariables['contents'] {
  return contents?.state === 'found' ? contents.value : undefined;
}

/** The image as conditions see it. */
export function imageOf(ref: ImageRef): ConditionVariables['image'] {
  return { reference: formatReference(ref), digest: ref.digest ?? '' };
}

function judge(requirement: AttestationRequirement, given: Given): Finding | undefined {
  const { evidence, policy } = given;
  const { predicateType, from } = requirement;
  const reading = statementsFor(requirement, evidence);
  const findings = reading.judged.map((statement) => judgeStatement(statement, requirement, given));
  if (findings.includes(undefined)) return undefined;
  const [first] = findings;
  // A good one may hide in what could not be read.
  if (reading.incomplete) return unknownFinding(policy, reading.incomplete);
  if (first) return first;
  const names = nameAuthorities(from);
  const has = (signatures: Evidence['signatures']) =>
    statementsFor(requirement, { signatures }).accepted.length > 0;
  const near = nearMiss(evidence.near, has, 'attested');
  const found = `no ${predicateType} by ${names}; ${foundInstead(reading)}${near}`;
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
  const unread = unreadContents(conditions, evidence);
  if (unread) return unknownFinding(policy, unread);
  const answered = evidence.conditions?.get(says);
  for (const { condition, message } of conditions) {
    const held = answered?.get(condition.text) ?? holdsFor({ condition, says }, evidence, now);
    if (!held.ok) return unknownFinding(policy, unanswered(predicateType, held));
    if (!held.value) return refused(policy, 'AttestationRejected', message, `see its ${predicateType}`);
  }
  return undefined;
}

function unanswered(predicateType: string, { kind, why }: Extract<ConditionOutcome, { ok: false }>): Unknown {
  const code = kind === 'limit' ? 'LimitExceeded' : 'UnreadableEvidence';
  return unknown(code, `a condition on ${predicateType} could not be judged: ${why}`);
}

/** Why what the image says could not be read, where a condition asks for it. */
function unreadContents(
  conditions: AttestationRequirement['conditions'],
  { contents }: Evidence,
): Unknown | undefined {
  const isAsked = conditions.some(({ condition }) => condition.readsImage);
  return isAsked && contents?.state === 'unknown' ? contents : undefined;
}

/**
 * Where well-known predicates say when they were made, the latest moment first: SLSA provenance v1 and v0.2, cosign's
 * vulnerability predicate, the in-toto vulnerability predicate, CycloneDX and SPDX documents, SLSA's verification summary,
 * in-toto's simple verification result, OpenVEX, CSAF, and what cosign puts around a predicate of one's own.
 */
const PLACES: readonly (readonly string[])[] = [
  ['runDetails', 'metadata', 'finishedOn'],
  ['metadata', 'buildFinishedOn'],
  ['metadata', 'scanFinishedOn'],
  ['metadata', 'timestamp'],
  ['creationInfo', 'created'],
  ['timeVerified'],
  ['timeCreated'],
  ['last_updated'],
  ['timestamp'],
  ['Timestamp'],
  ['document', 'tracking', 'current_release_date'],
  // Some builders and scanners state only when they began: older than the truth, so never too young.
  ['runDetails', 'metadata', 'startedOn'],
  ['metadata', 'buildStartedOn'],
  ['metadata', 'scanStartedOn'],
];

/** When a statement says it was made; as trustworthy as who signed it. */
export function statedTime({ predicate, large }: StatementClaim): Date | undefined {
  if (large) return large.statedAt;
  const texts = PLACES.map((place) =>
    place.reduce<unknown>(
      (value, key) => (Object.hasOwn(objectOf(value), key) ? objectOf(value)[key] : undefined),
      predicate,
    ),
  );
  return texts.map((text) => parseTime(textOf(text))).find((moment) => moment);
}
