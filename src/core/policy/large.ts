import { digestOf, parseJson } from '../model/index.ts';
import type { ConditionOutcome, Signature, StatementClaim } from '../model/index.ts';
import { compileCondition, type Condition, type ConditionVariables } from './cel/condition.ts';
import { MAX_PREDICATE_TEXT } from './cel/limits.ts';
import { statedTime } from './checks/unattested.ts';
import { readVulnerabilities } from './reports/read.ts';

/** Bytes of JSON up to which a predicate is handled on the main thread: reading and judging it takes a few milliseconds. */
const MAX_PREDICATE_HERE = 64 * 1024;

/**
 * What a verification found, as the main thread may have it: each large predicate is replaced by what is read of it. To be
 * called where the candidate was verified. `bytes` is the size of the candidate.
 */
export function withoutLargePredicates(found: readonly Signature[], bytes: number): readonly Signature[] {
  if (bytes <= MAX_PREDICATE_HERE) return found;
  return found.map((signature) => {
    if (signature.state === 'unsigned') return { ...signature, says: reduced(signature.says, false) };
    if (signature.state !== 'proven' || signature.says.kind !== 'statement') return signature;
    return { ...signature, says: reduced(signature.says, true) };
  });
}

function reduced(says: StatementClaim, isProven: boolean): StatementClaim {
  const { kind, predicateType, predicate } = says;
  const json = Buffer.from(JSON.stringify(predicate ?? null));
  if (json.byteLength <= MAX_PREDICATE_HERE) return says;
  const statedAt = statedTime(says);
  const report = readVulnerabilities(says);
  // Conditions are asked of proven statements only, and of no more text than this.
  const isAsked = isProven && json.byteLength <= MAX_PREDICATE_TEXT;
  const large = {
    digest: digestOf(json),
    ...(isAsked && { json: new Uint8Array(json) }),
    ...(statedAt && { statedAt }),
    ...(report && { report }),
  };
  return { kind, predicateType, large };
}

/** One condition to be answered beside the main thread: over a predicate, or over the JSON of one. */
export interface ConditionJob extends ConditionVariables {
  readonly text: string;
  readonly json?: Uint8Array | undefined;
}

/** Conditions kept compiled; policies have a handful. */
const MAX_COMPILED = 64;

/** Makes the function that answers conditions, with their whole budget of work, on the thread that it is called on. */
export function createConditionAnswers(): (job: ConditionJob) => ConditionOutcome {
  const compiled = new Map<string, Condition>();
  return ({ text, json, predicate, image, now, contents }) => {
    const known = compiled.get(text);
    const read = known ? ({ ok: true, value: known } as const) : compileCondition(text);
    if (!read.ok) return { ok: false, kind: 'failed', why: 'it does not compile' };
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    compiled.set(text, read.value);
    return read.value.holds({ predicate: json ? parseJson(json) : predicate, image, now, contents });
  };
}
