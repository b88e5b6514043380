import type { RecordedEvent } from '../../clients/kubernetes/index.ts';
import { cutBytes, type JudgedImage } from '../../core/model/index.ts';
import { explainFinding } from '../../core/policy/index.ts';
import { byWeight, rankOf, reportedCodes, isReported, type Judgement } from './judge-group.ts';
import { podReference } from './running-pods.ts';
import type { PodUse, Unit } from './image-groups.ts';

/** Reason of the event that says that nothing is wrong with an image any longer. */
export const ADMISSIBLE = 'Admissible';
/** What an audit does, in the `action` of its events. */
const ACTION = 'Audit';
/** Most pods that get an event for one change: the others run the same image, and too many events push out older ones. */
export const MAX_PODS_WITH_EVENTS = 10;
/** Longest note of an event in bytes at the API server: 1,024. */
const MAX_NOTE_BYTES = 1_000;

/** What was last said about a unit. */
export interface Announced {
  readonly codes: readonly string[];
  readonly rank: number;
}

/** The part of a judgement that an event would announce: when it is equal, there is nothing new to announce. */
export function announcementOf({ verdict }: Judgement): Announced {
  return { codes: reportedCodes(verdict), rank: rankOf(verdict) };
}

/**
 * Events for a change of verdict or reasons, one per pod: Warning for the worse, Normal for the better. A first judgement
 * that admits the image is no change. What may pass by itself is reported only when the next check finds the same, so that a
 * short outage of a registry causes no events. That it is not clear which image runs is no change either.
 */
export function podEvents(
  unit: Unit,
  judgement: Judgement,
  { announced, last }: { readonly announced: Announced | undefined; readonly last: Announced | undefined },
): { readonly announced: Announced | undefined; readonly events: readonly RecordedEvent[] } {
  if (judgement.unclear) return { announced, events: [] };
  const now = announcementOf(judgement);
  const before = announced ?? NOTHING;
  if (same(now, before)) return { announced: now, events: [] };
  const passing = judgement.verdict.findings.some(({ transient }) => transient);
  if (passing && !(last && same(now, last))) return { announced, events: [] };
  if (!announced && judgement.verdict.kind === 'allow') return { announced: now, events: [] };
  return { announced: now, events: eventsOf(unit, judgement, isWorse(now, before)) };
}

const NOTHING: Announced = { codes: [], rank: 0 };

function same(a: Announced, b: Announced): boolean {
  return a.rank === b.rank && a.codes.join() === b.codes.join();
}

function isWorse(now: Announced, before: Announced): boolean {
  if (now.rank !== before.rank) return now.rank > before.rank;
  return now.codes.some((code) => !before.codes.includes(code));
}

function eventsOf(unit: Unit, judgement: Judgement, worse: boolean): readonly RecordedEvent[] {
  const uses = [...unit.pods.values()];
  const findings = byWeight(judgement.verdict).filter(isReported);
  const event = ({ pod }: PodUse, note: string): RecordedEvent => ({
    regarding: podReference(pod),
    type: worse ? 'Warning' : 'Normal',
    reason: findings[0]?.reason ?? ADMISSIBLE,
    action: ACTION,
    note: cutBytes(note, MAX_NOTE_BYTES),
  });
  const announced = uses
    .slice(0, MAX_PODS_WITH_EVENTS)
    .map((use) => event(use, noteOf(unit, judgement, use)));
  const next = uses[MAX_PODS_WITH_EVENTS];
  if (!next) return announced;
  const more = `and ${String(uses.length - MAX_PODS_WITH_EVENTS)} more pods: ${noteOf(unit, judgement, next)}`;
  return [...announced, event(next, more)];
}

const OPENINGS = {
  deny: 'would be refused now',
  unknown: 'would be refused now, because something could not be learned',
  warn: 'runs with a warning',
  allow: 'may run',
} as const;

function noteOf(unit: Unit, { verdict, reference }: Judgement, { container }: PodUse): string {
  const findings = byWeight(verdict).filter(isReported);
  const image: JudgedImage = { container, field: '', image: unit.image, verdict, reference };
  const lines = findings.map((finding) => explainFinding(image, finding));
  const mirror = unit.pulledAs === undefined ? [] : [`the node pulled it as ${unit.pulledAs}`];
  const all =
    lines.length > 0 ? lines : [`${container}: ${unit.image}: nothing is found against it any longer`];
  return `${OPENINGS[verdict.kind]}: ${[...all, ...mirror].join(' | ')}`;
}
