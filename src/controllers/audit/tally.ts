import { nameOf, type Verdict } from '../../core/model/index.ts';
import { rankOf, reasonOf, type Judgement } from './judge-group.ts';
import type { ImageCounts } from './ports.ts';

/** One image with its worst verdict, over all workloads that run it. */
interface Row {
  readonly verdict: Verdict['kind'];
  readonly reason: string;
  readonly rank: number;
}

/** How many distinct images have which verdict for which reason. */
export function countVerdicts(
  judgements: Iterable<Judgement>,
): readonly { readonly verdict: Verdict['kind']; readonly reason: string; readonly images: number }[] {
  const rows = new Map<string, Row>();
  for (const judgement of judgements) {
    const { verdict } = judgement;
    const image = imageOf(judgement);
    const rank = rankOf(verdict);
    const before = rows.get(image);
    const row: Row = { verdict: verdict.kind, reason: reasonOf(verdict), rank };
    if (!before || isWorse(row, before)) rows.set(image, row);
  }
  const counts = new Map<string, { verdict: Verdict['kind']; reason: string; images: number }>();
  for (const { verdict, reason } of rows.values()) {
    const key = `${verdict} ${reason}`;
    counts.set(key, { verdict, reason, images: (counts.get(key)?.images ?? 0) + 1 });
  }
  return [...counts.keys()].toSorted().flatMap((key) => counts.get(key) ?? []);
}

/** Of two that are equally bad the reason decides, so that the order of looking does not. */
function isWorse(row: Row, than: Row): boolean {
  return row.rank > than.rank || (row.rank === than.rank && row.reason < than.reason);
}

type Outcome = Exclude<keyof ImageCounts, 'judged'> | 'well';
/** From good to bad: an image that is run in several places counts once, by the worst of them. */
const OUTCOMES: readonly Outcome[] = ['well', 'warned', 'unknown', 'denied'];

/** The results for the images that one policy covers, and when one of them was judged last. */
export interface PolicyTally {
  readonly counts: ImageCounts;
  readonly lastJudged?: Date;
}

/** Counts distinct images per policy, by the findings of that policy alone; every name asked for is in the answer. */
export function tallyPolicies(
  names: readonly string[],
  judgements: Iterable<Judgement>,
): ReadonlyMap<string, PolicyTally> {
  const tallies = new Map(
    names.map((name) => [name, { images: new Map<string, number>(), last: new Date(0) }]),
  );
  for (const judgement of judgements) {
    for (const name of judgement.covering) {
      const tally = tallies.get(name);
      if (!tally) continue;
      const image = imageOf(judgement);
      const outcome = OUTCOMES.indexOf(outcomeUnder(name, judgement.verdict));
      tally.images.set(image, Math.max(outcome, tally.images.get(image) ?? 0));
      if (judgement.judgedAt > tally.last) tally.last = judgement.judgedAt;
    }
  }
  return new Map(
    [...tallies].map(([name, { images, last }]) => [
      name,
      { counts: countsOf([...images.values()]), lastJudged: images.size > 0 ? last : undefined },
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

function countsOf(outcomes: readonly number[]): ImageCounts {
  const of = (outcome: Outcome) => outcomes.filter((one) => OUTCOMES[one] === outcome).length;
  return { judged: outcomes.length, denied: of('denied'), warned: of('warned'), unknown: of('unknown') };
}

/** One content under one name is one image, whatever its tags. */
function imageOf({ reference, image }: Judgement): string {
  if (!reference) return image;
  const { digest, tag = '' } = reference;
  return `${nameOf(reference)}${digest === undefined ? `:${tag}` : `@${digest}`}`;
}
