import { setTimeout as sleep } from 'node:timers/promises';
import type { CanaryOutcome } from '../../core/workload/index.ts';
import type { Gauge } from '../../core/model/index.ts';
import { tryCanaries } from './canaries.ts';
import type { SelfTestPorts, SelfTestResult } from './ports.ts';

/** Where canaries are sent, and how often. */
export interface SelfTestSettings {
  /** A namespace that exists and that the webhook covers. */
  readonly namespace: string;
  readonly everyMs: number;
}

/** The proof that enforcement is on, renewed as long as it runs. */
export interface SelfTest {
  /** Tries at once and then again and again, until the signal aborts; then nothing is known here any more. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly result: () => SelfTestResult;
  readonly gauges: readonly Gauge[];
  /** For people who look at readiness: the state first, then one line per canary without proof. */
  readonly lines: () => readonly string[];
}

/** Milliseconds until a run without proof is repeated: at a start the webhook may not listen yet. */
const AGAIN_MS = 10_000;
const NOT_RUN: SelfTestResult = { state: 'not run yet', canaries: [] };
/** Share of the period by which runs are moved, so that several installations do not run at the same moments. */
const JITTER = 0.2;
const OUTCOMES = ['proven', 'not enforced', 'cannot tell', 'not applicable'] as const;

/** Makes a self-test. Only one replica should run it; the gauges of the others stay empty. */
export function createSelfTest(ports: SelfTestPorts, { namespace, everyMs }: SelfTestSettings): SelfTest {
  let held: SelfTestResult = NOT_RUN;
  const look = async (signal: AbortSignal): Promise<void> => {
    const verdict = await tryCanaries(ports, { namespace, signal });
    // A run that was stopped half-way did not receive all answers of the API server.
    if (signal.aborted) return;
    const previous = held;
    held = { ...verdict, at: ports.clock() };
    if (fingerprint(previous) !== fingerprint(held)) ports.onChange(held, previous);
  };
  return {
    run: async (signal) => {
      while (!signal.aborted) {
        await look(signal);
        const wait = held.state === 'proven' ? everyMs : Math.min(everyMs, AGAIN_MS);
        await pause(wait * (1 - JITTER / 2 + JITTER * ports.random()), signal);
      }
      held = NOT_RUN;
    },
    result: () => held,
    gauges: gaugesOf(() => held),
    lines: () => linesOf(held, ports.clock()),
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The part of a result whose change is reported; messages of other components may vary from run to run. */
function fingerprint({ state, canaries }: SelfTestResult): string {
  return JSON.stringify([state, canaries.map(({ id, outcome }) => [id, outcome])]);
}

function gaugesOf(result: () => SelfTestResult): readonly Gauge[] {
  const count = (outcome: CanaryOutcome['outcome']) =>
    result().canaries.filter((one) => one.outcome === outcome).length;
  return [
    {
      name: 'pratique_selftest_ok',
      help: 'Whether the last self-test proved that images are refused: 1, or 0. Absent where none has run.',
      labels: [],
      read: () =>
        result().state === 'not run yet' ? [] : [{ labels: {}, value: result().state === 'proven' ? 1 : 0 }],
    },
    {
      name: 'pratique_selftest_canaries',
      help: 'Canaries of the last self-test, by what became of them.',
      labels: ['outcome'],
      read: () =>
        result().state === 'not run yet'
          ? []
          : OUTCOMES.map((outcome) => ({ labels: { outcome }, value: count(outcome) })),
    },
  ];
}

function linesOf(result: SelfTestResult, now: Date): readonly string[] {
  if (result.state === 'not run yet') return ['self-test: not run here'];
  const { state, canaries, at } = result;
  const proven = canaries.filter(({ outcome }) => outcome === 'proven').length;
  const seconds = Math.max(0, Math.round((now.getTime() - at.getTime()) / 1_000));
  const others = canaries.filter(({ outcome }) => outcome !== 'proven');
  return [
    `self-test: ${state}, ${String(proven)} of ${String(canaries.length)}, ${String(seconds)} s ago`,
    ...others.map(({ id, outcome, detail }) => `self-test: ${id}: ${outcome}: ${detail}`),
  ];
}
