import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { cutBytes, microTime, objectOf, oneLine, type Clock } from '../../core/model/index.ts';
import { fault, faultOfNo } from './rest/fault.ts';
import type { Cluster, Written } from './types.ts';

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

export interface EventRecorderOptions {
  readonly cluster: Pick<Cluster, 'get' | 'create' | 'patch'>;
  /** Where events about objects without a namespace go; the API server wants `default`. */
  readonly namespaceOfClusterScoped: string;
  /** This replica, as the name of its pod. */
  readonly reportingInstance: string;
  readonly clock: Clock;
  /** Called for every event that is lost; must not throw. */
  readonly onFailure: (error: unknown, event: RecordedEvent) => void;
}

/** Writes events, as far as it can: they are news, not records. */
export interface EventRecorder {
  /**
   * Notes an event and returns at once; never throws. The same event (object, type, reason, note) again counts up the
   * `series` of the one that is stored. At most some hundreds wait; an object that has used up its budget waits for a new one.
   */
  readonly record: (event: RecordedEvent) => void;
  /** Takes no more, and gives those that wait a few seconds to be written. */
  readonly close: () => Promise<void>;
}

/** Events that wait to be written; more than that come only when the API server does not keep up. */
const MAX_WAITING = 500;
/** Series whose excess over the budget is remembered until the next one is written. */
const MAX_PENDING = 1_000;
/** Milliseconds for one event: no caller waits for it, but other events wait behind it. */
const WRITE_WITHIN_MS = 10_000;
/** Milliseconds for what still waits at the end: a pod that is stopped has thirty seconds for everything. */
const CLOSE_WITHIN_MS = 3_000;

const RESOURCE = { group: 'events.k8s.io', version: 'v1', plural: 'events' } as const;

interface Waiting extends Occurrences {
  readonly event: RecordedEvent;
}

/** Makes a recorder, which writes one event after the other. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { clock, onFailure } = options;
  const affordable = createEventBudget(clock);
  const waiting = new Map<string, Waiting>();
  const pending = new Map<string, number>();
  const closing = new AbortController();
  let closed = false;
  let writing: Promise<void> | undefined;

  const writeAll = async (): Promise<void> => {
    for (const [key, seen] of waiting) {
      waiting.delete(key);
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(WRITE_WITHIN_MS)]);
      await write(options, seen, signal).catch((error: unknown) => onFailure(error, seen.event));
    }
    writing = undefined;
  };

  /** One that the budget does not allow counts with the next that it does; too many such are lost. */
  const postpone = (key: string, event: RecordedEvent): void => {
    const count = pending.get(key) ?? 0;
    if (count === 0 && pending.size >= MAX_PENDING) lose(event, 'too many objects cause too many events');
    else pending.set(key, count + 1);
  };

  const lose = (event: RecordedEvent, why: string): void => {
    onFailure(fault(doing(event), 'ClusterUnavailable', why), event);
  };

  const add = (key: string, event: RecordedEvent): void => {
    const now = clock();
    const before = waiting.get(key);
    if (before) waiting.set(key, { ...before, count: before.count + 1, last: now });
    else if (waiting.size >= MAX_WAITING) lose(event, 'too many events wait to be written');
    else if (!affordable(regardingKey(event.regarding))) postpone(key, event);
    else {
      const count = 1 + (pending.get(key) ?? 0);
      pending.delete(key);
      waiting.set(key, { event, count, first: now, last: now });
      // In a later turn: who records several in one breath writes one.
      writing ??= Promise.resolve().then(writeAll);
    }
  };

  return {
    record: (event) => {
      if (closed) lose(event, 'the recorder is closed');
      else add(`${event.regarding.namespace ?? ''}/${eventName(event)}`, event);
    },
    close: async () => {
      closed = true;
      const timer = setTimeout(() => closing.abort(), CLOSE_WITHIN_MS);
      await writing;
      clearTimeout(timer);
    },
  };
}

/** Creates the event, or counts up the one that is stored: by this process, by one before it, or by another replica. */
async function write(options: EventRecorderOptions, seen: Waiting, signal: AbortSignal): Promise<void> {
  const { event } = seen;
  const { cluster, reportingInstance, namespaceOfClusterScoped } = options;
  const namespace = event.regarding.namespace ?? namespaceOfClusterScoped;
  const address = { resource: RESOURCE, namespace, name: eventName(event) };
  const object = eventObject(event, namespace, reportingInstance, seen);
  const create = (): Promise<Written> =>
    cluster.create({ resource: RESOURCE, namespace }, object, { signal });
  const created = await create();
  if (created.ok) return;
  if (created.reason !== 'AlreadyExists') throw faultOfNo(doing(event), created);
  const stored = await cluster.get(address, signal);
  const series = stored && seriesOf(countOf(stored) + seen.count, seen.last);
  const counted = series && (await cluster.patch(address, { series }, { signal }));
  // When it is gone now, it was stored a moment ago and its time has come since.
  const written = !counted || (!counted.ok && counted.status === 404) ? await create() : counted;
  if (!written.ok) throw faultOfNo(doing(event), written);
}

function doing({ reason, regarding: { kind, namespace, name } }: RecordedEvent): string {
  return `write event ${reason} about ${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

/** Events one object may cause at once: what client-go allows. */
const BURST = 25;
/** Milliseconds until one more is allowed: what client-go allows, too. */
const REFILL_MS = 300_000;
/** Objects whose budgets are remembered; one that is forgotten has a full budget again. */
const MAX_OBJECTS = 4_096;

/** A token bucket per object, so that one object does not drown the others; `false` when the budget of this one is used up. */
function createEventBudget(clock: Clock): (object: string) => boolean {
  const buckets = new LRUCache<string, { readonly tokens: number; readonly at: number }>({
    max: MAX_OBJECTS,
  });
  return (object) => {
    const now = clock().getTime();
    const { tokens, at } = buckets.get(object) ?? { tokens: BURST, at: now };
    const filled = Math.min(BURST, tokens + Math.max(0, now - at) / REFILL_MS); // a clock set back takes nothing away
    if (filled < 1) return false;
    buckets.set(object, { tokens: filled - 1, at: now });
    return true;
  };
}

/** How often something happened, and when. */
interface Occurrences {
  readonly count: number;
  readonly first: Date;
  readonly last: Date;
}

/** Longest note the API server takes. */
const MAX_NOTE_BYTES = 1_024;
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
function regardingKey({ uid, apiVersion, kind, namespace, name }: RecordedEvent['regarding']): string {
  return uid ?? JSON.stringify([apiVersion, kind, namespace, name]);
}

/** The same name for the same object, reason and note, in every process: a restarted controller finds what it wrote before. */
function eventName(event: RecordedEvent): string {
  const { regarding, type, reason, note } = event;
  const content = JSON.stringify([regardingKey(regarding), type, reason, cutNote(note)]);
  const hash = createHash('sha256').update(content).digest('hex').slice(0, HASH_DIGITS);
  const part = regarding.name.slice(0, MAX_NAME_PART).replace(/[-.]+$/, '');
  return `${DNS_SUBDOMAIN.test(part) ? part : 'event'}.${hash}`;
}

/** The event as an object of `events.k8s.io/v1`. */
function eventObject(event: RecordedEvent, namespace: string, instance: string, seen: Occurrences): object {
  const { regarding, type, reason, action, note } = event;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: eventName(event), namespace },
    eventTime: microTime(seen.first),
    series: seen.count < LEAST_IN_SERIES ? undefined : seriesOf(seen.count, seen.last),
    reportingController: REPORTING_CONTROLLER,
    reportingInstance: instance.slice(0, MAX_WORD_LENGTH),
    action: action.slice(0, MAX_WORD_LENGTH),
    reason: reason.slice(0, MAX_WORD_LENGTH),
    regarding,
    note: cutNote(note),
    type,
  };
}

/** The part of an event that changes when it happens again. */
function seriesOf(count: number, last: Date): object {
  return { count, lastObservedTime: microTime(last) };
}

/** How often a stored event says it happened; 1 when it is in no series. */
function countOf({ series }: Readonly<Record<string, unknown>>): number {
  const { count } = objectOf(series);
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : 1;
}

/** One line of at most so many bytes of UTF-8, and no half character. */
function cutNote(note: string): string {
  return cutBytes(oneLine(note).toWellFormed(), MAX_NOTE_BYTES);
}
