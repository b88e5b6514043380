import { pin, objectOf } from '../../model/index.ts';
import type { Scanned } from '../gates/scanned.ts';
import type { ScanOutput } from '../ports.ts';
import { subjectOf } from '../records/artifact.ts';
import { reportRecord, vulnerabilityStatement } from '../records/report.ts';
import type { PromoteSpec, ScanSpec } from '../schema.ts';
import type { Step } from './step.ts';
import type { ImageTask, Learned, StepParts } from './task.ts';
import { attach, rootOf } from './place.ts';
import { writeStatement } from './write.ts';

/** What {@link attachStep} works with. */
export interface AttachParts extends Pick<StepParts, 'target' | 'signer' | 'startedAt'> {
  readonly scan: ScanSpec;
  readonly promote: PromoteSpec;
}

/**
 * Attaches what the scan found, and signs it. Only what was found in this process is ever signed: a report that lies at the target
 * may be by anyone, also when it claims to be of this run. The same scan gives the same bytes, so that a second try adds nothing.
 */
export function attachStep(parts: AttachParts): Step<ImageTask, Learned> {
  const { target, signer, startedAt, scan, promote } = parts;
  return {
    name: 'attach',
    run: async ({ image, to }, learned, signal) => {
      const output = mergeScans(outputsOf(learned.scanned));
      // A report that another signer signed was copied with the image.
      if (!output) return { status: 'skipped' };
      const about = rootOf(learned);
      const place = { target, to, about };
      const destination = pin(to, about.digest);
      const statement = vulnerabilityStatement(destination, { scan: output });
      const record = reportRecord(
        destination,
        {
          scan: output,
          source: image,
          method: scan.from === 'Sbom' ? 'sbom' : 'image',
          threshold: scan.failOn,
          exceptions: learned.gates.flatMap(({ excepted }) => excepted.map(({ id }) => id)),
          ...(learned.approval && {
            override: { approver: learned.approval.approver, waived: learned.approval.waive },
          }),
        },
        subjectOf(about),
      );
      const report = await attach(place, record, signal);
      if (signer && promote.sign) {
        const { format } = promote.sign;
        const refused = await writeStatement(place, { signer, format, at: startedAt, statement }, signal);
        if (refused) return { status: 'failed', reason: refused };
      }
      return { status: 'succeeded', learned: { report } };
    },
  };
}

function outputsOf(scanned: readonly Scanned[] = []): readonly ScanOutput[] {
  return scanned.flatMap((one) => (one.kind === 'scan' ? [one.output] : []));
}

/**
 * The scans of all platforms of an image as one: the index is what is promoted, and what is judged later. As old as its
 * oldest part, with the oldest database. `undefined` when nothing was scanned.
 */
function mergeScans(outputs: readonly ScanOutput[]): ScanOutput | undefined {
  const [first, ...more] = outputs;
  if (!first || more.length === 0) return first;
  const earliest = (moments: readonly Date[]): Date =>
    new Date(Math.min(...moments.map((moment) => moment.getTime())));
  const databases = outputs.flatMap(({ databaseUpdatedAt }) => databaseUpdatedAt ?? []);
  return {
    scanner: first.scanner,
    report: { ...objectOf(first.report), Results: outputs.flatMap(({ report }) => resultsOf(report)) },
    startedAt: earliest(outputs.map(({ startedAt }) => startedAt)),
    finishedAt: earliest(outputs.map(({ finishedAt }) => finishedAt)),
    ...(databases.length === outputs.length && { databaseUpdatedAt: earliest(databases) }),
  };
}

/** Trivy lists what it found under `Results`, one for each place it looked in, and leaves out what is empty. */
function resultsOf(report: unknown): readonly unknown[] {
  const { Results: results } = objectOf(report) as { readonly Results?: unknown };
  return Array.isArray(results) ? results : [];
}
