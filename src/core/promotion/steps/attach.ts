import { listOf, objectOf, pin } from '../../model/index.ts';
import type { ScanOutput } from '../ports.ts';
import { subjectOf } from '../records/artifact.ts';
import { reportRecord, vulnerabilityStatement } from '../records/report.ts';
import type { ScanSpec, SignSpec } from '../schema.ts';
import { step, type Step, type StepParts } from './step.ts';
import { attach, rootOf, writeStatement } from './write.ts';

/**
 * Attaches what the scan found, and signs it. Only what was found in this process is ever signed: a report that lies at the target
 * may be by anyone, also when it claims to be of this run. The same scan gives the same bytes, so that a second try adds nothing.
 */
export function attachStep(parts: StepParts, { from, failOn }: ScanSpec, sign: SignSpec | undefined): Step {
  const { target, signer, startedAt } = parts;
  return step('attach', async ({ image: source, to }, learned, signal) => {
    const { scanned = [], gates, approval } = learned;
    const scan = mergeScans(scanned.flatMap((one) => (one.kind === 'scan' ? [one.output] : [])));
    // A report that another signer signed was copied with the image.
    if (!scan) return { status: 'skipped' };
    const about = rootOf(learned);
    const place = { target, to, about };
    const statement = vulnerabilityStatement(pin(to, about.digest), scan);
    const record = {
      ...{ scan, source, threshold: failOn },
      method: from === 'Sbom' ? ('sbom' as const) : ('image' as const),
      exceptions: gates.flatMap(({ excepted }) => excepted.map(({ id }) => id)),
      override: approval && { approver: approval.approver, waived: approval.waive },
    };
    const report = await attach(place, reportRecord(statement, record, subjectOf(about)), signal);
    if (signer && sign) {
      const signing = { signer, format: sign.format, at: startedAt };
      const refused = await writeStatement(place, signing, statement, signal);
      if (refused) return { status: 'failed', reason: refused };
    }
    return { status: 'succeeded', learned: { report } };
  });
}

/**
 * The scans of all platforms of an image as one: the index is what is promoted, and what is judged later. As old as its
 * oldest part, with the oldest database. `undefined` when nothing was scanned.
 */
function mergeScans(outputs: readonly ScanOutput[]): ScanOutput | undefined {
  const [first, ...more] = outputs;
  if (!first || more.length === 0) return first;
  const earliest = (moments: readonly Date[]): Date => new Date(Math.min(...moments.map(Number)));
  const databases = outputs.flatMap(({ databaseUpdatedAt }) => databaseUpdatedAt ?? []);
  // Trivy lists what it found under `Results`, one for each place it looked in, and leaves out what is empty.
  const results = outputs.flatMap(({ report }) => listOf(objectOf(report).Results));
  return {
    scanner: first.scanner,
    report: { ...objectOf(first.report), Results: results },
    startedAt: earliest(outputs.map(({ startedAt }) => startedAt)),
    finishedAt: earliest(outputs.map(({ finishedAt }) => finishedAt)),
    databaseUpdatedAt: databases.length === outputs.length ? earliest(databases) : undefined,
  };
}
