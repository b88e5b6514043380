import { evidenceWithout } from '../../core/evidence/index.ts';
import {
  formatReference,
  isPinned,
  nameOf,
  type Digest,
  type Evidence,
  type ImageRef,
  type JudgedImage,
  type Reason,
  type Verdict,
  type JudgedFinding,
} from '../../core/model/index.ts';
import {
  decide,
  decideUnmatched,
  needsAtFirst,
  policiesAt,
  selectPolicies,
  type CompiledPolicy,
  type Selection,
  decidingClaim,
  readLifecycle,
  codesOf,
} from '../../core/policy/index.ts';
import type { Unit } from './image-groups.ts';
import type { AuditPorts, AuditSettings } from './ports.ts';
import { traceTag, type LearnAbout } from './trace.ts';

/** What was found about a unit. The evidence is not kept: facts are remembered elsewhere. */
export interface Judgement {
  /** As it was asked about. */
  readonly image: string;
  readonly verdict: Verdict;
  /** With the digest, where it is known. */
  readonly reference?: ImageRef;
  /** Names of the policies that cover it, or may. */
  readonly covering: readonly string[];
  readonly judgedAt: Date;
  /** When time alone will change the verdict. */
  readonly changesAt?: Date;
  /** It is not known which image runs: that refuses nothing, and is nothing new about a pod. */
  readonly unclear?: true;
}

type Judging = Pick<AuditPorts, 'judge' | 'policies' | 'namespaceLabels' | 'clock'>;
type Answer = Pick<JudgedImage, 'verdict' | 'reference' | 'evidence'>;

/** Judges one unit as it would be judged at admission now, but for the digest, which is the one that runs. */
export async function judgeUnit(
  unit: Unit,
  { ports, unmatchedImages }: Pick<AuditSettings, 'unmatchedImages'> & { readonly ports: Judging },
  signal: AbortSignal,
): Promise<Judgement> {
  const { use, image, credentials } = unit;
  const labels = await ports.namespaceLabels(credentials.namespace, signal);
  const policies = policiesAt(ports.policies(), 'Audit');
  const selection = selectPolicies(policies, use ? nameOf(use) : '', labels);
  const owner = { namespace: credentials.namespace, background: true };
  const ask = async (about: string, reference?: ImageRef): Promise<Answer> => {
    const images = [{ container: '', field: '', image: about, reference }];
    const [answer] = await ports.judge({ images, policies, labels, credentials, owner, signal });
    if (!answer) throw new Error('the answer has no entry for the image that was asked about');
    return answer;
  };
  if (!use) return judgementOf(unit, await ask(image), selection, ports.clock());
  const found = await findRunning({ ...unit, use }, (one) => ask(formatReference(one), one));
  const now = ports.clock();
  if ('answer' in found) return judgementOf(unit, asNamed(use, selection, found.answer, now), selection, now);
  const answer = judgeUnclear(use, found, { selection, unmatchedImages, now });
  return { ...judgementOf(unit, answer, selection, now), unclear: true };
}

/** What is found about what runs, or why it is not known what that is. */
type Found = { readonly answer: Answer } | Unclear;

interface Unclear {
  readonly reason: Reason;
  readonly transient: boolean;
}

/** Finds what a container runs. Where its digest is refused for what it lacks, and where there is none, the tag is asked. */
async function findRunning(
  unit: Unit & { readonly use: ImageRef },
  ask: (image: ImageRef) => Promise<Answer>,
): Promise<Found> {
  const { use, reference = use, unclear, id, doubt } = unit;
  const learn: LearnAbout = async (image) => (await ask(image)).evidence;
  const byTag = async (digest: Digest, config: Digest | undefined, reason: Reason): Promise<Found> => {
    const traced = await traceTag(use, { digest, config }, learn);
    if (traced.state === 'same') return { answer: await ask(traced.image) };
    return { reason, transient: traced.state === 'unknown' && traced.transient };
  };
  if (unclear) return id === undefined ? { reason: unclear, transient: false } : byTag(id, id, unclear);
  const answer = await ask(reference);
  if (!isPinned(reference) || isPinned(use) || !isQuestionable(answer)) return { answer };
  const found = await byTag(reference.digest, configOf(answer), doubt ?? CERTAIN);
  // Without a doubt the node runs just what it reports, whatever the tag leads to now.
  return 'answer' in found || doubt ? found : { answer };
}

/** Stands for the doubt where there is none. */
const CERTAIN: Reason = { code: 'InternalError', detail: 'what runs is not in doubt' };

function configOf({ evidence }: Answer): Digest | undefined {
  return evidence?.manifest.state === 'found' ? evidence.manifest.value.config?.digest : undefined;
}

/** Reasons that say only that something was not found about a digest: it may be there for the index that lists it, or for a twin. */
const LACKS: ReadonlySet<string> = new Set([
  'Unsigned',
  'AttestationMissing',
  'ReportMissing',
  'LifecycleMissing',
  'ImageNotFound',
]);

/** Whether the image is refused only for what was not found about its digest. What was found, such as a flag, counts as it is. */
function isQuestionable({ verdict, evidence }: Answer): boolean {
  const against = verdict.findings.filter(({ kind }) => kind !== 'notice');
  return evidence !== undefined && against.length > 0 && against.every(({ reason }) => LACKS.has(reason));
}

function judgementOf(
  { image, use }: Unit,
  { verdict, reference, evidence }: Answer,
  { applying, undecided }: Selection,
  judgedAt: Date,
): Judgement {
  const changesAt = evidence && nextChange(evidence, applying, judgedAt);
  // An image that cannot be parsed has no name that a policy could match.
  const covering = use ? [...applying, ...undecided].map(({ name }) => name) : [];
  return { image, verdict, reference, covering, judgedAt, changesAt };
}

/** Whether judging this unit may need its registry, under these policies. */
export function needsRegistry({ use, unclear, id }: Unit, policies: readonly CompiledPolicy[]): boolean {
  if (!use || (unclear && id === undefined)) return false;
  const name = nameOf(use);
  return needsAtFirst(policies.filter((policy) => policy.coversImage(name))).registry;
}

/** Judges an image whose digest is unknown: by its name only; all else is unknown for this reason. */
function judgeUnclear(
  use: ImageRef,
  { reason, transient }: Unclear,
  given: Pick<AuditSettings, 'unmatchedImages'> & { readonly selection: Selection; readonly now: Date },
): Answer {
  const { selection, unmatchedImages, now } = given;
  if (selection.applying.length + selection.undecided.length === 0) {
    return { reference: use, verdict: decideUnmatched(unmatchedImages) };
  }
  const evidence = evidenceWithout(use, { state: 'unknown', reason, transient });
  return { reference: use, verdict: decide({ use, evidence, selection, now }) };
}

/**
 * The digest that was judged is the node's word. Where a policy demands one in the reference and none would be put there at
 * admission, the reference is judged as it is written, on the same evidence.
 */
function asNamed(use: ImageRef, selection: Selection, answer: Answer, now: Date): Answer {
  const { evidence } = answer;
  if (isPinned(use) || !evidence) return answer;
  const { applying } = selection;
  const demanded = applying.some(({ digest }) => digest) && !applying.some(({ pinDigests }) => pinDigests);
  return demanded ? { ...answer, verdict: decide({ use, evidence, selection, now }) } : answer;
}

/**
 * The next moment at which time alone changes what these policies say of this image: the end that it claims with the grace
 * period, or the day from which that is warned of. Nothing when no such moment lies ahead.
 */
export function nextChange(
  evidence: Evidence,
  policies: readonly CompiledPolicy[],
  now: Date,
): Date | undefined {
  const moments = policies.flatMap(({ lifecycle }) => {
    const claim = lifecycle && decidingClaim(readLifecycle(evidence, lifecycle).claims, lifecycle.refuse);
    if (!claim) return [];
    const end = claim.moment.getTime();
    const { gracePeriodMs, warnBeforeMs } = lifecycle;
    // It is past only after the last moment of the grace period.
    return [end + gracePeriodMs + 1, ...(warnBeforeMs > 0 ? [end - warnBeforeMs] : [])];
  });
  const ahead = moments.filter((moment) => moment > now.getTime());
  return ahead.length > 0 ? new Date(Math.min(...ahead)) : undefined;
}

/** From the best to the worst that can come of an image. */
const KINDS: readonly Verdict['kind'][] = ['allow', 'warn', 'unknown', 'deny'];
const EFFECTS: readonly JudgedFinding['effect'][] = ['deny', 'warn', 'audit'];

/** How bad a verdict is; more is worse. */
export function rankOf({ kind }: Verdict): number {
  return KINDS.indexOf(kind);
}

/** Findings: those that decide come first; otherwise the order stays. */
export function byWeight({ findings }: Verdict): readonly JudgedFinding[] {
  return EFFECTS.flatMap((effect) => findings.filter((finding) => finding.effect === effect));
}

/** The reason of a verdict in one word; empty when there is nothing to say. */
export function reasonOf(verdict: Verdict): string {
  return byWeight(verdict)[0]?.reason ?? '';
}

/** Whether a finding is published. Not published: that no policy covers an image, when no setting asks for coverage. */
export function isReported({ policy, effect }: JudgedFinding): boolean {
  return policy !== '' || effect !== 'audit';
}

/** Reason codes that are published, each once. */
export function reportedCodes({ findings }: Verdict): readonly string[] {
  return codesOf(findings.filter(isReported)).toSorted();
}
