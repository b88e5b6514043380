import { Fault, formatReference, pin, type Manifest } from '../model/index.ts';
import { durationMs } from '../policy/index.ts';
import { decisionFor } from './approval.ts';
import { gateHash, waive, type GateResult, type GateSubject } from './gates/gate.ts';
import { exceptionsOf, judgeScan, type Scanned, type ScanRule } from './gates/scan-gate.ts';
import { scanPlatforms } from './gates/scan-platforms.ts';
import { mergeTexts } from './gates/scan-report.ts';
import type { ScanOutput } from './ports.ts';
import { subjectOf } from './records/artifact.ts';
import { releaseStatement, type PassedGate } from './records/release.ts';
import { reportRecord, vulnerabilityStatement, type ScanRecord } from './records/report.ts';
import type { PromoteSpec, ScanSpec, SignSpec } from './schema.ts';
import { copyStep, verifyTargetStep, withAttachments } from './steps/copy.ts';
import { deleteSourceStep } from './steps/delete-source.ts';
import type { ImageNode } from './graph/nodes.ts';
import { copiedNodes, writeEach } from './graph/nodes.ts';
import { alsoLeft, blocked, step } from './steps/step.ts';
import type { ImageTask, Learned, Step, StepOutcome, StepParts } from './steps/step.ts';
import { supersedeStep } from './steps/supersede.ts';
import { tagStep } from './steps/tag.ts';
import { attach, rootOf, writeSignature, writeStatement } from './steps/write.ts';

/** The steps of a promotion, in their order: gates, then all that is invisible without a tag, the tag, and tidying. */
export function promoteSteps(parts: StepParts, promote: PromoteSpec): readonly Step[] {
  const { policies, scan, approval, sign, supersede, deleteSource } = promote;
  const attach = promote.attach.report ? scan : undefined;
  return [
    ...(policies.length > 0 ? [verifySource(parts)] : []),
    ...(scan ? [scanStep(parts, scan)] : []),
    ...(scan || approval !== 'Never' ? [approveStep(parts, approval)] : []),
    copyStep(parts, { tagIsNext: [attach, sign, deleteSource].every((one) => !one) }),
    ...(attach ? [attachStep(parts, attach, sign)] : []),
    ...(sign ? [signStep(parts, promote, sign)] : []),
    verifyTargetStep(parts, deleteSource),
    tagStep(parts),
    ...(supersede ? [whileGranted('target', supersedeStep(parts, supersede), parts)] : []),
    ...(deleteSource ? [whileGranted('source', deleteSourceStep(parts), parts)] : []),
  ];
}

/** A step that cleans up, asked for again when it comes to it: a grant may have been taken back while the run was under way. */
function whileGranted(
  side: 'source' | 'target',
  { name, run }: Step,
  { refusedToDelete }: Pick<StepParts, 'refusedToDelete'>,
): Step {
  return step(name, async (task, learned, signal) => {
    const reason = await refusedToDelete?.(side, signal);
    return reason ? { status: 'blocked', reason } : run(task, learned, signal);
  });
}

/** Scans every platform, or reads signed reports, and judges what was found. What follows from that, the next step says. */
function scanStep(parts: StepParts, scan: ScanSpec): Step {
  const rule: ScanRule = {
    ...scan,
    maxReportAgeMs: durationMs(scan.maxReportAge),
    maxDatabaseAgeMs: durationMs(scan.maxDatabaseAge),
    exceptions: exceptionsOf(scan, parts.from),
  };
  return step('scan', async (task, _, signal) => {
    const { image } = task;
    const scanned = await scannedOf(image, { ...parts, ...withAttachments(parts) }, scan.from, signal);
    const gate = judgeScan(scanned, rule, parts.clock());
    if (gate.answer === 'Unknown' && gate.transient) throw passing(gate);
    return {
      status: 'succeeded',
      learned: { scanned, gate, gateHash: gateHash(aboutOf(task, parts), gate) },
    };
  });
}

/** What could not be found out and may be later: it is tried again, and is no finding against the image. */
function passing({ reason = 'ScannerFailed', message: detail }: GateResult): Fault {
  return new Fault({
    code: reason,
    operation: 'judge its vulnerabilities',
    side: 'scanner',
    transient: true,
    detail,
  });
}

async function scannedOf(
  image: ImageTask['image'],
  { source: registry, scanner, reports, readSbomElsewhere }: StepParts,
  from: ScanSpec['from'],
  signal: AbortSignal,
): Promise<readonly Scanned[]> {
  if (from === 'Report') return reports ? reports(image, signal) : [];
  const manifest = await registry.manifest(image, signal);
  if (manifest && scanner)
    return scanPlatforms({ image, manifest, from, registry, scanner, readSbomElsewhere }, signal);
  const detail = manifest ? 'there is no scanner' : `${formatReference(image)} is no longer there`;
  const reason = { code: 'ScannerFailed', detail } as const;
  return [{ platform: '', digest: image.digest, kind: 'unknown', reason, transient: false }];
}

/** The image has to satisfy the policies that the promotion names; a fact that could not be read blocks, too. */
export function verifySource({ judge }: Pick<StepParts, 'judge'>): Step {
  return step('verify source', async ({ image }, _, signal) => {
    const { verdict } = await judge(image, signal);
    signal.throwIfAborted();
    if (verdict.kind === 'allow' || verdict.kind === 'warn') return { status: 'succeeded' };
    const against = verdict.findings.find(({ effect }) => effect === 'deny');
    // A no without a reason is a no.
    if (!against) return blocked('PolicyBroken', 'the policies refuse it and do not say why');
    const policy = against.policy === '' ? '' : ` [policy ${against.policy}]`;
    return blocked(against.reason, `${against.found}; ${against.next}${policy}`);
  });
}

/**
 * Decides whether the image is promoted after its gates: all passed, or an authorized person has approved exactly this digest and
 * exactly these findings for exactly this run. A finding that is Unknown or missing cannot be waived; a Deny holds also where the gates passed.
 */
function approveStep(parts: StepParts, asked: PromoteSpec['approval']): Step {
  return step('approve', (task, { gate }) =>
    Promise.resolve(approved(aboutOf(task, parts), gate, asked, parts)),
  );
}

/** What a person decides about, besides findings. */
function aboutOf({ planned: { tag }, image: { digest } }: ImageTask, { scope }: StepParts): GateSubject {
  return { tag, digest, scope };
}

function approved(
  about: GateSubject,
  gate: GateResult | undefined,
  asked: PromoteSpec['approval'],
  { approvals, run, clock }: StepParts,
): StepOutcome {
  const { digest } = about;
  const hash = gateHash(about, gate);
  const known = { gateHash: hash, asked: gate };
  const isStopped = gate !== undefined && gate.answer !== 'Pass';
  if (asked === 'Never' || (asked === 'OnBlock' && !isStopped)) return passed(gate, known);
  const now = clock();
  const blocking = gate?.findings.map(({ id }) => id);
  const wanted = { runName: run.id, runUID: run.uid, digest, gateHash: hash, now, blocking };
  const approval = decisionFor(approvals(), wanted);
  if (!approval) return undecided(isStopped ? gate : undefined, run, known);
  const learned = { ...known, approval, gate: gate && waive(about, gate, approval, now) };
  if (approval.decision === 'Approve') return passed(learned.gate, learned);
  return { ...blocked('ApprovalDenied', `denied by ${approval.approver}: ${approval.reason}`), learned };
}

function undecided(
  against: GateResult | undefined,
  { id, local }: StepParts['run'],
  learned: Partial<Learned>,
): StepOutcome {
  // A person waives findings; no approval is requested where something is in the way that no approval lifts.
  if (against && against.obstacles.length > 0) return passed(against, learned);
  const why = against ? `${against.message}; ` : '';
  const how = local ? 'put a PromotionApproval beside the promotion' : `pratique approve ${id}`;
  const reason = { code: 'ApprovalNeeded', detail: `${why}approve or deny it: ${how}` } as const;
  return { status: 'waiting', reason, learned };
}

/** The image goes on, unless its gate still stands against it. */
function passed(gate: Learned['gate'], learned: Partial<Learned>): StepOutcome {
  if (!gate || gate.answer === 'Pass') return { status: 'succeeded', learned };
  return { ...blocked(gate.reason ?? 'ScannerFailed', gate.message), learned };
}

/**
 * Attaches what the scan found, and signs it. Only what was found in this process is ever signed: a report that lies at the target
 * may be by anyone, also when it claims to be of this run. The same scan gives the same bytes, so that a second try adds nothing.
 */
export function attachStep(parts: StepParts, { from, failOn }: ScanSpec, sign: SignSpec | undefined): Step {
  const { target, signer, startedAt, run } = parts;
  return step('attach', async ({ image: source, to }, learned, signal) => {
    const { scanned = [] } = learned;
    const left: string[] = [];
    const scan = mergeScans(scanned.flatMap((one) => (one.kind === 'scan' ? [one.output] : [])));
    // A report that another signer signed was copied with the image.
    if (!scan) return { status: 'skipped' };
    const about = rootOf(learned);
    const place = { target, to, about };
    const written = vulnerabilityStatement(pin(to, about.digest), scan);
    const statement = { ...written, digest: await target.digestOf(written.json) };
    const record = recordOfScan(scan, { from, failOn, source, run }, learned);
    const report = await attach(place, reportRecord(statement, record, subjectOf(about)), signal);
    if (signer && sign) {
      const signing = { signer, format: sign.format, at: startedAt, left };
      const refused = await writeStatement(place, signing, statement, signal);
      if (refused) return { status: 'failed', reason: refused };
    }
    return { status: 'succeeded', learned: { report, ...alsoLeft(learned, left) } };
  });
}

/** How the scan is summed up beside the image. */
function recordOfScan(
  scan: ScanRecord['scan'],
  about: Pick<ScanSpec, 'from' | 'failOn'> & Pick<ScanRecord, 'source'> & Pick<StepParts, 'run'>,
  { scanned = [], gate, approval }: Learned,
): ScanRecord {
  const { from, failOn, source, run } = about;
  return {
    ...{ scan, source, threshold: failOn },
    method: from === 'Sbom' ? 'sbom' : 'image',
    sbomTypes: from === 'Sbom' ? sbomTypesOf(scanned) : undefined,
    exceptions: gate?.excepted.map(({ id }) => id) ?? [],
    override: approval && {
      approver: approval.approver,
      decidedIn: run.url ?? `${run.name}/${run.id}`,
      waived: approval.waive,
    },
  };
}

function sbomTypesOf(scanned: readonly Scanned[]): readonly string[] {
  const types = scanned.flatMap((one) => (one.kind === 'scan' ? (one.sbomType ?? []) : []));
  return [...new Set(types)].sort();
}

/**
 * The scans of all platforms of an image as one: the index is what is promoted, and what is judged later. As old as its
 * oldest part, with the oldest database. `undefined` when nothing was scanned.
 */
function mergeScans(outputs: readonly ScanOutput[]): ScanRecord['scan'] | undefined {
  const [first, ...more] = outputs;
  if (!first || more.length === 0) return first;
  const earliest = (moments: readonly Date[]): Date => new Date(Math.min(...moments.map(Number)));
  const databases = outputs.flatMap(({ databaseUpdatedAt }) => databaseUpdatedAt ?? []);
  return {
    scanner: first.scanner,
    report: mergeTexts(
      first.report,
      outputs.map(({ report }) => report),
    ),
    startedAt: earliest(outputs.map(({ startedAt }) => startedAt)),
    finishedAt: earliest(outputs.map(({ finishedAt }) => finishedAt)),
    databaseUpdatedAt: databases.length === outputs.length ? earliest(databases) : undefined,
  };
}

/** Signs the digest at the target, and the statement why it is there: that lifts its quarantine wherever the signer may. */
function signStep(parts: StepParts, promote: PromoteSpec, { format, annotations }: SignSpec): Step {
  const { target, signer, startedAt: at } = parts;
  return step('sign', async (task, learned, signal) => {
    if (!signer) throw new Error('there is no signer');
    const left: string[] = [];
    const signing = { signer, format, at, left };
    const place = { target, to: task.to };
    const root = { ...place, about: rootOf(learned) };
    const release =
      ({ manifest: about }: ImageNode) =>
      (until: AbortSignal) => {
        const statement = releaseOf({ ...task, about }, learned, parts, promote);
        return writeStatement({ ...place, about }, signing, statement, until);
      };
    // What was judged is released: not what only calls itself statements, which no runtime comes to from the index.
    const [image, ...below] = (await copiedNodes(learned)).filter(({ isPicked }) => isPicked);
    const signature = (until: AbortSignal) => writeSignature(root, signing, annotations, until);
    let refused = await writeEach([signature, ...below.map(release)], signal);
    // The image itself last: once it is released, everything below it is, too.
    if (!refused && image) refused = await release(image)(signal);
    if (refused) return { status: 'failed', reason: refused };
    return { status: 'succeeded', learned: alsoLeft(learned, left) };
  });
}

function releaseOf(
  task: ImageTask & { readonly about: Manifest },
  learned: Learned,
  { run, startedAt }: StepParts,
  { policies }: PromoteSpec,
) {
  const { gate, asked = gate, approval, report } = learned;
  const { approver, reason: approvalReason, until: approvedUntil, waive: accepted = [] } = approval ?? {};
  const excepted = gate?.excepted ?? [];
  const waived = new Set(accepted.map((id) => id.toLowerCase()));
  const isWaived = ({ id }: { readonly id: string }): boolean => waived.has(id.toLowerCase());
  return releaseStatement({
    source: task.image,
    target: pin(task.to, task.about.digest),
    promotedAt: startedAt,
    run,
    gates: [
      ...policies.map((name): PassedGate => ({ name: `policy ${name}`, result: 'Pass', versions: {} })),
      ...(asked ? [passedGate(asked)] : []),
    ],
    exceptions: excepted.filter((one) => !isWaived(one)),
    waived: excepted.filter(isWaived).map(({ id }) => id),
    ...{ approver, approvalReason, approvedUntil },
    reportDigest: report?.digest,
    databaseUpdatedAt: gate?.databaseUpdatedAt,
  });
}

/** What a gate said by itself, before an approval was read. */
function passedGate({ gate: name, answer, scanner }: GateResult): PassedGate {
  const result = answer === 'Pass' ? 'Pass' : 'Block';
  return { name, result, versions: scanner === '' ? {} : { scanner } };
}
