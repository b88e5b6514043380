import { parsed, problem, type Parsed } from '../../model/index.ts';
import type { ArtifactSigner } from '../ports.ts';
import type { ImagePromotionSpec, SignSpec } from '../schema.ts';
import type { OpeningContext } from './context.ts';
import { entryOf, lentIdentity } from './secrets.ts';
import type { SideOwner } from './side.ts';

/** Opens the signer of a promotion; `undefined` where it does not sign. Problems name the field. */
export async function openSigner(
  { mirror, promote }: ImagePromotionSpec,
  owner: SideOwner,
  context: OpeningContext,
): Promise<Parsed<ArtifactSigner | undefined>> {
  const path = mirror?.sign ? 'spec.mirror.sign' : 'spec.promote.sign';
  const { secretRef, keyless } = mirror?.sign ?? promote?.sign ?? {};
  if (secretRef) return keySigner(secretRef.name, `${path}.secretRef`, owner, context);
  return keyless ? keylessSigner(keyless, `${path}.keyless`, owner, context) : parsed(undefined);
}

async function keySigner(
  name: string,
  path: string,
  { secrets }: SideOwner,
  { openKeySigner }: OpeningContext,
): Promise<Parsed<ArtifactSigner>> {
  const entries = secrets.secret(name);
  const pem = entryOf(entries, 'cosign.key', path);
  if (!pem.ok) return pem;
  const signer = await openKeySigner({ pem: pem.value, password: entries?.['cosign.password'] });
  if (signer.ok) return signer;
  const why = signer.problems.map(
    (one) => `cosign.${one.path === 'password' ? one.path : 'key'} ${one.message}`,
  );
  return problem(path, `of Secret "${name}", ${why.join('; ')}`);
}

async function keylessSigner(
  keyless: NonNullable<SignSpec['keyless']>,
  path: string,
  { namespace }: SideOwner,
  { identityTokens: identities, readToken, openKeylessSigner }: OpeningContext,
): Promise<Parsed<ArtifactSigner>> {
  const lent = lentIdentity(keyless, path, { identities, namespace });
  if (!lent.ok) return lent;
  const token = await readToken(lent.value.file);
  if (!token.ok) return problem(`${path}.identity`, 'names a token that cannot be read');
  const { fulcioURL, rekorURL, tsaURL } = keyless;
  const identityToken = token.value.trim();
  const signer = openKeylessSigner({ identityToken, fulcioURL, rekorURL, tsaURL });
  if (signer.ok) return signer;
  return { ok: false, problems: signer.problems.map((one) => ({ ...one, path: `${path}.${one.path}` })) };
}
