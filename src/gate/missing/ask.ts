import { Fault, formatReference, nameOf, type Clock } from '../../core/model/index.ts';
import type { Caller } from '../ports.ts';
import { createBudget, MAX_IMAGES_OF_CALLER } from './budget.ts';
import { readPromotions, type KnownPromotion, type Promotions } from './promotions.ts';
import { due, isPending, MAX_AHEAD_MS, progressOf, type Progress } from './progress.ts';
import type { StageRuns } from './rows.ts';
import { stagesOf, type Stage, type Wanted } from './stages.ts';
import { again, wayOf, type Way } from './way.ts';

/** What a caller asks for and does not get. */
export interface Miss extends Wanted {
  readonly caller: Caller;
  /** The digest of what is there and refused. */
  readonly digest?: string | undefined;
  /**
   * The tags of the place by the login of the caller, `undefined` or a `Fault` where it may not read it; asked only where the upstream
   * decides about logins.
   */
  readonly mayRead: () => Promise<unknown>;
}

/** Asks for what is missing, at most once for all who want it; `undefined` = nothing is known to bring it, or the caller may not know. */
export type AskForMissing = (miss: Miss) => Promise<Way | undefined>;

/** What asking for images takes. */
export interface MissingOptions {
  readonly promotions: Promotions;
  /** Name of the promotion that mirrors what is missing. */
  readonly request: string;
  /** Whether callers without a login may ask. */
  readonly anonymous: boolean;
  readonly clock: Clock;
  /** Receives what keeps the gate from asking. */
  readonly onError: (what: string, error: unknown) => void;
}

/** Milliseconds between two runs that are asked for: each brings all that is missing, so that more of them would only cost. */
const BETWEEN_RUNS_MS = 300_000;
/** Milliseconds for which this replica trusts what it has written more than what it reads: reads take less. */
const OWN_MS = 10_000;
/** How often a change is tried that another writer was faster with: the controller writes the status of the same object. */
const MAX_TRIES = 4;
/** What cannot be read, for the log. */
const WHAT = 'promotions of missing images';
/** Seconds after which to try again where the API server does not answer. */
const UNKNOWN_SECONDS = 30;

/** Opens what the settings say of missing images; `namespace` = where the promotion is, if they do not say so. */
export function openMissing(
  onMissing: 'Refuse' | { readonly request: string; readonly anonymous: boolean } | undefined,
  {
    cluster,
    namespace: own,
    ...given
  }: Pick<MissingOptions, 'clock' | 'onError'> & {
    readonly cluster: Parameters<typeof readPromotions>[0];
    readonly namespace: string;
  },
): AskForMissing | undefined {
  if (typeof onMissing !== 'object') return undefined;
  const [request = '', namespace = own] = onMissing.request.split('/').toReversed();
  const promotions = readPromotions(cluster, namespace, given.clock);
  return createMissing({ ...given, ...onMissing, promotions, request });
}

/** Makes what asks for images by one promotion and reads where they are on their way. */
export function createMissing(options: MissingOptions): AskForMissing {
  const { promotions, request, anonymous, clock, onError } = options;
  const budget = createBudget(clock);
  /** Requests of this replica at the same time are one. */
  let asking: Promise<Date> | undefined;
  /** What this replica has written last: a list that was asked for before may not have it. */
  let written: { readonly at: Date; readonly until: number } | undefined;

  const requested = (all: readonly KnownPromotion[]) => all.find(({ name }) => name === request);

  const runsOf = async ({ promotion: { status } }: Stage): Promise<StageRuns> => {
    const { activeRun, lastRun } = status;
    const read = (name: string | undefined) => (name === undefined ? undefined : promotions.run(name));
    const [active, last] = await Promise.all([read(activeRun), read(lastRun?.name)]);
    return { active, last };
  };

  /** The first moment from which on a run may begin. Whole seconds: those of the API server are, too. */
  const nextMoment = ({ askedAt }: KnownPromotion, now: Date): Date => {
    const isOwn = askedAt !== undefined && askedAt.getTime() - now.getTime() <= MAX_AHEAD_MS;
    const earliest = isOwn ? askedAt.getTime() + BETWEEN_RUNS_MS : 0;
    return new Date(Math.ceil(Math.max(now.getTime(), earliest) / 1_000) * 1_000);
  };

  /** Asks for a run, unless another replica has done so meanwhile. Answers from when on one is due. */
  const ask = async (tries = MAX_TRIES): Promise<Date> => {
    const promotion = requested(await promotions.all());
    if (!promotion || tries === 0) throw notAsked(request);
    const now = clock();
    const own = written && now.getTime() < written.until ? written.at : undefined;
    const pending = [promotion.askedAt, own].find((at) => at && isPending(at, promotion.status, now));
    if (pending) return pending;
    const at = nextMoment(promotion, now);
    if (!(await promotions.askFor(promotion, at))) return ask(tries - 1);
    written = { at, until: clock().getTime() + OWN_MS };
    return at;
  };

  const askOnce = (): Promise<Date> => {
    asking ??= ask().finally(() => (asking = undefined));
    return asking;
  };

  /** What becomes of an image that the promotion of the settings could bring. */
  const requestedProgress = async (miss: Miss, stage: Stage, progress: Progress): Promise<Progress> => {
    if (progress.state === 'Arrived' || progress.state === 'Stopped') return progress;
    const image = formatReference(miss.asked);
    const counted = budget(miss.caller, image);
    if (progress.state !== 'Ready') return progress;
    if (counted.state === 'exceeded') {
      const isProven = miss.caller.kind === 'token' || miss.caller.kind === 'serviceAccount';
      const who = isProven ? 'this caller has' : 'callers of this network have';
      const text = `${who} asked for ${String(MAX_IMAGES_OF_CALLER)} missing images already`;
      return { ...progress, text, until: counted.until };
    }
    // A run that began after the first caller had asked has answered.
    if (Date.parse(stage.promotion.status.lastRunTime ?? '') >= counted.since.getTime()) return progress;
    return due(`promotion "${stage.promotion.name}"`, await askOnce(), clock());
  };

  const progressAlong = async (stages: readonly Stage[], miss: Miss): Promise<readonly Progress[]> => {
    const passed: Progress[] = [];
    for (const stage of stages) {
      const here = stage.from === nameOf(miss.place) ? miss.digest : passed.at(-1)?.digest;
      const digest = here ?? (passed.length === 0 ? miss.asked.digest : undefined);
      const known = { digest, now: clock() };
      const progress = progressOf(stage, await runsOf(stage), known);
      const isRequested = passed.length === 0 && stage.promotion.name === request;
      passed.push(isRequested ? await requestedProgress(miss, stage, progress) : progress);
      if (progress.state !== 'Arrived') break;
    }
    return passed;
  };

  return async (miss) => {
    const { caller, mayRead } = miss;
    if (caller.kind === 'anonymous' && !anonymous) return undefined;
    try {
      const all = await promotions.all();
      const first = requested(all);
      if (!first)
        onError(WHAT, new Error(`there is no valid promotion "${request}" to ask for what is missing`));
      const stages = stagesOf(all, first, miss);
      // A login is not proven here: what the upstream hides from it is hidden.
      if (stages.length === 0 || (caller.kind === 'login' && !(await isShown(mayRead)))) return undefined;
      const passed = await progressAlong(stages, miss);
      return wayOf(stages.slice(0, passed.length), passed, miss, clock());
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      onError(WHAT, error);
      return miss.isThere
        ? undefined
        : again('what promotions do with it could not be read', UNKNOWN_SECONDS);
    }
  };
}

/** Whether an upstream shows a place; one that cannot answer does not. */
async function isShown(mayRead: Miss['mayRead']): Promise<boolean> {
  const tags = await mayRead().catch((error: unknown) => {
    if (!(error instanceof Fault)) throw error;
  });
  return tags !== undefined;
}

/** The object was changed again and again, or is gone. */
function notAsked(name: string): Fault {
  const [code, side] = ['ClusterUnavailable', 'cluster'] as const;
  const detail = 'other writers were faster each time';
  return new Fault({ code, side, operation: `ask "${name}" for a run`, detail, transient: true });
}
