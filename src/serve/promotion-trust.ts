import { formatReference, type PinnedRef } from '../core/model/index.ts';
import type { CompiledPolicy } from '../core/policy/index.ts';
import type { OpenJudging } from './judging.ts';
import type { ExecutionContext } from './execution-context.ts';
import type { PromotionSecrets } from '../core/promotion/index.ts';
import type { OpenSide, SideParts } from './promotion-sides.ts';
import { clock } from './process-context.ts';

/** What both sides of a promotion are opened with. */
export function sidePartsOf(
  namespace: string,
  material: PromotionSecrets,
  { judging, registryOptions: options, accountSecrets: secretsIn }: ExecutionContext,
): SideParts {
  const accountSecrets = secretsIn?.(namespace);
  const { registry, keychain: own } = judging;
  return { registry, own, options, material, ...(accountSecrets && { accountSecrets }) };
}

/** Judges images on one side of a promotion, with the login of that side. */
export function judgeWith(
  policies: readonly CompiledPolicy[],
  { view, scope }: OpenSide,
  { judge }: OpenJudging,
) {
  return async (image: PinnedRef, signal: AbortSignal) => {
    const now = clock();
    const name = formatReference(image);
    const [judged] = await judge({
      images: [{ container: image.tag ?? '', field: '', image: name }],
      policies,
      labels: { state: 'found', value: {}, seenAt: now },
      signal,
      access: () => Promise.resolve({ state: 'found', value: { scope, registry: view }, seenAt: now }),
    });
    if (!judged) throw new Error('an image was asked about and there is no answer');
    return judged;
  };
}
