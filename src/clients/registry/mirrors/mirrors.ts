import { LRUCache } from 'lru-cache';
import { Fault, isPinned, nameOf } from '../../../core/model/index.ts';
import type { Clock, Descriptor, ImageRef, ReasonCode } from '../../../core/model/index.ts';
import { hasBlob } from '../blob.ts';
import { ownerIn } from '../call.ts';
import { readsOver } from '../reads.ts';
import { joined, timesFor, watched, within, type Failure, type Place } from './places.ts';
import { compileMirrors, isAt, type Mirror, type MirrorRules, type Rule } from './rules.ts';

type Reads = ReturnType<typeof readsOver>;

/** One question to a mirror that has ended, or bytes of it that were wrong. */
export interface MirrorEvent {
  /** As the settings name it. */
  readonly mirror: string;
  /** Why it has failed; empty when it has answered. */
  readonly reason: ReasonCode | '';
  /** The same for people. */
  readonly message: string;
}

/** What reading mirrors takes. */
export interface MirrorParts {
  readonly now: Clock;
  /** Called for every question to a mirror; must not throw. */
  readonly onMirror?: ((event: MirrorEvent) => void) | undefined;
}

/** How long a mirror that has failed is passed over, in milliseconds: a burst is not slowed down, and it is soon used again. */
export const REST_MS = 15_000;
/** How long a mirror that sent wrong bytes for a blob is not read for it, in milliseconds: what it has there stays wrong for a while. */
const REFUTED_MS = 600_000;
/** Mirrors, each for one owner, and blobs that are remembered; what is forgotten costs a request. */
const MAX_REMEMBERED = 5_000;

/** Failures of the mirror itself. Any other is about this repository, this login or this image. */
const RESTS: ReadonlySet<ReasonCode> = new Set([
  'RegistryUnavailable',
  'RegistryRateLimited',
  'DeadlineExceeded',
]);

/** Tags of signatures and flags (cosign, and the fallback tag): one that is missing is a fact about its image. */
const OF_DIGEST = /^sha(?:256|512)-[a-f0-9]{32,}(?:\.[a-z]+)?$/;

/**
 * What may be taken from mirrors: content by its digest, and tags of images (`content`). What is missing there would count as absent
 * (`facts`), so that only complete mirrors give it. Lists of names are the registry's own as long as it may be read (`names`).
 */
type Kind = 'content' | 'facts' | 'names';

interface Question {
  readonly ref: ImageRef;
  readonly kind: Kind;
  readonly signal: AbortSignal;
  /** No admission waits for it. */
  readonly patient?: boolean;
  /** The blob that is read. */
  readonly blob?: Pick<Descriptor, 'digest'>;
}

/**
 * Reads as {@link readsOver}, from mirrors first: in their order, each within a short time, and then from the registry itself. What is
 * read by digest is proven wherever it comes from. A mirror is asked by the rules for its own address, and with the login for its own
 * host. Where it fails, refuses or sends what is not right, the next place is asked; what has failed is asked last for a while, for
 * the same owner. That something is absent only the registry reports, or a complete mirror.
 */
export function mirroredReads(rules: MirrorRules, { now, onMirror }: MirrorParts): typeof readsOver {
  const compiled = compileMirrors(rules);
  const memory = () => new LRUCache<string, number>({ max: MAX_REMEMBERED });
  const [resting, refuted] = [memory(), memory()];
  const served = new LRUCache<string, readonly Mirror[]>({ max: MAX_REMEMBERED });
  const isUntil = (times: typeof resting, key: string): boolean => (times.get(key) ?? 0) > now().getTime();
  const ruleFor = (ref: ImageRef): Rule | undefined => {
    const rule = compiled.find(({ below }) => below(ref) !== undefined);
    // An image that is named where a mirror has it is no other place's.
    return rule?.mirrors.some((mirror) => isAt(mirror, ref)) ? undefined : rule;
  };
  const blobKey = (ref: ImageRef, { digest }: Pick<Descriptor, 'digest'>): string =>
    `${nameOf(ref)}@${digest}`;

  const over: typeof readsOver = (begin, budget) => {
    const direct = readsOver(begin, budget);
    const restKey = ({ location }: Mirror, { ref, signal }: Question): string =>
      `${location} ${ownerIn(begin('manifest', '', ref, signal))}`;
    const note = (mirror: Mirror, question: Question, fault?: Fault): void => {
      const { location } = mirror;
      if (fault && RESTS.has(fault.code)) resting.set(restKey(mirror, question), now().getTime() + REST_MS);
      onMirror?.({ mirror: location, reason: fault?.code ?? '', message: fault?.message ?? '' });
    };

    /** Where it is read, in this order. */
    const placesFor = (question: Question, { mirrors, upstream, below }: Rule): readonly Place[] => {
      const { ref, kind, blob } = question;
      const usable = mirrors
        .filter(({ complete }) => kind === 'content' || (complete && (kind === 'facts' || !upstream)))
        .filter(({ location }) => !blob || !isUntil(refuted, `${location} ${blobKey(ref, blob)}`));
      const at = (isResting: boolean): readonly Place[] =>
        usable
          .filter((mirror) => isUntil(resting, restKey(mirror, question)) === isResting)
          .map((mirror) => ({
            mirror,
            ref: { ...ref, registry: mirror.registry, repository: `${mirror.path}${below(ref) ?? ''}` },
            isBounded: !isResting,
          }));
      const all = [...at(false), ...(upstream ? [{ ref, isBounded: false }] : []), ...at(true)];
      return all.map((place, index) => ({ ...place, isBounded: place.isBounded && index < all.length - 1 }));
    };

    /** What a place answers; a Fault when it does not. */
    const answerAt = async <T>(
      { mirror }: Place,
      question: Question,
      ms: number | undefined,
      read: (signal: AbortSignal) => Promise<T | undefined>,
    ): Promise<{ readonly value: T | undefined } | Fault> => {
      try {
        const value = await within(ms, question.signal, read);
        if (mirror) note(mirror, question);
        return { value };
      } catch (error) {
        if (!(error instanceof Fault) || question.signal.aborted) throw error;
        if (mirror) note(mirror, question, error);
        return error;
      }
    };

    const ask = async <T>(
      question: Question,
      read: (reads: Reads, ref: ImageRef, signal: AbortSignal, mirror?: Mirror) => Promise<T | undefined>,
    ): Promise<T | undefined> => {
      const { ref, kind, signal } = question;
      const rule = ruleFor(ref);
      if (!rule) return read(direct, ref, signal);
      // A mirror without the API for referrers lacks those that the registry has. Alone it may have them under fallback tags.
      const as = { mirrorOf: ref.registry, mustList: rule.upstream };
      const atMirror = readsOver((...given) => ({ ...begin(...given), ...as }), budget);
      const isFinal = (value: T | undefined, mirror: Mirror | undefined): boolean =>
        value !== undefined || !mirror || kind !== 'content' || (mirror.complete && !rule.upstream);
      const timeFor = timesFor(question, now);
      const failures: Failure[] = [];
      for (const place of placesFor(question, rule)) {
        const ms = timeFor(place);
        if (ms === 0) continue;
        const { mirror } = place;
        const outcome = await answerAt(place, question, ms, (bounded) =>
          read(mirror ? atMirror : direct, place.ref, bounded, mirror),
        );
        if (outcome instanceof Fault) failures.push({ mirror, fault: outcome });
        else if (isFinal(outcome.value, mirror)) return outcome.value;
      }
      throw joined(failures, ref);
    };
    const content = (ref: ImageRef, signal: AbortSignal, patient?: boolean): Question => {
      const isFact = !isPinned(ref) && OF_DIGEST.test(ref.tag ?? '');
      return { ref, signal, kind: isFact ? 'facts' : 'content', patient };
    };
    const listing = async <T>(question: Question, read: Parameters<typeof ask<readonly T[]>>[1]) =>
      (await ask(question, read)) ?? [];

    const openBlob: Reads['openBlob'] = (ref, blob, offset, signal) => {
      const question: Question = { ref, signal, kind: 'content', patient: true, blob };
      return ask(question, async (reads, there, until, mirror) => {
        if (!mirror) return reads.openBlob(there, blob, offset, until);
        // Addresses of foreign layers are followed once the registry itself has none.
        const opened = await reads.openBlob(there, { ...blob, urls: undefined }, offset, until);
        const key = blobKey(ref, blob);
        served.set(key, [...(served.get(key) ?? []).filter((one) => one !== mirror), mirror]);
        return opened && watched(opened, (fault) => !signal.aborted && note(mirror, question, fault));
      });
    };
    return {
      ...direct,
      manifest: (ref, signal, keys) =>
        ask(content(ref, signal), (reads, there, until) => reads.manifest(there, until, keys)),
      content: (ref, signal, kind) =>
        ask(content(ref, signal, true), (reads, there, until) => reads.content(there, until, kind)),
      tagDigest: (ref, signal) =>
        ask(content(ref, signal), (reads, there, until) => reads.tagDigest(there, until)),
      referrers: (ref, signal, keys) =>
        listing({ ref, signal, kind: 'facts' }, (reads, there, until) =>
          reads.referrers({ ...there, digest: ref.digest }, until, keys),
        ),
      fallbackReferrers: (ref, signal, keys) =>
        listing({ ref, signal, kind: 'facts' }, (reads, there, until) =>
          reads.fallbackReferrers({ ...there, digest: ref.digest }, until, keys),
        ),
      blob: (ref, blob, maxBytes, signal) =>
        ask({ ref, signal, kind: 'content' }, (reads, there, until) =>
          reads.blob(there, blob, maxBytes, until),
        ),
      openBlob,
      // The gate hands bytes of mirrors out itself.
      openBlobOrPlace: (ref, ...rest) =>
        ruleFor(ref) ? openBlob(ref, ...rest) : direct.openBlobOrPlace(ref, ...rest),
      hasBlob: async (ref, digest, signal) => {
        const found = await ask({ ref, signal, kind: 'content' }, async (_, there, until, mirror) => {
          const call = begin('blob', `find blob ${digest} of ${nameOf(there)}`, there, until);
          const at = mirror ? { ...call, mirrorOf: ref.registry } : call;
          return (await hasBlob(at, { digest })) ? true : undefined;
        });
        return found ?? false;
      },
      refute: (ref, blob) => {
        const key = blobKey(ref, blob);
        const mirrors = served.get(key) ?? [];
        served.delete(key);
        for (const { location } of mirrors) {
          refuted.set(`${location} ${key}`, now().getTime() + REFUTED_MS);
          onMirror?.({ mirror: location, reason: 'RegistryMisbehaved', message: `${location}: ${WRONG}` });
        }
        return mirrors.length > 0;
      },
      tags: (ref, signal) =>
        ask({ ref, signal, kind: 'names' }, (reads, there, until) => reads.tags(there, until)),
      repositories: async (ref, signal) => {
        if (ruleFor(ref)?.upstream === false) throw joined([], ref);
        return direct.repositories(ref, signal);
      },
      inTurn: (turn) => over((...given) => ({ ...begin(...given), turn }), budget),
    };
  };
  return over;
}

const WRONG = 'the bytes of a blob are not those that its digest names';
