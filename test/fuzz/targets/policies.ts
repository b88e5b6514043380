import { parseSettings } from '../../../src/core/settings/index.ts';
import { nameOf, objectOf, textOf, type Problem } from '../../../src/core/model/index.ts';
import {
  brokenPolicy,
  compileNamespaceSelector,
  compilePolicy,
  decide,
  DURATION_PATTERN,
  durationMs,
  parseTime,
  selectPolicies,
} from '../../../src/core/policy/index.ts';
import { compileCondition } from '../../../src/core/policy/cel/condition.ts';
import { parseApproval, parsePromotion, parsePromotionRun } from '../../../src/core/promotion/index.ts';
import { gatesOf, weakenedGates } from '../../../src/core/promotion/index.ts';
import { parseSchedule } from '../../../src/core/promotion/schedule.ts';
import {
  ABSENT,
  evidenceOf,
  found,
  IMAGE,
  NO_ROOTS,
  NOW,
  referrerOf,
  UNKNOWN_FACT,
  USE,
} from '../../support/policies.ts';
import { signingKey } from '../../support/signing.ts';
import { demand, onJson, textIn, type Target } from '../engine/target.ts';

/** Every problem says where it is, but for documents that are no objects at all, and says what it is. */
function demandProblems(problems: readonly Problem[], document: unknown): void {
  demand(problems.length > 0, 'what is refused has a problem');
  const isNone = typeof document !== 'object' || document === null || Array.isArray(document);
  for (const { path, message } of problems) {
    demand(message !== '', 'a problem says what is wrong');
    if (!isNone && !/unrecognized key/i.test(message)) demand(path !== '', 'a problem names its field');
  }
}

const EVIDENCE = [
  evidenceOf(),
  evidenceOf({ annotations: { 'dev.pratique.quarantine': 'true', constructor: 'x', when: '2026-01-01' } }),
  evidenceOf({
    referrers: found([referrerOf('application/vnd.pratique.quarantine.v1+json', { when: 'x' })]),
  }),
  evidenceOf({ manifest: UNKNOWN_FACT, referrers: UNKNOWN_FACT, signatures: UNKNOWN_FACT }),
  evidenceOf({ manifest: ABSENT }),
];

function firstPath(problems: readonly Problem[]): string {
  return (problems[0]?.path ?? '').replaceAll(/\d/g, '');
}

const PEM = signingKey().pem;

const policies: Target = {
  name: 'policies',
  form: 'json',
  check: onJson((value) => {
    const given = { material: () => PEM, roots: NO_ROOTS };
    const read = compilePolicy(value, given);
    if (!read.ok) demandProblems(read.problems, value);
    const policy = read.ok ? read.value : brokenPolicy('broken', value, read.problems);
    compileNamespaceSelector(objectOf(objectOf(objectOf(value).spec).match).namespaceSelector);
    const selection = selectPolicies([policy], nameOf(USE), found({ team: 'shop' }));
    const kinds = EVIDENCE.map((evidence) => decide({ use: USE, evidence, selection, now: NOW }).kind);
    const isStrict = policy.enforcement === 'Deny' && policy.onUnknown === 'Deny';
    if (policy.broken !== undefined && isStrict && selection.applying.length > 0)
      demand(
        kinds.every((kind) => kind === 'unknown'),
        'a policy that cannot be compiled admits nothing',
      );
    return `${kinds.join(' ')} ${read.ok ? 'compiled' : firstPath(read.problems)}`;
  }),
};

const promotions: Target = {
  name: 'promotions',
  form: 'json',
  check: onJson((value) => {
    const all = [parsePromotion(value), parsePromotionRun(value), parseApproval(value)];
    for (const read of all) if (!read.ok) demandProblems(read.problems, value);
    const [promotion] = [parsePromotion(value)];
    if (!promotion.ok)
      return all.map((read) => (read.ok ? 'read' : (read.problems[0]?.path ?? ''))).join(' ');
    const gates = gatesOf(promotion.value.spec);
    demand(
      gates.every((line) => !line.includes('\n')),
      'a gate is one line',
    );
    demand(weakenedGates(gates, gates).length === 0, 'a promotion is not weaker than itself');
    return `promotion ${String(gates.length)}`;
  }),
};

const conditions: Target = {
  name: 'conditions',
  form: 'json',
  check: onJson((value) => {
    const { cel, predicate } = objectOf(value);
    const read = compileCondition(textOf(cel));
    if (!read.ok)
      return `refused: ${(read.problems[0]?.message ?? '').replaceAll(/[^a-z ]/g, '').slice(0, 24)}`;
    const about = { predicate, image: { reference: nameOf(USE), digest: IMAGE.digest }, now: NOW };
    const [one, again] = [read.value.holds(about), read.value.holds(about)];
    demand(JSON.stringify(one) === JSON.stringify(again), 'the same answer twice');
    if (one.ok) return String(one.value);
    demand(!/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(one.why) && one.why.length <= 400, 'why is one short line');
    return `${one.kind} ${one.why.replaceAll(/[^a-z ]/g, '').slice(0, 24)}`;
  }),
};

function checkSchedule(text: string): string {
  const [pattern = '', zone = 'Etc/UTC'] = text.split('\n');
  const schedule = parseSchedule(pattern, zone);
  if (!schedule.ok) return 'no schedule';
  const next = schedule.value(NOW);
  if (next) demand(next.getTime() > NOW.getTime(), 'the next run is later');
  return next ? 'runs' : 'ends';
}

const times: Target = {
  name: 'times',
  form: 'text',
  check: (input) => {
    const text = textIn(input);
    const moment = parseTime(text);
    if (moment) demand(!Number.isNaN(moment.getTime()), 'a moment is one');
    const isDuration = text.length <= 32 && DURATION_PATTERN.test(text);
    if (isDuration)
      demand(Number.isFinite(durationMs(text)) && durationMs(text) >= 0, 'a duration is a number');
    return [moment && 'time', isDuration && 'duration', checkSchedule(text)].join();
  },
};

const settings: Target = {
  name: 'settings',
  form: 'json',
  check: onJson((value) => {
    const read = parseSettings(value);
    if (read.ok) return 'read';
    demandProblems(read.problems, value);
    return read.problems
      .map(({ path }) => path.replaceAll(/\d/g, '').slice(0, 30))
      .slice(0, 2)
      .join();
  }),
};

export const POLICIES: readonly Target[] = [policies, promotions, conditions, times, settings];
