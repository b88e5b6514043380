import { explainFailure, nameOf } from '../model/index.ts';
import type { ConditionOutcome, Evidence, Fact, StatementClaim } from '../model/index.ts';
import { conditionsOf, foundIn, holdsFor, imageOf, MAX_WORK_HERE } from '../policy/index.ts';
import type { CompiledPolicy } from '../policy/index.ts';
import { nameOfOwner, type Reading } from './ports.ts';

type Answers = NonNullable<Evidence['conditions']>;
type Open = ReturnType<typeof conditionsOf>[number];

/**
 * Answers every condition that policies ask of the statements found. What takes little work is answered at once; the rest
 * beside the main thread, where only this caller waits for it. Never rejects.
 */
export async function answerConditions(
  policies: readonly CompiledPolicy[],
  evidence: Evidence,
  reading: Reading,
): Promise<Answers> {
  const answers = new Map<StatementClaim, Map<string, ConditionOutcome>>();
  await Promise.all(
    conditionsOf(policies, evidence).map(async (open) => {
      const { says, condition } = open;
      const known = answers.get(says) ?? new Map<string, ConditionOutcome>();
      answers.set(says, known);
      known.set(condition.text, await answer(open, evidence, reading));
    }),
  );
  return answers;
}

async function answer(open: Open, evidence: Evidence, reading: Reading): Promise<ConditionOutcome> {
  const now = reading.clock();
  const { image } = evidence;
  const { says, condition } = open;
  const here = holdsFor(open, evidence, now, reading.answerElsewhere && MAX_WORK_HERE);
  const { answerElsewhere } = reading;
  if (here.ok || here.kind !== 'limit' || !answerElsewhere) return here;
  if (says.large && !says.large.json) return here;
  const load = async (): Promise<Fact<ConditionOutcome>> => {
    const contents = condition.readsImage ? foundIn(evidence.contents) : undefined;
    const job = { text: condition.text, image: imageOf(image), now, predicate: says.predicate, contents };
    const json = says.large?.json;
    const weight = { bytes: json?.byteLength ?? 0, owner: nameOfOwner(reading) };
    const outcome = await answerElsewhere({ ...job, json }, weight);
    if (outcome.ok) return { state: 'found', value: outcome.value, seenAt: now };
    const { transient, ...reason } = explainFailure(outcome.failure, 'answer a condition');
    return { state: 'unknown', reason, transient };
  };
  const fact = await recalled(load, open, image, reading);
  if (fact.state === 'found') return fact.value;
  const why = fact.state === 'unknown' ? fact.reason.detail : 'there is no answer';
  return { ok: false, kind: 'limit', why };
}

/** The answer for a large predicate is remembered, unless it may change with time. */
function recalled(
  load: () => Promise<Fact<ConditionOutcome>>,
  { says, condition }: Open,
  image: Evidence['image'],
  { memory, signal }: Reading,
): Promise<Fact<ConditionOutcome>> {
  if (!says.large) return load();
  const keep = /\bnow\b/.test(condition.text) ? 'never' : undefined;
  const of = [nameOf(image), image.tag ?? '', image.digest ?? ''];
  const key = ['condition', says.large.digest, condition.text, ...of];
  return memory.recall<ConditionOutcome>(
    { key, load, keep: (fact) => keep ?? fact.state, isComputed: true },
    signal,
  );
}
