import { randomBytes } from 'node:crypto';
import type { Cluster } from '../../clients/kubernetes/index.ts';
import { cutText, rfc3339, type Clock, type Log } from '../../core/model/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import { unprovenCanaries, type SelfTestVerdict } from '../../core/workload/index.ts';
import { tryCanaries } from './canaries.ts';
import { customKindFinder, podFinder } from './cluster.ts';
import type { CanaryPorts, SelfTestResult } from './ports.ts';
import { createSelfTest, type SelfTest } from './self-test.ts';

type CanaryCluster = Pick<Cluster, 'create' | 'patch' | 'list'>;

/** What the self-test is kept with. */
export interface SelfTestOptions {
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
        const unwell = unprovenCanaries(result.canaries);
        const reported = {
          state: result.state,
          unwell: unwell.map(({ id, outcome, detail }) => ({ id, outcome, detail })),
        };
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
