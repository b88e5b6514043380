// Counts answers and measures the process; says every minute and at the end what was seen, and whether the soak failed.
import type { Answer } from './caller.ts';
import type { Product, Taken } from './product.ts';
import type { Promotions } from './scenarios/promotions.ts';
import { lastHalf, slopeOf, type Point } from './trend.ts';

/** What a soak showed. */
export interface Summary {
  readonly decisions: number;
  readonly verdicts: Readonly<Record<string, number>>;
  readonly wrong: readonly string[];
  readonly late: number;
  readonly deaths: readonly string[];
  /** Why it failed; empty = it passed. */
  readonly failures: readonly string[];
}

/** Takes down what happens. */
export interface Report {
  readonly answered: (scenario: string, answer: Answer, more: { readonly late: boolean }) => void;
  readonly wrong: (what: string) => void;
  /** An image of a registry that never fails could not be judged in time. */
  readonly outOfTime: () => void;
  /** What is wrong with the targets of promotions. */
  readonly problems: (what: readonly string[]) => void;
  /** Measures the process; prints a line when a minute is over. */
  readonly measure: () => Promise<void>;
  readonly finish: () => Promise<Summary>;
}

/** Minutes from which slopes are printed and count: shorter runs only show how caches fill. */
const SLOPES_FROM_MINUTES = 10;
/**
 * MiB a minute that memory may grow in the last half. A heap that breathes between collections shows up to two; a leak of one KiB a
 * decision would show six.
 */
const MAX_GROWTH_MIB = 4;
/** A pod of the chart is ended at 512 MiB. */
const MAX_PEAK_MIB = 480;
/** Descriptors a minute: connections come and go with the registries that are asked. */
const MAX_DESCRIPTOR_GROWTH = 4;
/** Sixteen connections for each of some twenty registries, and as many callers again. */
const MAX_DESCRIPTORS = 600;
/** Timers a minute: one that stays for every request would show hundreds. */
const MAX_TIMER_GROWTH = 20;
/** Share of decisions that may be out of time where the registry was not to blame: how busy the machine is decides about some. */
const MAX_OUT_OF_TIME = 0.01;
/** Wrong decisions that are printed: all that are more have the same cause most of the time. */
const MAX_SHOWN = 20;

type Track = 'MiB' | 'descriptors' | 'sockets' | 'threads' | 'timers' | 'facts';
const LIMITS: readonly (readonly [Track, number])[] = [
  ['MiB', MAX_GROWTH_MIB],
  ['descriptors', MAX_DESCRIPTOR_GROWTH],
  ['timers', MAX_TIMER_GROWTH],
];

/** Starts to count. */
export function createReport({
  product,
  minutes,
  print,
  promotions,
  now = () => performance.now(),
}: {
  readonly product: Product;
  readonly minutes: number;
  readonly print: (line: string) => void;
  readonly promotions: Promotions['counts'];
  /** Milliseconds since any moment. */
  readonly now?: () => number;
}): Report {
  const began = now();
  const minute = () => (now() - began) / 60_000;
  const verdicts: Record<string, number> = {};
  const wrong: string[] = [];
  const tracks: Record<Track, Point[]> = {
    ...{ MiB: [], descriptors: [], sockets: [], threads: [], timers: [], facts: [] },
  };
  const times: number[] = [];
  const seen = { decisions: 0, late: 0, outOfTime: 0, peak: 0, mostDescriptors: 0, p99: 0, printed: 0 };

  const add = (track: Track, value: number) => tracks[track].push({ minute: minute(), value });
  const addTaken = (taken: Taken): void => {
    add('MiB', taken.residentMiB);
    add('descriptors', taken.descriptors);
    add('sockets', taken.sockets);
    add('threads', taken.threads);
    seen.peak = Math.max(seen.peak, taken.peakMiB);
    seen.mostDescriptors = Math.max(seen.mostDescriptors, taken.descriptors);
  };
  const lineOf = async (): Promise<string> => {
    const inside = await product.inside();
    add('timers', inside.timers);
    add('facts', await product.metric('pratique_facts_remembered'));
    seen.p99 = Math.max(seen.p99, inside.p99);
    const last = (track: Track) => tracks[track].at(-1)?.value.toFixed(0) ?? '-';
    const slope = (track: Track) =>
      minutes < SLOPES_FROM_MINUTES ? '' : ` (${signed(slopeOf(lastHalf(tracks[track])))} a minute)`;
    const { pushed, arrived, signed: toSign, promoted } = promotions();
    times.sort((a, b) => a - b);
    const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(0);
    return [
      `${minute().toFixed(1)} min: ${seen.decisions} decisions (${countsOf(verdicts)}), ${wrong.length} wrong, ${seen.outOfTime} out of time, ${seen.late} late`,
      `  p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; loop delay p99 ${inside.p99.toFixed(1)} ms, max ${inside.max.toFixed(0)} ms`,
      `  RSS ${last('MiB')} MiB${slope('MiB')}, peak ${seen.peak.toFixed(0)}; facts ${last('facts')}`,
      `  descriptors ${last('descriptors')}${slope('descriptors')}, sockets ${last('sockets')}${slope('sockets')}, threads ${last('threads')}${slope('threads')}, timers ${last('timers')}${slope('timers')}`,
      `  restarts ${product.deaths.length}; mirrored ${arrived} of ${pushed}, promoted and signed ${promoted} of ${toSign}`,
    ].join('\n');
  };
  const failures = (): readonly string[] => {
    const grown = LIMITS.filter(
      ([track, limit]) => minutes >= SLOPES_FROM_MINUTES && slopeOf(lastHalf(tracks[track])) > limit,
    );
    return [
      ...(wrong.length > 0 ? [`${wrong.length} wrong decisions`] : []),
      ...(seen.late > 0 ? [`${seen.late} decisions took longer than their budget`] : []),
      ...(seen.outOfTime > seen.decisions * MAX_OUT_OF_TIME
        ? [`${seen.outOfTime} decisions out of time`]
        : []),
      ...product.deaths.map((how) => `the process ended: ${how}`),
      ...product.bugs.map((line) => `the log reports a bug: ${line.slice(0, 500)}`),
      ...grown.map(([track, limit]) => `${track} grow by more than ${limit} a minute`),
      ...(seen.peak > MAX_PEAK_MIB ? [`more than ${MAX_PEAK_MIB} MiB at the peak`] : []),
      ...(seen.mostDescriptors > MAX_DESCRIPTORS ? [`more than ${MAX_DESCRIPTORS} descriptors`] : []),
      ...(seen.decisions === 0 ? ['there was no decision'] : []),
    ];
  };
  const addWrong = (what: string): void => {
    if (wrong.length < MAX_SHOWN) print(`WRONG at ${minute().toFixed(2)} min: ${what}`);
    wrong.push(what);
  };
  return {
    answered: (scenario, answer, { late }) => {
      seen.decisions += 1;
      const verdict = answer.verdict === 'allow' ? 'allow' : (answer.outcomes[0] ?? 'none');
      const counted = verdict.startsWith('none') ? 'no answer' : verdict;
      verdicts[counted] = (verdicts[counted] ?? 0) + 1;
      times.push(answer.answered - answer.sent);
      if (!late) return;
      seen.late += 1;
      print(`LATE: ${scenario} after ${(answer.answered - answer.sent).toFixed(0)} ms`);
    },
    wrong: addWrong,
    outOfTime: () => void (seen.outOfTime += 1),
    problems: (all) => all.filter((what) => !wrong.includes(what)).forEach(addWrong),
    measure: async () => {
      const taken = product.taken();
      if (taken) addTaken(taken);
      if (minute() < seen.printed + 1) return;
      seen.printed += 1;
      print(await lineOf());
    },
    finish: async () => {
      print(`\nthe end, ${await lineOf()}`);
      const failed = failures();
      for (const failure of failed) print(`FAILED: ${failure}`);
      const { decisions, late } = seen;
      return { decisions, verdicts, wrong, late, deaths: product.deaths, failures: failed };
    },
  };
}

const signed = (value: number): string => `${value < 0 ? '' : '+'}${value.toFixed(2)}`;

function countsOf(verdicts: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(verdicts).toSorted(([, a], [, b]) => b - a);
  return sorted.map(([verdict, count]) => `${verdict} ${count}`).join(', ');
}
