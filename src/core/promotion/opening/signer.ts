import { parsed, problem, type Parsed } from '../../model/index.ts';
import type { ArtifactSigner } from '../ports.ts';
import type { ImagePromotionSpec, SignSpec } from '../schema.ts';
import type { OpeningContext } from './context.ts';
import { entryOf, lentIdentity } from './secrets.ts';
import type { SideOwner } from './side.ts';

type Context = Pick<OpeningContext, 'openKeySigner' | 'openKeylessSigner' | 'readToken' | 'identityTokens'>;

/** Opens the signer of a promotion; `undefined` where it does not sign. Problems name the field. */
export async function openSigner(
  { mirror, promote }: ImagePromotionSpec,
  owner: SideOwner,
  context: Context,
): Promise<Parsed<ArtifactSigner | undefined>> {
  const [sign, path] = mirror?.sign
    ? [mirror.sign, 'spec.mirror.sign']
    : [promote?.sign, 'spec.promote.sign'];
  if (!sign) return parsed(undefined);
  if (sign.secretRef) return keySigner(sign.secretRef, `${path}.secretRef`, owner, context);
  if (!sign.keyless) return parsed(undefined);
  return keylessSigner(sign.keyless, `${path}.keyless`, owner, context);
}

async function keySigner(
  { name }: NonNullable<SignSpec['secretRef']>,
  path: string,
  { secrets }: SideOwner,
  { openKeySigner }: Context,
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
  { identity, fulcioURL, rekorURL, tsaURL }: NonNullable<SignSpec['keyless']>,
  path: string,
  { namespace }: SideOwner,
  { identityTokens, readToken, openKeylessSigner }: Context,
): Promise<Parsed<ArtifactSigner>> {
  const servers = { fulcioURL, rekorURL, tsaURL };
  const lent = lentIdentity({ identity, ...servers }, path, { identities: identityTokens, namespace });
  if (!lent.ok) return lent;
  const token = await readToken(lent.value.file);
  if (!token.ok) return problem(`${path}.identity`, 'names a token that cannot be read');
  const signer = openKeylessSigner({ identityToken: token.value.trim(), ...servers });
  if (signer.ok) return signer;
  return { ok: false, problems: signer.problems.map((one) => ({ ...one, path: `${path}.${one.path}` })) };
}
