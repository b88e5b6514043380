import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../../clients/kubernetes/index.ts';
import { cutText, rfc3339, type Clock, type Log, type Gauge } from '../../core/model/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import { unprovenCanaries, type SelfTestVerdict, type CanaryOutcome } from '../../core/workload/index.ts';
import {
  tryCanaries,
  type CanaryPorts,
  type SelfTestResult,
  customKindFinder,
  podFinder,
  type SelfTestPorts,
} from './canaries.ts';

type CanaryCluster = Pick<Cluster, 'create' | 'patch' | 'list'>;
type SelfTestSettings = Pick<Settings['selfTest'], 'namespace' | 'everyMs'>;

/** What the self-test is kept with. */
interface SelfTestOptions {
  readonly settings: Pick<Settings, 'selfTest' | 'workloadKinds'>;
  readonly cluster: CanaryCluster;
  readonly clock: Clock;
  /** At least 0, below 1. */
  readonly random: () => number;
  readonly log: Log;
  /** Receives the condition `Enforced` of all policies whenever it changes. */
  readonly onEnforced: (condition: object | undefined) => void;
  /** Receives every failure that is a bug. */
  readonly report: (error: unknown) => void;
}

/** Runs the self-test on a cluster. */
export function keepSelfTest(options: SelfTestOptions): SelfTest {
  const { settings, cluster, clock, random, log, report } = options;
  return createSelfTest(
    {
      ...canaryPorts(cluster, report),
      customKinds: customKindFinder({ list: cluster.list, kinds: settings.workloadKinds }),
      ...{ clock, random },
      onChange: (result) => {
        const unproven = unprovenCanaries(result.canaries);
        const unwell = unproven.map(({ id, outcome, detail }) => ({ id, outcome, detail }));
        const reported = { state: result.state, unwell };
        if (result.state === 'proven') log.info(reported, 'self-test');
        else log.warn(reported, 'self-test');
        options.onEnforced(enforcedCondition(result));
      },
    },
    settings.selfTest,
  );
}

/** Tries the canaries once. */
export function tryCanariesOn(
  cluster: CanaryCluster,
  given: { readonly namespace: string; readonly signal: AbortSignal },
  report: (error: unknown) => void,
): Promise<SelfTestVerdict> {
  return tryCanaries(canaryPorts(cluster, report), given);
}

function canaryPorts(cluster: CanaryCluster, report: (error: unknown) => void): CanaryPorts {
  return {
    create: cluster.create,
    patch: cluster.patch,
    findPod: podFinder({ list: cluster.list }),
    hex: () => randomBytes(32).toString('hex'),
    report,
  };
}

const ENFORCED = {
  proven: ['True', 'SelfTestProven', 'Canaries were refused in every way that was tried.'],
  'not enforced': [
    'False',
    'SelfTestNotEnforced',
    'A canary was admitted: the webhook does not see every image.',
  ],
  'cannot tell': ['Unknown', 'SelfTestCannotTell', 'It could not be found out whether canaries are refused.'],
} as const;

/** The condition `Enforced` of every policy, by a result of the self-test; none before the first. */
function enforcedCondition(result: SelfTestResult): object | undefined {
  if (result.state === 'not run yet') return undefined;
  const [status, reason, message] = ENFORCED[result.state];
  const at = rfc3339(result.at);
  const unwell = unprovenCanaries(result.canaries);
  const why = unwell.map(({ id, detail }) => `${id}: ${detail}`).join('; ');
  return {
    type: 'Enforced',
    status,
    reason,
    lastTransitionTime: at,
    message: why === '' ? message : cutText(`${message} ${why}`, MAX_MESSAGE),
  };
}

/** Longest message of a condition, in characters. */
const MAX_MESSAGE = 2_000;

/** The proof that enforcement is on, renewed as long as it runs. */
interface SelfTest {
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
        const ms = wait * (1 - JITTER / 2 + JITTER * ports.random());
        await sleep(ms, undefined, { signal }).catch(() => undefined);
      }
      held = NOT_RUN;
    },
    result: () => held,
    gauges: gaugesOf(() => held),
    lines: () => linesOf(held, ports.clock()),
  };
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
