import pLimit, { type LimitFunction } from 'p-limit';
import {
  formatReference,
  nameOf,
  ownerName,
  parsed,
  parseReference,
  turnOf,
  unknown,
} from '../model/index.ts';
import type {
  Evidence,
  Fact,
  Finding,
  ImageRef,
  JudgedImage,
  NamedImage,
  Owner,
  Unknown,
  Verdict,
} from '../model/index.ts';
import { decide, decideByName, decideUnmatched, decideUnreadable, type Labels } from '../policy/index.ts';
import { needsAtFirst, repositoriesOf, selectPolicies, type CompiledPolicy } from '../policy/index.ts';
import { hiddenWithout, isUnknown, sourcesFor, unreadIn, type Access, type Credentials } from './access.ts';
import { evidenceWithout, gather, gatherNear } from './gather.ts';
import type { KeptAnnotations, Sources } from './ports.ts';
import { keptFor } from './signature-layers.ts';

/** Images to judge, and everything the verdict depends on besides the world and the settings. */
export interface JudgeQuestion {
  readonly images: readonly NamedImage[];
  readonly policies: readonly CompiledPolicy[];
  readonly labels: Fact<Labels>;
  /** With what the kubelet would pull the images; absent = the controller's own logins. */
  readonly credentials?: Credentials | undefined;
  /** For whom registries are asked: owners take turns. Absent = for no namespace. */
  readonly owner?: Owner | undefined;
  /** Aborts at the one deadline of the request; what is open by then is unknown. */
  readonly signal: AbortSignal;
}

/** A question with what the settings say; `access` are the logins that the object names, absent = the controller's own. */
export interface JudgeRequest extends Omit<JudgeQuestion, 'credentials'> {
  readonly unmatchedImages: 'Allow' | 'Warn' | 'Deny';
  readonly access?: Access;
}

/** Different images of one request; a pod has a handful, and each costs requests. */
const MAX_REFERENCES = 256;
/**
 * Images of one registry and one request that are judged at the same time. A slow registry keeps no image of another one
 * waiting; how much is read at a time is bounded where it is read.
 */
const JUDGED_AT_ONCE = 16;
const TOO_MANY = unknown('LimitExceeded', `the request names more than ${MAX_REFERENCES} different images`);
/** The author of the object chose how many images wait before this one: that is a limit, and nothing that `onUnknown` admits. */
const NOT_REACHED = unknown(
  'LimitExceeded',
  `the time ran out while it waited for other images of its registry in this request; ${JUDGED_AT_ONCE} are judged at the same time`,
  true,
);

/** Judges images, each distinct reference once: one answer per image, in order. Never throws for what a registry does. */
export async function judge(request: JudgeRequest, sources: Sources): Promise<readonly JudgedImage[]> {
  const asking = askingFor(request, sources);
  const underway = new Map<string, Promise<JudgedReference>>();
  // Most pods have a few images, and making a queue takes longer than judging what is remembered.
  const queues = request.images.length > JUDGED_AT_ONCE ? new Map<string, LimitFunction>() : undefined;
  const judgeOnce = (ref: ImageRef): Promise<JudgedReference> => {
    const key = formatReference(ref);
    const known = underway.get(key);
    if (known) return known;
    const why = underway.size < MAX_REFERENCES ? undefined : TOO_MANY;
    const running = queues
      ? queueOf(
          ref,
          queues,
        )(() => judgeIn(asking, ref, why ?? (request.signal.aborted ? NOT_REACHED : undefined)))
      : judgeIn(asking, ref, why);
    underway.set(key, running);
    return running;
  };
  return Promise.all(
    request.images.map(async (image): Promise<JudgedImage> => {
      const ref = image.reference ? parsed(image.reference) : parseReference(image.image);
      if (ref.ok) return { ...image, ...(await judgeOnce(ref.value)) };
      const why = ref.problems[0]?.message ?? 'is not valid';
      return { ...image, verdict: decideUnreadable(request.policies, why) };
    }),
  );
}

/** The queue of the images of one registry. */
function queueOf({ registry }: ImageRef, queues: Map<string, LimitFunction>): LimitFunction {
  const queue = queues.get(registry) ?? pLimit(JUDGED_AT_ONCE);
  queues.set(registry, queue);
  return queue;
}

/** What was found about one reference. */
export interface JudgedReference {
  readonly reference: ImageRef;
  readonly verdict: Verdict;
  readonly evidence?: Evidence;
}

/** Judges one reference: resolve → gather → decide. Never throws for anything a registry does. */
export function judgeReference(
  use: ImageRef,
  request: Omit<JudgeRequest, 'images'>,
  sources: Sources,
): Promise<JudgedReference> {
  return judgeIn(askingFor(request, sources), use);
}

/** What is asked about each image of a request, and what it is asked with. */
interface Asking extends Omit<JudgeRequest, 'images' | 'owner'> {
  readonly sources: Sources;
  readonly kept: KeptAnnotations;
  readonly neededBy: ReturnType<typeof rememberLast>;
}

function askingFor({ owner, ...request }: Omit<JudgeRequest, 'images'>, given: Sources): Asking {
  const sources = owner ? sourcesOf(owner, given) : given;
  return { ...request, sources, kept: keptFor(request.policies), neededBy: rememberLast() };
}

/** What an owner over its budget reads is what memory has: only new look-ups are refused. */
function sourcesOf(owner: Owner, given: Sources): Sources {
  const memory = given.memory.inTurn(turnOf(owner), () => overBudget(owner, given));
  return { ...given, owner, memory };
}

/** What policies need, and where else they look. */
interface Needed {
  readonly policies: readonly CompiledPolicy[];
  readonly needs: ReturnType<typeof needsAtFirst>;
  readonly repositories: readonly ImageRef[];
}

/** Most images of a request come under the same policies: their needs are found out once. */
function rememberLast(): (policies: readonly CompiledPolicy[]) => Needed {
  let last: Needed | undefined;
  return (policies) => {
    const isSame =
      last?.policies.length === policies.length && policies.every((one, at) => one === last?.policies[at]);
    if (last && isSame) return last;
    last = { policies, needs: needsAtFirst(policies), repositories: repositoriesOf(policies) };
    return last;
  };
}

/** `notRead` = why no registry is asked. */
async function judgeIn(
  { policies, labels, unmatchedImages, signal, access, sources, kept, neededBy }: Asking,
  use: ImageRef,
  notRead?: Unknown,
): Promise<JudgedReference> {
  const selection = selectPolicies(policies, nameOf(use), labels);
  if (selection.applying.length + selection.undecided.length === 0) {
    const covered = policies.some((policy) => policy.coversImage(nameOf(use)));
    // A policy covers the image, but not in this namespace: that was a decision of its author.
    return { reference: use, verdict: decideUnmatched(covered ? 'Allow' : unmatchedImages) };
  }
  const settled = decideByName(selection, nameOf(use));
  if (settled) return { reference: use, verdict: settled };
  const { applying } = selection;
  const { needs, repositories } = neededBy(applying);
  const places = [use, ...repositories];
  const readable = needs.registry ? await sourcesWithin(places, access, sources, notRead) : { sources };
  const unread = unreadIn(readable);
  const judgedBy = (gathered: Evidence): JudgedReference => {
    const hidden = hiddenWithout(unread, gathered.manifest);
    const evidence = hidden ? evidenceWithout(gathered.image, hidden) : gathered;
    const verdict = decide({ use, evidence, selection, now: sources.clock(), unread: unread?.why });
    return { reference: evidence.image, verdict, evidence };
  };
  const judgeWith = async (asked: Sources) =>
    judgedBy(await gather({ ref: use, policies: applying, needs }, { ...asked, signal, kept }));
  if (isUnknown(readable)) return judgedBy(evidenceWithout(use, readable));
  const reading = readable.sources;
  const judged = await judgeWith(reading);
  // People sign, release or push right after a refusal: before saying no, old facts are looked up again,
  // and what an older registry may have kept elsewhere is read as well.
  // A reference without digest is seen in the reference itself: no fact behind it can have changed.
  const { findings } = judged.verdict;
  const refused = findings.some(({ kind, reason }) => kind === 'refused' && reason !== 'NotPinned');
  if (!refused) return judged;
  const again = await judgeWith({ ...reading, memory: reading.memory.recent(), thorough: true });
  // A refusal stands when it cannot be checked again: otherwise a registry that fails on purpose would turn a known no
  // into an unknown, which a policy may admit.
  const last = again.verdict.findings.some(({ kind }) => kind === 'unknown') ? judged : again;
  if (!last.evidence || !last.verdict.findings.some(isForWant)) return last;
  const near = { ...reading, signal, kept };
  return judgedBy(await gatherNear({ ref: use, needs }, last.evidence, near));
}

/** Whether an image is refused for want of a signature or statement: something near it may have one, and the message says so. */
function isForWant({ kind, reason }: Finding): boolean {
  return kind === 'refused' && (reason === 'Unsigned' || reason === 'AttestationMissing');
}

/** The sources to read these places with, or why nothing is read. */
async function sourcesWithin(
  places: readonly ImageRef[],
  access: Access | undefined,
  sources: Sources,
  notRead: Unknown | undefined,
): ReturnType<typeof sourcesFor> {
  return notRead ?? (await sourcesFor(places, access, sources));
}

/** Why nothing more is read for this owner now; `undefined` when it may. */
function overBudget(owner: Owner, { spending }: Sources): Unknown | undefined {
  if (!spending?.isOver(ownerName(owner))) return undefined;
  const of = `namespace "${owner.namespace}"`;
  const detail = `${of} has read more from registries within a minute than budgets.namespaceBytesPerMinute allows`;
  return unknown('LimitExceeded', detail, true);
}
