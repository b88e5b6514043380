import * as z from 'zod';
import { isUnreadable, list, MAX_FINDINGS, name, nameOfScanner, readAs, readEach } from './report.ts';
import type { RawReport, UnreadableReport, VulnerabilityFinding } from './report.ts';
import { highest, severityOfScore, severityOfWord, type Severity } from './severity.ts';

const properties = z.object({
  'security-severity': z.union([z.string(), z.number()]).nullish(),
  tags: z.array(z.string()).nullish(),
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
        invocations: z
          .array(z.object({ executionSuccessful: z.boolean().nullish(), endTimeUtc: z.string().nullish() }))
          .nullish(),
      }),
    )
    .min(1),
});
type Run = z.infer<typeof document>['runs'][number];

const rule = z.object({
  id: name,
  properties: properties.nullish(),
  defaultConfiguration: z.object({ level: z.string().nullish() }).nullish(),
});
type Rule = z.infer<typeof rule>;

const result = z.object({
  ruleId: name.nullish(),
  ruleIndex: z.number().int().nullish(),
  rule: z.object({ id: name.nullish(), index: z.number().int().nullish() }).nullish(),
  kind: z.string().nullish(),
  level: z.string().nullish(),
  baselineState: z.string().nullish(),
  message: z.object({ text: z.string().nullish() }).nullish(),
  properties: properties.nullish(),
});
type Result = z.infer<typeof result>;

/** Results of these kinds report no problem (SARIF 2.1.0 §3.27.9). */
const FINE: ReadonlySet<string> = new Set(['pass', 'notApplicable', 'informational']);
const NOWHERE = -1;
const LEVELS: Readonly<Record<string, Severity>> = { error: 'High', warning: 'Medium', note: 'Low' };
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
  return { scanner: [...scanners].join(', '), times, findings };
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
  return { findings: named.map(({ id, one, its }) => finding(id ?? '', one, its)) };
}

/** The rule of a result and its id: a result may name it, count it, or both (SARIF 2.1.0 §3.27.5 to §3.27.7). */
function ruleOf(
  { ruleId, ruleIndex, rule: reference }: Result,
  rules: readonly Rule[],
  byId: ReadonlyMap<string, Rule>,
): { readonly id: string | undefined; readonly its: Rule | undefined } {
  const written = ruleId ?? reference?.id ?? '';
  const its = byId.get(written) ?? rules[ruleIndex ?? reference?.index ?? NOWHERE];
  return { id: written === '' ? its?.id : written, its };
}

function isFinding({ kind, baselineState }: Result): boolean {
  return !FINE.has(kind ?? 'fail') && baselineState !== 'absent';
}

function finding(ruleId: string, one: Result, its: Rule | undefined): VulnerabilityFinding {
  const [, id = ruleId, suffix] = RULE_ID.exec(ruleId) ?? [];
  const text = one.message?.text ?? '';
  const named = name.safeParse(line(text, 'Package') ?? suffix);
  const fixed = line(text, 'Fixed Version');
  return {
    id,
    severity: severityOf(one, its),
    fixable: fixed === undefined || fixed !== '',
    ...(named.success && { package: named.data }),
  };
}

/** A score first, as code scanning reads it; then a word among the tags; then the level, which is coarse but better than nothing. */
function severityOf(one: Result, its: Rule | undefined): Severity {
  const both = [one.properties, its?.properties];
  const [score = ''] = both.flatMap((each) => each?.['security-severity'] ?? []);
  const scored = severityOfScore(score);
  if (scored !== 'Unknown') return scored;
  const tagged = highest(both.flatMap((each) => each?.tags ?? []).map(severityOfWord));
  if (tagged !== 'Unknown') return tagged;
  return LEVELS[one.level ?? its?.defaultConfiguration?.level ?? ''] ?? 'Unknown';
}

/** The rest of the line `Label: …` of a message, as scanners write them. */
function line(text: string, label: string): string | undefined {
  const found = text.split('\n').find((each) => each.startsWith(`${label}:`));
  return found?.slice(label.length + 1).trim();
}
