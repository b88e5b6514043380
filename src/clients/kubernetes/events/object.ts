import { createHash } from 'node:crypto';
import { microTime, objectOf } from '../../../core/model/index.ts';

/** Something that happened to an object, for people who look at it with `kubectl describe`. */
export interface RecordedEvent {
  readonly regarding: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
  };
  readonly type: 'Normal' | 'Warning';
  /** Why, as a code. */
  readonly reason: string;
  /** What was done, as one word. */
  readonly action: string;
  /** One sentence; cut at {@link MAX_NOTE_BYTES}. */
  readonly note: string;
}

/** How often something happened, and when. */
export interface Occurrences {
  readonly count: number;
  readonly first: Date;
  readonly last: Date;
}

/** Longest note the API server takes. */
export const MAX_NOTE_BYTES = 1_024;
/** Longest reason, action and reporting instance it takes. */
const MAX_WORD_LENGTH = 128;
/** Longest part of the object's name in that of the event: a DNS subdomain has 253 characters, a dot and 16 digits follow. */
const MAX_NAME_PART = 236;
const HASH_DIGITS = 16;
const DNS_SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
/** Who reports, as a qualified name. */
const REPORTING_CONTROLLER = 'pratique.dev/pratique';
/** A series has at least two occurrences, says the API server. */
const LEAST_IN_SERIES = 2;

/** What identifies the object; without a uid its name does. */
export function regardingKey({ uid, apiVersion, kind, namespace, name }: RecordedEvent['regarding']): string {
  return uid ?? JSON.stringify([apiVersion, kind, namespace, name]);
}

/** The same name for the same object, reason and note, in every process: a restarted controller finds what it wrote before. */
export function eventName(event: RecordedEvent): string {
  const { regarding, type, reason, note } = event;
  const content = JSON.stringify([regardingKey(regarding), type, reason, cutNote(note)]);
  const hash = createHash('sha256').update(content).digest('hex').slice(0, HASH_DIGITS);
  const part = regarding.name.slice(0, MAX_NAME_PART).replace(/[-.]+$/, '');
  return `${DNS_SUBDOMAIN.test(part) ? part : 'event'}.${hash}`;
}

/** The event as an object of `events.k8s.io/v1`. */
export function eventObject(
  event: RecordedEvent,
  namespace: string,
  reportingInstance: string,
  seen: Occurrences,
): object {
  const { regarding, type, reason, action, note } = event;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: eventName(event), namespace },
    eventTime: microTime(seen.first),
    series: seen.count < LEAST_IN_SERIES ? undefined : seriesOf(seen.count, seen.last),
    reportingController: REPORTING_CONTROLLER,
    reportingInstance: reportingInstance.slice(0, MAX_WORD_LENGTH),
    action: action.slice(0, MAX_WORD_LENGTH),
    reason: reason.slice(0, MAX_WORD_LENGTH),
    regarding,
    note: cutNote(note),
    type,
  };
}

/** The part of an event that changes when it happens again. */
export function seriesOf(count: number, last: Date): object {
  return { count, lastObservedTime: microTime(last) };
}

/** How often a stored event says it happened; 1 when it is in no series. */
export function countOf({ series }: Readonly<Record<string, unknown>>): number {
  const { count } = objectOf(series);
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : 1;
}

/** At most so many bytes of UTF-8, and no half character. */
function cutNote(note: string): string {
  const bytes = Buffer.from(note.toWellFormed());
  if (bytes.byteLength <= MAX_NOTE_BYTES) return note.toWellFormed();
  const ellipsis = '…';
  let end = MAX_NOTE_BYTES - Buffer.byteLength(ellipsis);
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1; // the middle of a character
  return bytes.subarray(0, end).toString() + ellipsis;
}
