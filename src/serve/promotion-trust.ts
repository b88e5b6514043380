import { formatReference, parsed, type Parsed, type PinnedRef } from '../core/model/index.ts';
import type { CompiledPolicy, TrustRoots } from '../core/policy/index.ts';
import {
  ownPolicy,
  reportPolicy,
  type ArtifactSigner,
  type ImagePromotionSpec,
} from '../core/promotion/index.ts';
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

/** The policy by whose authorities signed reports are read; `undefined` where none are asked for. */
export function reportsOf(
  { promote }: ImagePromotionSpec,
  { roots, material }: { readonly roots: TrustRoots; readonly material: PromotionSecrets },
): Parsed<CompiledPolicy | undefined> {
  const scan = promote?.scan;
  if (!scan || scan.authorities.length === 0) return parsed(undefined);
  return reportPolicy(scan, { material: material.material, roots });
}

/** The policy by whose one key the promotion's own statements are told from others'; `undefined` where it signs by no key. */
export function ownStatements(
  signer: ArtifactSigner | undefined,
  { roots, material }: { readonly roots: TrustRoots; readonly material: PromotionSecrets },
): Parsed<CompiledPolicy | undefined> {
  if (signer?.publicKey === undefined) return parsed(undefined);
  return ownPolicy(signer.publicKey, { material: material.material, roots });
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
