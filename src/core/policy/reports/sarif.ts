import * as z from 'zod';
import { isUnreadable, list, MAX_FINDINGS, name, nameOfScanner, readAs, readEach } from './report.ts';
import type { RawReport, UnreadableReport, VulnerabilityFinding } from './report.ts';
import { combineRatings, severityOfScore, severityOfWord, type Rating, type Severity } from './severity.ts';

const leveled = z.object({ level: z.string().nullish() });
const properties = z.object({
  'security-severity': z.union([z.string(), z.number()]).nullish(),
  tags: z.array(z.string()).nullish(),
});

const notifications = z.array(z.object({ level: z.string().nullish() })).nullish();
const invocation = z.object({
  executionSuccessful: z.boolean().nullish(),
  endTimeUtc: z.string().nullish(),
  processStartFailureMessage: z.string().nullish(),
  toolExecutionNotifications: notifications,
  toolConfigurationNotifications: notifications,
  ruleConfigurationOverrides: z.array(z.object({ configuration: leveled.nullish() })).nullish(),
});

const document = z.object({
  version: z.literal('2.1.0'),
  runs: z
    .array(
      z.object({
        tool: z.object({
          driver: z.object({ name, version: name.nullish(), rules: list.max(MAX_FINDINGS).nullish() }),
        }),
        // SARIF 2.1.0 §3.14.23: a run without results is one that did not get that far; an empty list is a clean one.
        results: list,
        invocations: z.array(invocation).nullish(),
      }),
    )
    .min(1),
});
type Run = z.infer<typeof document>['runs'][number];

const rule = z.object({
  id: name,
  properties: properties.nullish(),
  defaultConfiguration: leveled.nullish(),
});
type Rule = z.infer<typeof rule>;

const result = z.object({
  ruleId: name.nullish(),
  ruleIndex: z.number().int().nullish(),
  rule: z
    .object({ id: name.nullish(), index: z.number().int().nullish(), toolComponent: z.unknown().optional() })
    .nullish(),
  kind: z.string().nullish(),
  level: z.string().nullish(),
  baselineState: z.string().nullish(),
  message: z.object({ text: z.string().nullish() }).nullish(),
  properties: properties.nullish(),
});
type Result = z.infer<typeof result>;

/** The kind of a result that has none, and kinds that report no problem (SARIF 2.1.0 §3.27.9). */
const PROBLEM = 'fail';
const FINE: ReadonlySet<string> = new Set(['pass', 'notApplicable', 'informational']);
/** The level of a result when neither it nor its rule has one (SARIF 2.1.0 §3.27.10). */
const DEFAULT_LEVEL = 'warning';
const NOWHERE = -1;
const LEVELS: ReadonlyMap<string, Severity> = new Map([
  ['error', 'High'],
  ['warning', 'Medium'],
  ['note', 'Low'],
]);
/** Rule ids of scanners: `[HIGH] CVE-2026-0001`, `CVE-2026-0001-openssl`. */
const RULE_ID = /^(?:\[\w+\] )?(CVE-\d{4}-\d{4,}|GHSA(?:-\w{4}){3})(?:-(.+))?$/;

/** Reads a SARIF 2.1.0 log; a vulnerability is named by the rule of a result. */
export function readSarif(log: unknown): RawReport | UnreadableReport {
  const read = readAs(document, log, 'the SARIF log');
  if (isUnreadable(read)) return read;
  const { runs } = read.value;
  const invocations = runs.flatMap((run) => run.invocations ?? []);
  if (invocations.some(({ executionSuccessful }) => executionSuccessful === false))
    return { unreadable: 'the SARIF log reports a scan that failed' };
  if (runs.reduce((sum, { results }) => sum + results.length, 0) > MAX_FINDINGS)
    return { unreadable: `has more than ${MAX_FINDINGS} findings` };
  const perRun = runs.map(readRun);
  const failed = perRun.find(isUnreadable);
  if (failed) return failed;
  const findings = perRun.flatMap((run) => (isUnreadable(run) ? [] : run.findings));
  const scanners = new Set(runs.map(({ tool: { driver } }) => nameOfScanner(driver.name, driver.version)));
  const times = invocations.map(({ endTimeUtc }) => endTimeUtc);
  return { scanner: [...scanners].join(', '), times, findings, unexamined: unexaminedIn(invocations) };
}

/** An empty list of results is how this format says that nothing was found; what was not examined shows only in errors. */
function unexaminedIn(invocations: readonly z.infer<typeof invocation>[]): readonly string[] {
  const levels = invocations.flatMap((one) =>
    [...(one.toolExecutionNotifications ?? []), ...(one.toolConfigurationNotifications ?? [])].map(
      ({ level }) => level,
    ),
  );
  const hasFailed = invocations.some((one) => typeof one.processStartFailureMessage === 'string');
  return hasFailed || levels.includes('error') ? ['the scanner reports errors of its own'] : [];
}

function readRun(run: Run): { readonly findings: readonly VulnerabilityFinding[] } | UnreadableReport {
  const rules = readEach(rule, run.tool.driver.rules ?? [], 'rule');
  if (isUnreadable(rules)) return rules;
  const results = readEach(result, run.results, 'result');
  if (isUnreadable(results)) return results;
  const byId = new Map(rules.value.map((one) => [one.id, one]));
  const named = results.value.filter(isFinding).map((one) => ({ one, ...ruleOf(one, rules.value, byId) }));
  if (named.some(({ id }) => id === undefined))
    return { unreadable: 'the SARIF log has a result without rule' };
  const overrides = (run.invocations ?? []).flatMap((one) => one.ruleConfigurationOverrides ?? []);
  const isOverridden = overrides.some(({ configuration }) => typeof configuration?.level === 'string');
  return { findings: named.map(({ id, one, its }) => finding(id ?? '', one, its, isOverridden)) };
}

/** The rule of a result and its id: a result may name it, count it, or both (SARIF 2.1.0 §3.27.5 to §3.27.7). */
function ruleOf(
  one: Result,
  rules: readonly Rule[],
  byId: ReadonlyMap<string, Rule>,
): { readonly id: string | undefined; readonly its: Rule | undefined } {
  const { index, id } = one.rule ?? {};
  const written = one.ruleId ?? id ?? undefined;
  // Rules of extensions are not read: what an index means there is another rule here.
  if (isElsewhere(one.rule)) return { id: written, its: undefined };
  const its = ruleNamed(written, byId) ?? rules[one.ruleIndex ?? index ?? NOWHERE];
  return { id: written ?? its?.id, its };
}

/** The rule of this id, or of the longest beginning of it: ids may have levels (SARIF 2.1.0 §3.27.5). */
function ruleNamed(written: string | undefined, byId: ReadonlyMap<string, Rule>): Rule | undefined {
  const parts = (written ?? '').split('/');
  const ids = parts.map((_, cut) => parts.slice(0, parts.length - cut).join('/'));
  return byId.get(ids.find((id) => byId.has(id)) ?? '');
}

function isElsewhere(reference: Result['rule']): boolean {
  return (reference?.toolComponent ?? undefined) !== undefined;
}

function isFinding({ kind, baselineState }: Result): boolean {
  return !FINE.has(kind ?? PROBLEM) && baselineState !== 'absent';
}

function finding(
  ruleId: string,
  one: Result,
  its: Rule | undefined,
  isOverridden: boolean,
): VulnerabilityFinding {
  const [, id = ruleId, suffix] = RULE_ID.exec(ruleId) ?? [];
  const text = one.message?.text ?? '';
  const named = name.safeParse(line(text, 'Package') ?? suffix);
  const fixed = line(text, 'Fixed Version');
  return {
    id,
    ...ratingOf(one, its, isOverridden),
    fixable: fixed === undefined || fixed !== '',
    ...(named.success && { package: named.data }),
  };
}

/** A rating that is there and says nothing. */
const UNKNOWN = 'unknown';
const NO_SCORE = /^0+(?:\.0+)?$/;

/**
 * Scores first, as code scanning reads them; then words among the tags; only where there is neither the level, which is coarse. A
 * score of 0 stands for none: a tag beside it decides.
 */
function ratingOf(one: Result, its: Rule | undefined, isOverridden: boolean): Rating {
  const both = [one.properties, its?.properties];
  const written = both
    .flatMap((each) => each?.['security-severity'] ?? [])
    .map((score) => String(score).trim());
  const scores = written.filter((score) => score !== '' && !NO_SCORE.test(score)).map(severityOfScore);
  const tags = both
    .flatMap((each) => each?.tags ?? [])
    .filter(isRating)
    .map(severityOfWord);
  const isScored = scores.some((severity) => severity !== 'Unknown');
  const ratings = isScored ? scores : [...tags, ...scores];
  if (ratings.length > 0) return combineRatings(ratings.map((severity) => ({ severity })));
  const isSilent = written.every((score) => score === '');
  return { severity: isSilent ? severityOfLevel(one, its, isOverridden) : 'Unknown' };
}

function isRating(tag: string): boolean {
  return tag.trim().toLowerCase() === UNKNOWN || severityOfWord(tag) !== 'Unknown';
}

/** The level of a result, or what it follows from (SARIF 2.1.0 §3.27.10); unknown where that is not read here. */
function severityOfLevel(one: Result, its: Rule | undefined, isOverridden: boolean): Severity {
  const isOpen = (one.kind ?? PROBLEM) !== PROBLEM || isOverridden || isElsewhere(one.rule);
  const level = one.level ?? (isOpen ? '' : (its?.defaultConfiguration?.level ?? DEFAULT_LEVEL));
  return LEVELS.get(level) ?? 'Unknown';
}

/** The rest of the line `Label: …` of a message, as scanners write them. */
function line(text: string, label: string): string | undefined {
  const found = text.split('\n').find((each) => each.startsWith(`${label}:`));
  return found?.slice(label.length + 1).trim();
}
