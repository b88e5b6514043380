import type { Descriptor } from '../../model/index.ts';
import { pin } from '../../model/index.ts';
import type { Scanned } from '../gates/scanned.ts';
import type { ScanOutput, Statement } from '../ports.ts';
import { CREATED, subjectOf } from '../records/artifact.ts';
import { findPlainStatement } from '../records/plain-statement.ts';
import { reportRecord, VULNERABILITY_PREDICATE_TYPE, vulnerabilityStatement } from '../records/report.ts';
import { mergeScans } from '../records/merge-scans.ts';
import { isStatement } from '../records/parse-statement.ts';
import type { PromoteSpec, ScanSpec } from '../schema.ts';
import type { Step } from './step.ts';
import type { ImageTask, Learned, StepParts } from './task.ts';
import { type WritePlace, attach, referrersAt, rootOf } from './place.ts';
import { writeStatement } from './write.ts';

/** What {@link attachStep} works with. */
export interface AttachParts extends Pick<StepParts, 'target' | 'signer' | 'startedAt'> {
  readonly scan: ScanSpec;
  readonly promote: PromoteSpec;
}

/** Largest report that is read back, in bytes: as large as reports are read for a verdict. */
const MAX_REPORT_BYTES = 16 * 1024 * 1024;

/** Attaches what the scan found, and signs it. A report of this run that is there already is taken as it is. */
export function attachStep(parts: AttachParts): Step<ImageTask, Learned> {
  const { target, signer, startedAt, scan, promote } = parts;
  return {
    name: 'attach',
    run: async ({ image, to }, learned, signal) => {
      const output = mergeScans(outputsOf(learned.scanned));
      // A report that somebody else signed came along with the image.
      if (!output) return { status: 'skipped' };
      const about = rootOf(learned);
      const place = { target, to, about };
      const destination = pin(to, about.digest);
      const written = await writtenBefore(place, { source: sourceMarks(image), startedAt }, signal);
      const statement = written?.statement ?? vulnerabilityStatement(destination, { scan: output });
      const record = () =>
        reportRecord(
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
      const report = written?.report ?? (await attach(place, record(), signal));
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

function sourceMarks({ registry, repository, tag }: ImageTask['image']): Readonly<Record<string, string>> {
  return {
    'com.cssc.scan.source': `${registry}/${repository}`,
    ...(tag !== undefined && { 'com.cssc.scan.tag': tag }),
  };
}

/** A report that this run attached before it was interrupted. */
async function writtenBefore(
  place: WritePlace,
  { source, startedAt }: { readonly source: Readonly<Record<string, string>>; readonly startedAt: Date },
  signal: AbortSignal,
): Promise<{ readonly report: Descriptor; readonly statement: Statement } | undefined> {
  const listed = await referrersAt(place, signal);
  // Annotations tell whole seconds.
  const since = Math.floor(startedAt.getTime() / 1_000) * 1_000;
  const recent = listed.filter(({ annotations }) => Date.parse(annotations[CREATED] ?? '') >= since);
  const report = findPlainStatement(recent, VULNERABILITY_PREDICATE_TYPE, source);
  if (!report) return undefined;
  const layer = (await place.target.manifest(pin(place.to, report.digest), signal))?.layers[0];
  const bytes = layer && (await place.target.blob(place.to, layer, MAX_REPORT_BYTES, signal));
  const statement = bytes && parseJson(bytes);
  return isStatement(statement) ? { report, statement } : undefined;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    return undefined; // then it is written again
  }
}
