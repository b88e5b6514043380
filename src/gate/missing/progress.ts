import { rfc3339 } from '../../core/model/index.ts';
import { parseTime } from '../../core/policy/index.ts';
import type { ImagePromotionSpec, ImagePromotionStatus, RunImage } from '../../core/promotion/index.ts';
import { rowOf, type Known, type StageRuns } from './rows.ts';
import type { Stage } from './stages.ts';

/** How far an image has come with one promotion. */
export interface Progress {
  /** Ready = nothing is under way, and a run can be asked for; Stopped = a run alone would change nothing. */
  readonly state: 'Arrived' | 'Active' | 'Due' | 'Ready' | 'Stopped';
  /** One clause for the caller. */
  readonly text: string;
  /** Since when it is so. */
  readonly since?: Date | undefined;
  /** When it is known to change, at the earliest. */
  readonly until?: Date | undefined;
  /** Seconds within which nothing will change, at least, where no moment is known. */
  readonly seconds: number;
  /** The digest that it has behind this promotion. */
  readonly digest?: string | undefined;
}

/** Seconds until a run that is due or under way may have ended: few images take less. */
const RUN_SECONDS = 60;
/** Seconds until a person may have decided: shorter, clients would only cost. */
const PERSON_SECONDS = 300;
/** Seconds where nothing changes before a person acts. */
const STOPPED_SECONDS = 3_600;

const ARRIVED: ReadonlySet<string> = new Set(['Mirrored', 'Promoted', 'UpToDate']);

/** How far an image is with one promotion, by the status of that and of its runs. */
export function progressOf(stage: Stage, { active, last }: StageRuns, known: Known): Progress {
  const { name, status, spec } = stage.promotion;
  const { now } = known;
  const subject = `promotion "${name}"`;
  const row = rowOf(stage, [active, last], known);
  if (row && ARRIVED.has(row.decision)) return arrived(stage, row, now);
  if (active) {
    const since = moment(active.startTime);
    return { state: 'Active', text: `${subject} is at it${at(since, now)}`, since, seconds: RUN_SECONDS };
  }
  const obstacle = obstacleOf(spec, status);
  if (obstacle !== undefined)
    return { state: 'Stopped', text: `${subject} ${obstacle}`, seconds: STOPPED_SECONDS };
  const { askedAt } = stage.promotion;
  if (askedAt && isPending(askedAt, status, now)) return due(subject, askedAt, now);
  const ended = moment(status.lastRun?.completionTime);
  return row ? undecided(subject, row, { ended, now }) : unseen(subject, stage, { ended, now });
}

/** Longest time in milliseconds by which a run may be asked for ahead: what is later was not written by a gate. */
export const MAX_AHEAD_MS = 600_000;

/** Whether a run that was asked for has not begun. */
export function isPending(askedAt: Date, { lastRunTime }: ImagePromotionStatus, now: Date): boolean {
  const begun = moment(lastRunTime);
  return askedAt.getTime() - now.getTime() <= MAX_AHEAD_MS && (!begun || begun < askedAt);
}

/** A run that was asked for. One that does not begin says so by its age. */
export function due(subject: string, askedAt: Date, now: Date): Progress {
  const isAhead = askedAt > now;
  const text = `${subject} ${isAhead ? 'begins' : 'was asked for it'}${at(askedAt, now)}`;
  return isAhead
    ? { state: 'Due', text, until: new Date(askedAt.getTime() + RUN_SECONDS * 1_000), seconds: RUN_SECONDS }
    : { state: 'Due', text, since: askedAt, seconds: RUN_SECONDS };
}

function arrived({ promotion }: Stage, row: RunImage, now: Date): Progress {
  const { spec, status } = promotion;
  const recent = status.recent?.find(
    (one) => one.tag === row.tag && one.repository === row.repository && ARRIVED.has(one.decision),
  );
  const since = moment(row.completionTime) ?? moment(recent?.time);
  const when = at(since, now);
  const where = spec.mirror?.quarantine ? ' into quarantine' : '';
  const text = spec.mirror ? `mirrored${when}${where}` : `promoted${when}`;
  return { state: 'Arrived', text, since, seconds: RUN_SECONDS, digest: row.target ?? row.source };
}

/** Why a promotion runs for no one. */
function obstacleOf(
  { suspend, dryRun }: ImagePromotionSpec,
  { conditions = [] }: ImagePromotionStatus,
): string | undefined {
  if (suspend) return 'is suspended';
  if (dryRun) return 'only plans';
  const stalled = conditions.find(({ type, status }) => type === 'Stalled' && status === 'True');
  // A repository that is not there yet may come: the run before this promotion makes it.
  if (!stalled || stalled.reason === 'ImageNotFound') return undefined;
  return `needs a person: ${stalled.reason}`;
}

interface Ended {
  readonly ended: Date | undefined;
  readonly now: Date;
}

/** What the last run has decided about an image that did not arrive. */
function undecided(
  subject: string,
  { decision, reason, transient }: RunImage,
  { ended, now }: Ended,
): Progress {
  const since = ended;
  if (decision === 'AwaitingApproval')
    return { state: 'Stopped', text: 'waiting for approval', since, seconds: PERSON_SECONDS };
  const why = `${at(ended, now)}${reason === undefined ? '' : `: ${reason}`}`;
  if (decision === 'Failed')
    return {
      state: transient ? 'Due' : 'Ready',
      ...{ text: `${subject} failed at it${why}`, since, seconds: PERSON_SECONDS },
    };
  const verb = decision === 'Blocked' ? 'blocked it' : 'left it out';
  return { state: 'Stopped', text: `${subject} ${verb}${why}`, since, seconds: STOPPED_SECONDS };
}

/** An image of which no run says anything. */
function unseen(subject: string, { promotion }: Stage, { ended, now }: Ended): Progress {
  const next = moment(promotion.status.nextRunTime);
  const past = ended ? `ended${at(ended, now)} without it` : 'has not run yet';
  const isAhead = next !== undefined && next > now;
  return {
    ...{ state: 'Ready', text: `${subject} ${past}${isAhead ? `, and runs next${at(next, now)}` : ''}` },
    ...{ since: ended, seconds: PERSON_SECONDS },
    until: isAhead ? new Date(next.getTime() + RUN_SECONDS * 1_000) : undefined,
  };
}

function moment(text: string | undefined): Date | undefined {
  return parseTime(text ?? '');
}

/** ` 12:03Z`, or with the day where that is not the present one. */
function at(time: Date | undefined, now: Date): string {
  if (!time) return '';
  const [day, clock] = [rfc3339(time).slice(0, 10), rfc3339(time).slice(11, 16)];
  return day === rfc3339(now).slice(0, 10) ? ` ${clock}Z` : ` ${day} ${clock}Z`;
}
