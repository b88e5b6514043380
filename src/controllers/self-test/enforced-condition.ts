import { unprovenCanaries } from '../../core/workload/index.ts';
import { rfc3339 } from '../../core/model/index.ts';
import type { SelfTestResult } from './ports.ts';

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
export function enforcedCondition(result: SelfTestResult): object | undefined {
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
    message: why === '' ? message : `${message} ${why}`.slice(0, MAX_MESSAGE),
  };
}

/** Longest message of a condition, in characters. */
const MAX_MESSAGE = 2_000;
