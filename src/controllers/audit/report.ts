import {
  cutBytes,
  oneLine,
  definedFields,
  formatReference,
  type JudgedFinding,
} from '../../core/model/index.ts';
import type { Unit } from './image-groups.ts';
import { isReported, type Judgement } from './judge-group.ts';
import { podReference } from './running-pods.ts';

/** Name of the Report in every namespace. */
export const REPORT_NAME = 'pratique';
/** Annotation with the number of results that a report has no room for. */
export const RESULTS_CUT = 'pratique.dev/results-cut';
/**
 * Most results of a report: with a message, subjects and properties each takes 4 KiB at most, and etcd takes objects of
 * 1.5 MiB.
 */
export const MAX_RESULTS = 250;
/** Most pods named by a result. */
const MAX_SUBJECTS = 10;
const MAX_MESSAGE_BYTES = 1_000;
const SOURCE = 'pratique';
/** Stands where a finding has no policy: it comes from the settings. */
const SETTINGS = 'settings';

/** A unit with what was found about it, and since when. */
interface ReportedUnit {
  readonly unit: Unit;
  readonly judgement: Judgement;
  readonly since: Date;
}

/** The report of each namespace with findings. The same units make the same reports, whatever their order. */
export function buildReports(units: Iterable<ReportedUnit>): ReadonlyMap<string, Report> {
  const homes = new Map<string, ReportedUnit[]>();
  for (const one of units) {
    const { namespace } = one.unit.credentials;
    const home = homes.get(namespace) ?? [];
    home.push(one);
    homes.set(namespace, home);
  }
  return new Map(
    [...homes].flatMap(([namespace, own]) => {
      const findings = own.flatMap((one) =>
        one.judgement.verdict.findings.filter(isReported).map((finding) => ({ ...one, finding })),
      );
      return findings.length === 0 ? [] : [[namespace, reportOf(namespace, own, findings)] as const];
    }),
  );
}

type Found = ReportedUnit & { readonly finding: JudgedFinding };

/**
 * What an audit found in one namespace, as the OpenReports API has it (openreports.io/v1alpha1).
 * https://github.com/openreports/reports-api
 */
export type Report = ReturnType<typeof reportOf>;

function reportOf(namespace: string, units: readonly ReportedUnit[], findings: readonly Found[]) {
  const ordered = findings
    .map((found) => ({ found, key: orderOf(found) }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ found }) => found);
  const results = ordered.slice(0, MAX_RESULTS).map(resultOf);
  const cut = ordered.length - results.length;
  const count = (result: Outcome['result']) =>
    findings.filter(({ finding }) => outcomeOf(finding).result === result).length;
  return {
    apiVersion: 'openreports.io/v1alpha1',
    kind: 'Report',
    metadata: {
      name: REPORT_NAME,
      namespace,
      labels: { 'app.kubernetes.io/managed-by': SOURCE },
      annotations: cut > 0 ? { [RESULTS_CUT]: String(cut) } : undefined,
    },
    source: SOURCE,
    scope: { apiVersion: 'v1', kind: 'Namespace', name: namespace },
    configuration: { limits: { maxResults: MAX_RESULTS, statusFilter: ['fail', 'warn', 'error'] } },
    // Counts of everything, also of what is not among the results.
    summary: {
      pass: units.reduce((sum, one) => sum + satisfied(one.judgement), 0),
      fail: count('fail'),
      warn: count('warn'),
      error: count('error'),
      skip: 0,
    },
    results,
  };
}

/** How many policies have nothing to say against it. */
function satisfied({ covering, verdict }: Judgement): number {
  return covering.filter((name) => !verdict.findings.some(({ policy }) => policy === name)).length;
}

/** The worst first; then by subject, so that the same findings have the same order. */
function orderOf({ finding, unit }: Found): string {
  const severity = SEVERITIES.indexOf(outcomeOf(finding).severity);
  return JSON.stringify([severity, finding.policy, finding.reason, unit.key, finding.found]);
}

const SEVERITIES = ['high', 'medium', 'low', 'info'] as const;

interface Outcome {
  readonly result: 'fail' | 'warn' | 'error';
  readonly scored: boolean;
  readonly severity: (typeof SEVERITIES)[number];
}

/** `warn` is, in the words of that API, a requirement that is not met and not scored. */
function outcomeOf({ kind, effect }: JudgedFinding): Outcome {
  if (kind === 'unknown') return { result: 'error', scored: effect === 'deny', severity: 'medium' };
  if (effect === 'deny') return { result: 'fail', scored: true, severity: 'high' };
  if (kind === 'notice') return { result: 'warn', scored: false, severity: 'info' };
  return { result: 'warn', scored: false, severity: effect === 'warn' ? 'medium' : 'low' };
}

/** The result of one policy for one image; the first of the pods that run it are named. */
function resultOf({ unit, judgement, since, finding }: Found) {
  const pods = [...unit.pods.values()].toSorted((a, b) => (a.pod.name < b.pod.name ? -1 : 1));
  const { reference } = judgement;
  const text = (value: string) => cutBytes(oneLine(value), MAX_MESSAGE_BYTES);
  return {
    source: SOURCE,
    policy: finding.policy || SETTINGS,
    rule: finding.reason,
    category: 'Images',
    ...outcomeOf(finding),
    timestamp: { seconds: Math.floor(since.getTime() / 1_000), nanos: 0 },
    message: text(`${finding.found}; ${finding.next}`),
    resources: pods.slice(0, MAX_SUBJECTS).map(({ pod }) => podReference(pod)),
    properties: definedFields({
      image: reference ? formatReference(reference) : text(unit.image),
      digest: reference?.digest,
      container: pods[0]?.container,
      pods: String(pods.length),
      pulledAs: unit.pulledAs === undefined ? undefined : text(unit.pulledAs),
    }),
  };
}
