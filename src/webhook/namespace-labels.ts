import type { Fact } from '../core/model/index.ts';
import type { CompiledPolicy, Labels } from '../core/policy/index.ts';
import type { CommonPorts } from './ports.ts';

/** Stands for labels that no policy needs. Should a policy need them after all, the image is not admitted because of it. */
const NOT_ASKED: Fact<Labels> = {
  state: 'unknown',
  reason: { code: 'NamespaceUnknown', detail: 'no policy selects namespaces' },
  transient: false,
};

/** The labels of a namespace, looked up only while a policy selects by them. */
export async function labelsFor(
  namespace: string,
  policies: readonly CompiledPolicy[],
  { namespaceLabels }: Pick<CommonPorts, 'namespaceLabels'>,
  signal: AbortSignal,
): Promise<Fact<Labels>> {
  const selecting = policies.some(({ coversNamespace }) => coversNamespace !== undefined);
  return selecting ? namespaceLabels(namespace, signal) : NOT_ASKED;
}
