import {
  isPinned,
  nameOf,
  type Evidence,
  type ImageRef,
  type JudgedImage,
  type Reason,
  type Unknown,
  type Verdict,
} from '../../core/model/index.ts';
import {
  decide,
  decideUnmatched,
  needsAtFirst,
  selectPolicies,
  type CompiledPolicy,
  type Selection,
} from '../../core/policy/index.ts';
import { nextChange } from './next-change.ts';
import type { AuditPorts, AuditSettings } from './ports.ts';
import type { Unit } from './image-groups.ts';

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
}

type Judging = Pick<AuditPorts, 'judge' | 'policies' | 'namespaceLabels' | 'clock'>;
type Answer = Pick<JudgedImage, 'verdict' | 'reference' | 'evidence'>;

/** Judges one unit as it would be judged at admission now, but for the digest, which is the one that runs. */
export async function judgeUnit(
  unit: Unit,
  given: { readonly ports: Judging; readonly unmatchedImages: AuditSettings['unmatchedImages'] },
  signal: AbortSignal,
): Promise<Judgement> {
  const { ports, unmatchedImages } = given;
  const { use, unclear, image, credentials } = unit;
  const labels = await ports.namespaceLabels(credentials.namespace, signal);
  const policies = ports.policies();
  const selection = selectPolicies(policies, use ? nameOf(use) : '', labels);
  if (use && unclear) {
    const now = ports.clock();
    const answer = judgeUnclear(use, unclear, { selection, unmatchedImages, now });
    return judgementOf(unit, answer, selection, now);
  }
  const images = [{ container: '', field: '', image }];
  const [answer] = await ports.judge({ images, policies, labels, credentials, signal });
  if (!answer) throw new Error('the answer has no entry for the image that was asked about');
  const now = ports.clock();
  return judgementOf(unit, use ? asNamed(use, selection, answer, now) : answer, selection, now);
}

function judgementOf(
  { image, use }: Unit,
  { verdict, reference, evidence }: Answer,
  { applying, undecided }: Selection,
  judgedAt: Date,
): Judgement {
  const changesAt = evidence && nextChange(evidence, applying, judgedAt);
  return {
    image,
    verdict,
    ...(reference && { reference }),
    // An image that cannot be parsed has no name that a policy could match.
    covering: use ? [...applying, ...undecided].map(({ name }) => name) : [],
    judgedAt,
    ...(changesAt && { changesAt }),
  };
}

/** Whether judging this unit may need its registry, under these policies. */
export function needsRegistry({ use, unclear }: Unit, policies: readonly CompiledPolicy[]): boolean {
  if (!use || unclear) return false;
  const name = nameOf(use);
  return needsAtFirst(policies.filter((policy) => policy.coversImage(name))).registry;
}

/** Judges an image whose digest is unknown: by its name only; all else is unknown for this reason. */
function judgeUnclear(
  use: ImageRef,
  reason: Reason,
  given: {
    readonly selection: Selection;
    readonly unmatchedImages: AuditSettings['unmatchedImages'];
    readonly now: Date;
  },
): Answer {
  const { selection, unmatchedImages, now } = given;
  if (selection.applying.length + selection.undecided.length === 0) {
    return { reference: use, verdict: decideUnmatched(unmatchedImages) };
  }
  const unreadable: Unknown = { state: 'unknown', reason, transient: false };
  const evidence: Evidence = {
    image: use,
    manifest: unreadable,
    referrers: unreadable,
    signatures: unreadable,
    children: unreadable,
    successor: unreadable,
  };
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
