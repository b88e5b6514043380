import { readText } from '../clients/files/index.ts';
import { openKeylessSigner, openKeySigner } from '../clients/sigstore/index.ts';
import { parsed, problem, type Parsed } from '../core/model/index.ts';
import type { ArtifactSigner, ImagePromotionSpec, SignSpec } from '../core/promotion/index.ts';
import type { Settings } from '../core/settings/index.ts';
import { entryOf, lentIdentity, type PromotionSecrets } from '../core/promotion/index.ts';

/** Where the promotion is that signs. */
export interface SignerPlace {
  readonly settings: Settings;
  readonly namespace: string;
}

/** Opens the signer of a promotion; `undefined` where it does not sign. Problems name the field. */
export async function openSigner(
  { mirror, promote }: ImagePromotionSpec,
  { secret }: PromotionSecrets,
  { settings, namespace }: SignerPlace,
): Promise<Parsed<ArtifactSigner | undefined>> {
  const [sign, path] = mirror?.sign
    ? [mirror.sign, 'spec.mirror.sign']
    : [promote?.sign, 'spec.promote.sign'];
  if (!sign) return parsed(undefined);
  if (sign.secretRef) return keySigner(sign.secretRef, path, secret);
  if (!sign.keyless) return parsed(undefined);
  return keylessSigner(sign.keyless, `${path}.keyless`, { settings, namespace });
}

async function keySigner(
  { name }: NonNullable<SignSpec['secretRef']>,
  path: string,
  secret: PromotionSecrets['secret'],
): Promise<Parsed<ArtifactSigner>> {
  const entries = secret(name);
  const pem = entryOf(entries, 'cosign.key', `${path}.secretRef`);
  if (!pem.ok) return pem;
  const password = entries?.['cosign.password'];
  const signer = await openKeySigner({ pem: pem.value, password });
  if (signer.ok) return signer;
  const why = signer.problems.map(
    (one) => `cosign.${one.path === 'password' ? one.path : 'key'} ${one.message}`,
  );
  return problem(`${path}.secretRef`, `of Secret "${name}", ${why.join('; ')}`);
}

async function keylessSigner(
  { identity, fulcioURL, rekorURL, tsaURL }: NonNullable<SignSpec['keyless']>,
  path: string,
  { settings, namespace }: SignerPlace,
): Promise<Parsed<ArtifactSigner>> {
  const lent = lentIdentity({ identity, fulcioURL, rekorURL, tsaURL }, path, {
    identities: settings.signing.identityTokens,
    namespace,
  });
  if (!lent.ok) return lent;
  const token = await readText(lent.value.file);
  if (!token.ok) return problem(`${path}.identity`, 'names a token that cannot be read');
  const signer = openKeylessSigner({
    identityToken: token.value.trim(),
    fulcioURL,
    ...(rekorURL !== undefined && { rekorURL }),
    ...(tsaURL !== undefined && { tsaURL }),
  });
  if (signer.ok) return signer;
  return { ok: false, problems: signer.problems.map((one) => ({ ...one, path: `${path}.${one.path}` })) };
}
