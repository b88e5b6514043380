import { nameOf, type Verdict } from '../../core/model/index.ts';
import { rankOf, reasonOf, type Judgement } from './judge-group.ts';
import type { ImageCounts } from './ports.ts';

/** How many distinct images have which verdict for which reason: an image that several workloads run counts by its worst. */
export function countVerdicts(
  judgements: Iterable<{ readonly judgement: Judgement }>,
): readonly { readonly verdict: Verdict['kind']; readonly reason: string; readonly images: number }[] {
  const worst = new Map<string, Verdict>();
  for (const { judgement } of judgements) {
    const image = imageOf(judgement);
    const before = worst.get(image);
    if (!before || isWorse(judgement.verdict, before)) worst.set(image, judgement.verdict);
  }
  const counts = new Map<string, { verdict: Verdict['kind']; reason: string; images: number }>();
  for (const verdict of worst.values()) {
    const reason = reasonOf(verdict);
    const key = `${verdict.kind} ${reason}`;
    counts.set(key, { verdict: verdict.kind, reason, images: (counts.get(key)?.images ?? 0) + 1 });
  }
  return [...counts.keys()].toSorted().flatMap((key) => counts.get(key) ?? []);
}

/** Of two that are equally bad the reason decides, so that the order of looking does not. */
function isWorse(verdict: Verdict, than: Verdict): boolean {
  const more = rankOf(verdict) - rankOf(than);
  return more > 0 || (more === 0 && reasonOf(verdict) < reasonOf(than));
}

/** How many distinct images there are of which it is not known what a node runs. */
export function countUnclear(judgements: Iterable<{ readonly judgement: Judgement }>): number {
  return new Set([...judgements].flatMap(({ judgement }) => (judgement.unclear ? imageOf(judgement) : [])))
    .size;
}

type Outcome = Exclude<keyof ImageCounts, 'judged' | 'unclear'> | 'well';
/** From good to bad: an image that is run in several places counts once, by the worst of them. */
const OUTCOMES: readonly Outcome[] = ['well', 'warned', 'unknown', 'denied'];

/**
 * Counts distinct images per policy, by the findings of that policy alone, and says when one of them was judged last; every name
 * asked for is in the answer.
 */
export function tallyPolicies(
  names: readonly string[],
  judgements: Iterable<{ readonly judgement: Judgement }>,
): ReadonlyMap<string, { readonly counts: ImageCounts; readonly lastJudged?: Date }> {
  const tallies = new Map(
    names.map((name) => [
      name,
      { images: new Map<string, number>(), unclear: new Set<string>(), last: new Date(0) },
    ]),
  );
  for (const { judgement } of judgements) {
    for (const name of judgement.covering) {
      const tally = tallies.get(name);
      if (!tally) continue;
      const image = imageOf(judgement);
      const outcome = OUTCOMES.indexOf(outcomeUnder(name, judgement.verdict));
      tally.images.set(image, Math.max(outcome, tally.images.get(image) ?? 0));
      if (judgement.unclear) tally.unclear.add(image);
      if (judgement.judgedAt > tally.last) tally.last = judgement.judgedAt;
    }
  }
  return new Map(
    [...tallies].map(([name, { images, unclear, last }]) => [
      name,
      {
        counts: countsOf([...images.values()], unclear.size),
        lastJudged: images.size > 0 ? last : undefined,
      },
    ]),
  );
}

/**
 * `denied` is what this policy would refuse now. What it would refuse if it enforced (Warn, Audit), and what is to come, is
 * `warned`; what could not be learned is `unknown`, whatever the policy makes of that.
 */
function outcomeUnder(policy: string, { findings }: Verdict): Outcome {
  const own = findings.filter((finding) => finding.policy === policy);
  if (own.some(({ kind, effect }) => kind === 'refused' && effect === 'deny')) return 'denied';
  if (own.some(({ kind }) => kind === 'unknown')) return 'unknown';
  return own.length > 0 ? 'warned' : 'well';
}

function countsOf(outcomes: readonly number[], unclear: number): ImageCounts {
  const of = (outcome: Outcome) => outcomes.filter((one) => OUTCOMES[one] === outcome).length;
  const counts = { denied: of('denied'), warned: of('warned'), unknown: of('unknown') };
  return { judged: outcomes.length, ...counts, ...(unclear > 0 && { unclear }) };
}

/** One content under one name is one image, whatever its tags. */
function imageOf({ reference, image }: Judgement): string {
  if (!reference) return image;
  const { digest, tag = '' } = reference;
  return `${nameOf(reference)}${digest === undefined ? `:${tag}` : `@${digest}`}`;
}
