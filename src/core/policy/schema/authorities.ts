import * as z from 'zod';
import { CLAIM_NAMES } from '../../model/index.ts';
import { exact, exactlyOne, keyIn, name, text } from './parts.ts';

/** Where keys and trust roots of an authority lie: both kinds of object, in one namespace. */
const places = (namespace: string) => ({
  secretRef: keyIn.optional().describe(`A Secret in ${namespace}.`),
  configMapRef: keyIn.optional().describe(`A ConfigMap in ${namespace}.`),
});

const keyOf = (namespace: string) => {
  const pem = text(8192).optional().describe('The key itself: one PEM block "PUBLIC KEY", or a JWK as JSON.');
  const fields = z.strictObject({ ...places(namespace), pem });
  return exactlyOne(fields, ['secretRef', 'configMapRef', 'pem']);
};

const claims = z.strictObject(
  Object.fromEntries(
    CLAIM_NAMES.map((claim) => [claim, exact(1024, 'write the whole value').optional()] as const),
  ) as Record<(typeof CLAIM_NAMES)[number], z.ZodOptional<z.ZodString>>,
);

const keyless = exactlyOne(
  z.strictObject({
    issuer: exact(1024, 'write the whole issuer').describe('The OpenID issuer of the signer, exactly.'),
    subject: exact(
      1024,
      String.raw`write a pattern in subjectPattern, e.g. ^https://github\.com/acme/[^/]+/.*$`,
    )
      .optional()
      .describe('The signer (a URI or e-mail address of the certificate), exactly.'),
    subjectPattern: z
      .string()
      .min(3)
      .max(1024)
      .regex(/^\^[\s\S]*\$$/, 'must be anchored: begin with ^ and end with $')
      .optional()
      .describe('The signer as an RE2 regular expression, anchored; it must match the whole subject.'),
    claims: claims
      .optional()
      .describe('What the certificate must claim besides (Fulcio), each with exactly this value.'),
  }),
  ['subject', 'subjectPattern'],
);

const whether = z.enum(['Required', 'NotRequired']);

/** A signer; its keys and trust roots are read in `namespace`, which the descriptions show to the reader. */
export const authorityIn = (namespace: string) =>
  exactlyOne(
    z.strictObject({
      name: name.describe('What the rest of the policy calls this signer.'),
      key: keyOf(namespace)
        .optional()
        .describe(
          'The public key it signs with: ECDSA P-256, P-384 or P-521, RSA of 2048 bits or more, or Ed25519. ECDSA and RSA may sign with SHA-256, SHA-384 or SHA-512, RSA with both paddings (PKCS #1 v1.5, PSS).',
        ),
      keyless: keyless.optional().describe('The identity it signs with, by a certificate of Fulcio.'),
      transparencyLog: whether
        .optional()
        .describe(
          'Whether a log of the trust root must hold the signature. Default: Required for keyless, NotRequired for a key.',
        ),
      timestamps: whether
        .default('NotRequired')
        .describe('Whether a timestamp authority of the trust root must have seen the signature.'),
      trustRoot: exactlyOne(z.strictObject(places(namespace)), ['secretRef', 'configMapRef'])
        .optional()
        .describe(
          'A Sigstore `trusted_root.json`, or several, one on each line as `gh attestation trusted-root` prints them. Default: the public-good instance, as shipped.',
        ),
      repository: text(255)
        .optional()
        .describe('Where signatures are kept, if not beside the image: host and repository.'),
    }),
    ['key', 'keyless'],
  );
