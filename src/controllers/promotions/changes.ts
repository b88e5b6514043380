import type { RecordedEvent } from '../../clients/kubernetes/index.ts';
import { digestOf } from '../../core/model/index.ts';
import {
  MAX_RECENT,
  MAX_RUN_IMAGES,
  rowName,
  type ImageDecision,
  type ImagePromotionStatus,
  type RunImage,
} from '../../core/promotion/index.ts';
import type { CustomObject, PromotionObject, RunObject } from './ports.ts';

/** The changes of an ended run. */
export interface Changes {
  readonly events: readonly RecordedEvent[];
  /** Stored forms of everything that has been reported. */
  readonly reported: readonly string[];
  readonly recent: NonNullable<ImagePromotionStatus['recent']>;
  /** The images whose state has changed. */
  readonly fresh: readonly RunImage[];
}

/** Most events about single images of one run: the burst that the recorder allows for an object, here and in client-go. */
const MAX_EVENTS = 25;
/** Hex digits of a fingerprint: enough to distinguish a few hundred decisions. */
const FINGERPRINT_DIGITS = 12;
/** Hex digits of a digest in an event. */
const SHOWN_DIGITS = 12;

/** Decisions that are reported, as the text of the event. Skipped and unchanged images are not reported. */
const NEWS: Partial<Readonly<Record<ImageDecision, string>>> = {
  Promoted: 'was promoted',
  Mirrored: 'was mirrored',
  Blocked: 'is blocked',
  AwaitingApproval: 'waits for a person',
  Failed: 'failed',
};

/** What is new in a run, compared with what was already reported: one event for each image whose state has changed. */
export function changesOf(promotion: PromotionObject, before: ImagePromotionStatus, run: RunObject): Changes {
  const { images = [], completionTime: time = '' } = run.status ?? {};
  const known = new Set(before.told);
  const news = images.filter(({ decision }) => NEWS[decision] !== undefined);
  // Images that did not arrive are reported first: there may be more than can be reported one by one.
  const fresh = news
    .filter((row) => !known.has(fingerprint(row)))
    .toSorted((a, b) => Number(arrived(a)) - Number(arrived(b)));
  const failure = failureOf(run);
  const reported = [...news.map(fingerprint), ...(failure ? [failure.fingerprint] : [])];
  const recent = fresh
    .slice(0, MAX_RECENT)
    .map(({ repository, tag, source: digest, decision, reason, message }) => ({
      ...{ repository, tag, digest, decision, reason, message, run: run.metadata.name, time },
    }));
  return {
    events: [
      ...(failure && !known.has(failure.fingerprint) ? [failureEvent(promotion, failure)] : []),
      ...fresh.slice(0, MAX_EVENTS).map((row) => imageEvent(promotion, row)),
      ...summaries(run, { before, fresh }),
    ],
    reported: reported.slice(0, MAX_RUN_IMAGES),
    fresh,
    recent: [...recent, ...(before.recent ?? [])].slice(0, MAX_RECENT),
  };
}

function arrived({ decision }: RunImage): boolean {
  return decision === 'Promoted' || decision === 'Mirrored';
}

/** The stored form of a decision. */
function fingerprint(row: RunImage): string {
  const { source = '', decision, reason = '' } = row;
  return shortHash([rowName(row), source, decision, reason]);
}

function shortHash(parts: readonly string[]): string {
  const digest = digestOf(JSON.stringify(parts));
  return digest.slice(digest.indexOf(':') + 1).slice(0, FINGERPRINT_DIGITS);
}

interface RunFailure {
  readonly reason: string;
  readonly message: string;
  readonly fingerprint: string;
}

/** Why a run failed before it had images to report. */
function failureOf({ status = {} }: RunObject): RunFailure | undefined {
  const failed = status.conditions?.find(({ type, status: is }) => type === 'Failed' && is === 'True');
  if (!failed || (status.counts?.failed ?? 0) > 0) return undefined;
  const { reason, message } = failed;
  return { reason, message, fingerprint: shortHash(['', reason]) };
}

function failureEvent(promotion: PromotionObject, { reason, message }: RunFailure): RecordedEvent {
  return {
    regarding: regarding(promotion),
    ...{ type: 'Warning', reason, action: 'Run', note: `the run failed: ${message}` },
  };
}

function imageEvent(promotion: PromotionObject, row: RunImage): RecordedEvent {
  const { source = '', decision, reason = decision, message } = row;
  const [algorithm = '', hex = ''] = source.split(':');
  const image = `${rowName(row)} (${algorithm}:${hex.slice(0, SHOWN_DIGITS)})`;
  return {
    regarding: regarding(promotion),
    type: arrived(row) ? 'Normal' : 'Warning',
    reason,
    action: decision,
    note: `${image} ${NEWS[decision] ?? ''}${message === undefined ? '' : `: ${message}`}`,
  };
}

/** Images that are too many to report one by one are reported as a number, on the run. */
function summaries(
  run: RunObject,
  { before, fresh }: { readonly before: ImagePromotionStatus; readonly fresh: readonly RunImage[] },
): readonly RecordedEvent[] {
  const reported = fresh.slice(0, MAX_EVENTS);
  const left = fresh.slice(MAX_EVENTS);
  const earlier = before.lastRun?.name === run.metadata.name ? (before.counts?.promoted ?? 0) : 0;
  const moved = (run.status?.counts?.promoted ?? 0) - earlier - reported.filter(arrived).length;
  const others = left.filter((row) => !arrived(row)).length;
  const about = { regarding: regarding(run), action: 'Run' };
  const moreMoved = `${String(moved)} more images arrived; see the status`;
  const moreOthers = `${String(others)} more images did not arrive; see the status`;
  const events: readonly RecordedEvent[] = [
    { ...about, type: 'Normal', reason: 'Promoted', note: moreMoved },
    { ...about, type: 'Warning', reason: 'Blocked', note: moreOthers },
  ];
  return events.filter(({ type }) => (type === 'Normal' ? moved : others) > 0);
}

/** The object of an event. */
export function regarding({ apiVersion, kind, metadata }: CustomObject): RecordedEvent['regarding'] {
  const { namespace, name, uid } = metadata;
  return { apiVersion, kind, namespace, name, uid };
}
