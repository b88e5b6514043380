// Signs images as promotions do, and attaches the signatures with the product's own client.
import { anonymous, createRegistry, type Registry } from '../../../../src/clients/registry/index.ts';
import type { Digest } from '../../../../src/core/model/index.ts';
import type { ArtifactSigner, SignedContent } from '../../../../src/core/promotion/ports.ts';
import { appendCosignLayer } from '../../../../src/core/promotion/records/cosign-tag.ts';
import {
  bundleArtifact,
  SIGN_PREDICATE_TYPE,
  statementAbout,
} from '../../../../src/core/promotion/records/statement.ts';
import { pushArtifact } from '../../../../src/core/promotion/records/artifact.ts';
import type { Pushed, Target } from '../../../support/registry/push.ts';
import { forever } from '../../../support/verification.ts';

/** An image to sign, and its repository. */
export interface Signed {
  readonly to: Target;
  readonly image: Pushed;
}

/** The signer. */
export interface By {
  readonly signer: ArtifactSigner;
}

/** Predicate type of {@link attestByTag}. */
export const TESTED = 'https://acme.example.com/tests/v1';

/** Signs an image as a bundle that refers to it. */
export async function signAsBundle(
  signed: Signed,
  { signer }: By,
  annotations: Readonly<Record<string, string>>,
): Promise<void> {
  const content = await signer.signImage(pinned(signed), annotations, forever());
  await attach(signed, signer, SIGN_PREDICATE_TYPE, content);
}

/** Attests a predicate as a bundle that refers to the image. */
export async function attestAsBundle(
  signed: Signed,
  { signer }: By,
  type: string,
  predicate: object,
): Promise<void> {
  const content = await signer.signStatement(statementAbout(pinned(signed), type, predicate), forever());
  await attach(signed, signer, type, content);
}

async function attach(
  { to, image }: Signed,
  signer: ArtifactSigner,
  predicateType: string,
  content: SignedContent,
): Promise<void> {
  const { mediaType, size } = image;
  const subject = { mediaType, digest: image.digest as Digest, size, annotations: {} };
  const claims = { subject, predicateType, signer: signer.name, at: new Date() };
  const { registry, repository } = to;
  const artifact = bundleArtifact(content, claims);
  await pushing((client) => pushArtifact(client, { registry, repository }, artifact, forever()));
}

/** Signs an image by a layer under its `.sig` tag, after the existing layers. */
export async function signByTag(
  signed: Signed,
  { signer }: By,
  annotations: Readonly<Record<string, string>>,
): Promise<void> {
  const content = await signer.signImage(pinned(signed), annotations, forever());
  await append(signed, 'sig', signer, content);
}

/** Attests that twelve tests passed, under the `.att` tag. */
export async function attestByTag(signed: Signed, { signer }: By): Promise<void> {
  const statement = statementAbout(pinned(signed), TESTED, { passed: 12 });
  await append(signed, 'att', signer, await signer.signStatement(statement, forever()));
}

async function append(
  { to, image }: Signed,
  suffix: 'sig' | 'att',
  signer: ArtifactSigner,
  signed: SignedContent,
): Promise<void> {
  const tagged = { ...to, tag: `${image.digest.replace(':', '-')}.${suffix}` };
  await pushing(async (client) => {
    const existing = await client.content(tagged, forever());
    const appended = appendCosignLayer(existing, { suffix, signed, signer: signer.name });
    if (!appended.ok || !appended.value) throw new Error(JSON.stringify(appended));
    const { blobs, extension } = appended.value;
    const content = await client.extendManifest(tagged, extension, forever());
    await pushArtifact(client, tagged, { blobs, content }, forever());
  });
}

async function pushing(push: (client: Registry) => Promise<void>): Promise<void> {
  const client = createRegistry({ keychain: anonymous, now: () => new Date() });
  await push(client).finally(() => client.close());
}

function pinned({ to, image }: Signed) {
  return { registry: to.registry, repository: to.repository, digest: image.digest as Digest };
}
