import { isObject, objectOf, textOf } from '../../../src/core/model/index.ts';
import { isUnreadable, judgeVulnerabilities, readVulnerabilities } from '../../../src/core/policy/index.ts';
import { parseAbout } from '../../../src/clients/scanner/call.ts';
import { NOW } from '../../support/policies.ts';
import { demand, onJson, type Target } from '../engine/target.ts';

const RULES = (['Low', 'High'] as const).flatMap((failOn) =>
  [true, false].map((fixableOnly) => ({
    failOn,
    fixableOnly,
    unknownSeverity: 'Block' as const,
    unsupported: 'Unknown' as const,
    exceptions: [],
    now: NOW,
  })),
);

/** The lists of a report that hold findings, by the names that formats give them. */
const LISTS: ReadonlySet<string> = new Set(['Vulnerabilities', 'matches', 'results', 'result']);

/** The report without the last finding of each list, by a walk over all of it. */
function withoutLast(value: unknown, depth = 0): unknown {
  if (Array.isArray(value)) return value.map((one) => withoutLast(one, depth + 1));
  if (!isObject(value) || depth > 40) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      Array.isArray(one) && LISTS.has(key) ? one.slice(0, -1) : withoutLast(one, depth + 1),
    ]),
  );
}

interface Given {
  readonly predicateType: string;
  readonly predicate: unknown;
}

/** How many findings block, for each rule; `undefined` where there is no report that can be read. */
function blocking(given: Given): readonly number[] | undefined {
  const report = readVulnerabilities(given);
  if (!report || isUnreadable(report)) return undefined;
  demand(!Number.isNaN(report.scannedAt?.getTime()), 'the time of a scan is one');
  for (const { id, package: name } of report.findings)
    demand(
      id !== '' && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(id + (name ?? '')),
      'names of findings are on one line',
    );
  return RULES.map((rule) => judgeVulnerabilities(report, rule).blocking.length);
}

const reports: Target = {
  name: 'reports',
  form: 'json',
  check: onJson((value) => {
    const predicateType = textOf(objectOf(value).predicateType);
    const { predicate } = objectOf(value);
    const all = blocking({ predicateType, predicate });
    if (all === undefined) return 'unreadable';
    const fewer = blocking({ predicateType, predicate: withoutLast(predicate) });
    fewer?.forEach((count, index) =>
      demand(count <= (all[index] ?? 0), 'a finding more never makes a report better'),
    );
    return `${all.map((count) => Math.min(count, 2)).join()} ${fewer === undefined ? 'less' : ''}`;
  }),
};

const scannerAnswers: Target = {
  name: 'scanner-answers',
  form: 'json',
  check: onJson((value) => {
    const about = parseAbout(value);
    if (about === undefined) return 'none';
    demand(!Number.isNaN(about.databaseUpdatedAt?.getTime()), 'the time of a database is one');
    return about.databaseUpdatedAt ? 'dated' : 'undated';
  }),
};

export const REPORTS: readonly Target[] = [reports, scannerAnswers];
