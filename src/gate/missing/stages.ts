import { nameOf, type ImageRef } from '../../core/model/index.ts';
import { sourceTagsOf, targetTagOf } from '../../core/promotion/index.ts';
import type { KnownPromotion } from './promotions.ts';

/** One promotion on the way of an image, between two repositories. */
export interface Stage {
  readonly promotion: KnownPromotion;
  readonly from: string;
  readonly to: string;
  /** What it is called where it comes from, and where it goes; absent = it was asked for by its digest. */
  readonly tag?: string | undefined;
  readonly targetTag?: string | undefined;
}

/** An image as it was asked for, and where it is read. */
export interface Wanted {
  readonly asked: ImageRef;
  readonly place: ImageRef;
  /** It is there, and refused: what follows behind that place counts, too. */
  readonly isThere: boolean;
}

/** Tags of the source that are tried for one that is asked for: promotions of a namespace name tags in one or two ways. */
const MAX_STARTS = 8;
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
  const chainOf = (tag: string | undefined): readonly Stage[] => {
    const first = requested && stageOf(requested, nameOf(asked), tag);
    const chain: Stage[] = first ? [first] : [];
    while (chain.length < MAX_STAGES) {
      const next = nextOf(chain, all, wanted);
      if (!next) break;
      chain.push(next);
    }
    return chain;
  };
  // The tag that was asked for is one of the end: it may come of another one.
  const isCalledSo = (chain: readonly Stage[]): boolean =>
    chain.some(({ to, targetTag }) => to === end && targetTag === asked.tag);
  const stages = startsOf(asked.tag, all).map(chainOf).find(isCalledSo) ?? chainOf(asked.tag);
  // Where it has arrived it is not on its way; a place that is none of these is another address of its source.
  const goesOn = stages.some(({ from }) => from === end) || !stages.some(({ to }) => to === end);
  return !isThere || goesOn ? stages : [];
}

/** The tags of which one at the end may come, by what one of these promotions calls it: itself first. */
function startsOf(tag: string | undefined, all: readonly KnownPromotion[]): readonly (string | undefined)[] {
  if (tag === undefined) return [];
  const templates = new Set([undefined, ...all.map(({ spec }) => spec.targetTag)]);
  const tags = new Set([...templates].flatMap((template) => sourceTagsOf(template, tag)));
  return [...tags].slice(0, MAX_STARTS);
}

/** The promotion that takes an image on; where several do, the one that leads to where it is read. */
function nextOf(
  stages: readonly Stage[],
  all: readonly KnownPromotion[],
  { asked, place, isThere }: Wanted,
): Stage | undefined {
  const end = nameOf(place);
  const { to: from, targetTag: tag } = stages.at(-1) ?? { to: end, targetTag: asked.tag };
  if (from === end && !isThere) return undefined;
  const past = new Set([nameOf(asked), ...stages.map((one) => one.from)]);
  const leading = all
    .flatMap((promotion) => stageOf(promotion, from, tag) ?? [])
    .filter(({ to }) => !past.has(to));
  return leading.find(({ to }) => to === end) ?? leading[0];
}

function stageOf(promotion: KnownPromotion, from: string, tag: string | undefined): Stage | undefined {
  const to = promotion.takes(from, tag);
  if (to === undefined) return undefined;
  const named = tag === undefined ? undefined : targetTagOf(promotion.spec.targetTag, tag);
  return { promotion, from, to, tag, targetTag: named?.ok ? named.value : undefined };
}
