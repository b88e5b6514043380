/** An ImagePolicy for one glob of images; `spec` has the other fields. Signers are the Secrets `release-key` and `security-key`. */
export function policy(name: string, images: string, spec: Readonly<Record<string, unknown>>): object {
  const authority = (signer: string) => ({
    name: signer,
    key: { secretRef: { name: `${signer}-key`, key: 'cosign.pub' } },
  });
  return {
    apiVersion: 'pratique.dev/v1alpha1',
    kind: 'ImagePolicy',
    metadata: { name },
    spec: {
      match: { images: [images] },
      authorities: [authority('release'), authority('security')],
      ...spec,
    },
  };
}

/** A Secret with a public key, as a policy refers to it. */
export function secret(name: string, publicPem: string): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { 'cosign.pub': publicPem } };
}
