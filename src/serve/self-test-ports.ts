import { customKindFinder, podFinder, type SelfTestPorts } from '../controllers/self-test/index.ts';
import { randomBytes } from 'node:crypto';
import type { LeaderOptions } from './parts.ts';
import { clock } from './process-context.ts';

/** What the self-test needs, over the API server. */
export function selfTestPorts(
  { settings, cluster, telemetry, log }: LeaderOptions,
  onResult: (result: Parameters<SelfTestPorts['onChange']>[0]) => void,
): SelfTestPorts {
  return {
    ...cluster,
    findPod: podFinder(cluster),
    customKinds: customKindFinder({ ...cluster, kinds: settings.workloadKinds }),
    hex: () => randomBytes(32).toString('hex'),
    report: telemetry.report,
    clock,
    random: Math.random,
    onChange: (result) => {
      const unwell = result.canaries.filter(
        ({ outcome }) => outcome === 'not enforced' || outcome === 'cannot tell',
      );
      const told = {
        state: result.state,
        unwell: unwell.map(({ id, outcome, detail }) => ({ id, outcome, detail })),
      };
      if (result.state === 'proven') log.info(told, 'self-test');
      else log.warn(told, 'self-test');
      onResult(result);
    },
  };
}
