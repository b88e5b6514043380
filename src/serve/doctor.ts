import { podFinder, tryCanaries } from '../controllers/self-test/index.ts';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openCluster } from '../clients/kubernetes/index.ts';
import { parsed, type Parsed } from '../core/model/index.ts';
import { imagePolicyCrd } from '../core/policy/index.ts';
import { promotionCrds } from '../core/promotion/index.ts';
import type { DoctorOptions, DoctorPorts } from '../cli/index.ts';
import type { ProcessContext } from './process-context.ts';

/** Opens the API server for `pratique doctor`, by the kubeconfig that kubectl would use, or as the pod that this is. */
export async function openDoctor(
  { kubeconfig }: DoctorOptions,
  { version, environment }: ProcessContext,
  report: (error: unknown) => void,
): Promise<Parsed<DoctorPorts>> {
  const path = kubeconfig ?? usualKubeconfig(environment);
  const opened = await openCluster({
    userAgent: `pratique/${version}`,
    ...(path !== undefined && { kubeconfig: path }),
  });
  if (!opened.ok) return opened;
  const { value: cluster } = opened;
  const canaries = {
    ...cluster,
    findPod: podFinder(cluster),
    hex: () => randomBytes(32).toString('hex'),
    report,
  };
  return parsed({
    ...cluster,
    selfTest: (namespace, signal) => tryCanaries(canaries, { namespace, signal }),
    shippedCrds: [imagePolicyCrd()],
    promotionCrds: [...promotionCrds().values()],
  });
}

/** The file that kubectl would use; `undefined` = there is none. */
export function usualKubeconfig({
  KUBECONFIG = '',
  HOME = '',
}: ProcessContext['environment']): string | undefined {
  if (KUBECONFIG !== '') return KUBECONFIG;
  const usual = join(HOME, '.kube', 'config');
  return HOME !== '' && existsSync(usual) ? usual : undefined;
}
