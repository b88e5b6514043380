import { nameOf, type ImageRef } from '../../core/model/index.ts';
import type { KnownPromotion } from './promotions.ts';

/** One promotion on the way of an image, between two repositories. */
export interface Stage {
  readonly promotion: KnownPromotion;
  readonly from: string;
  readonly to: string;
}

/** An image as it was asked for, and where it is read. */
export interface Wanted {
  readonly asked: ImageRef;
  readonly place: ImageRef;
  /** It is there, and refused: what follows behind that place counts, too. */
  readonly isThere: boolean;
}

/** Most promotions on one way: through quarantine, a staging area and golden, and one more. */
const MAX_STAGES = 4;

/**
 * The promotions that bring an image on, in their order: the first is the one that the settings name (`requested`), if it takes the
 * image by the name that was asked for. What is there already may also go on from where it is. None = nothing is known to bring it.
 */
export function stagesOf(
  all: readonly KnownPromotion[],
  requested: KnownPromotion | undefined,
  wanted: Wanted,
): readonly Stage[] {
  const { asked, place, isThere } = wanted;
  const end = nameOf(place);
  const first = requested && stageOf(requested, nameOf(asked), asked.tag);
  const stages: Stage[] = first ? [first] : [];
  while (stages.length < MAX_STAGES) {
    const next = nextOf(stages, all, wanted);
    if (!next) break;
    stages.push(next);
  }
  // Where it has arrived it is not on its way; a place that is none of these is another address of its source.
  const goesOn = stages.some(({ from }) => from === end) || !stages.some(({ to }) => to === end);
  return !isThere || goesOn ? stages : [];
}

/** The promotion that takes an image on; where several do, the one that leads to where it is read. */
function nextOf(
  stages: readonly Stage[],
  all: readonly KnownPromotion[],
  { asked, place, isThere }: Wanted,
): Stage | undefined {
  const end = nameOf(place);
  const from = stages.at(-1)?.to ?? end;
  if (from === end && !isThere) return undefined;
  const past = new Set([nameOf(asked), ...stages.map((one) => one.from)]);
  const leading = all
    .flatMap((promotion) => stageOf(promotion, from, asked.tag) ?? [])
    .filter(({ to }) => !past.has(to));
  return leading.find(({ to }) => to === end) ?? leading[0];
}

function stageOf(promotion: KnownPromotion, from: string, tag: string | undefined): Stage | undefined {
  const to = promotion.takes(from, tag);
  return to === undefined ? undefined : { promotion, from, to };
}
