import { formatReference, type ImageRef } from '../../core/model/index.ts';
import { errorAnswer } from '../answer.ts';
import type { Caller, Reader } from '../ports.ts';
import { absent, deniedBy, refusalOf, type Outcome, type Refusal } from '../refusal.ts';
import type { AskForMissing, Miss } from './ask.ts';
import { retryAfter, type Way } from './way.ts';

/** What a promotion is about to change: an image with such a reason was not judged yet by those who sign, scan or release. */
const NOT_YET: ReadonlySet<string> = new Set([
  ...['Quarantined', 'Unsigned', 'AttestationMissing', 'ReportMissing'],
]);

/** Whether an image is refused only as long as no promotion has brought it on. */
function isNotYet(admission: Refusal): boolean {
  return admission.kind === 'refused' && NOT_YET.has(deniedBy(admission.judged).reason);
}

/** The answer for an image that is not there, and on its way. */
function onItsWay(asked: ImageRef, way: Way): Outcome {
  const [reason, image] = ['NotPromotedYet', formatReference(asked)] as const;
  const { found, next } = way;
  const message = `${image}: ${reason}: it is not here yet; ${found}; ${next}`;
  const detail = { reason, image, digest: asked.digest, found, next };
  return {
    about: { reason },
    answer: errorAnswer('MANIFEST_UNKNOWN', message, { detail, headers: retryAfter(way) }),
  };
}

/** Who asks, and how the place is read for that caller. */
interface Asker {
  readonly caller: Caller;
  readonly reader: Reader;
  readonly signal: AbortSignal;
}

/** Answers about an image as it was asked for (`asked`) that a caller does not get from where it is read (`place`). */
export interface MissAnswers {
  readonly missing: (asked: ImageRef, place: ImageRef, asker: Asker) => Promise<Outcome>;
  readonly refused: (admission: Refusal, asked: ImageRef, place: ImageRef, asker: Asker) => Promise<Outcome>;
}

/** Makes answers that say where an image is on its way; without `ask`, plain ones. */
export function missAnswers(ask: AskForMissing | undefined): MissAnswers {
  const wayOf = (there: Pick<Miss, 'asked' | 'place' | 'isThere' | 'digest'>, asker: Asker) => {
    const { reader, caller, signal } = asker;
    return ask?.({ ...there, caller, mayRead: () => reader.registry.tags(there.place, signal) });
  };
  const missing: MissAnswers['missing'] = async (asked, place, asker) => {
    const way = await wayOf({ asked, place, isThere: false }, asker);
    return way ? onItsWay(asked, way) : absent('MANIFEST_UNKNOWN', asked);
  };
  return {
    missing,
    // What was not judged by those who sign, scan and release may be on its way to them.
    refused: async (admission, asked, place, asker) => {
      if (!isNotYet(admission)) return refusalOf(admission, asked);
      const { digest } = admission.judged.reference ?? {};
      return refusalOf(admission, asked, await wayOf({ asked, place, isThere: true, digest }, asker));
    },
  };
}
