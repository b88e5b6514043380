import { createPublicKey } from 'node:crypto';
import * as z from 'zod';
import type { Problem } from '../../core/model/index.ts';
import { parseCertificate } from './verify/leaf.ts';

/** The versions of the format that are understood (sigstore protobuf-specs, `TrustedRoot`). */
const MEDIA_TYPES = [
  'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
  'application/vnd.dev.sigstore.trustedroot+json;version=0.2',
  'application/vnd.dev.sigstore.trustedroot.v0.1+json',
  'application/vnd.dev.sigstore.trustedroot.v0.2+json',
] as const;
/** Authorities or logs of one kind; the public-good root has two of each. */
const MAX_OF_A_KIND = 64;
/** Certificates of one authority, from its leaf to its root. */
const MAX_CHAIN = 8;

const certificate = z
  .object({ rawBytes: z.string() })
  .refine(({ rawBytes }) => parseCertificate(Buffer.from(rawBytes, 'base64')) !== undefined, {
    error: 'is not a certificate that can be read',
  });
const date = z.iso.datetime({ offset: true, error: 'is not a date and time' });
const validFor = z.object({ start: date.nullish(), end: date.nullish() }).nullish();
const authority = z.object({
  certChain: z.object({ certificates: z.array(certificate).min(1).max(MAX_CHAIN) }),
  validFor,
});
const key = z
  .object({ rawBytes: z.string(), keyDetails: z.unknown(), validFor })
  .refine(({ rawBytes, keyDetails }) => isKey(Buffer.from(rawBytes, 'base64'), keyDetails), {
    error: 'is not a public key that can be read',
  });
const log = z.object({
  baseUrl: z.string(),
  publicKey: key,
  logId: z.object({ keyId: z.string().min(1) }),
});

const schema = z
  .object({
    mediaType: z.enum(MEDIA_TYPES, { error: 'is not the media type of a trust root that is understood' }),
    certificateAuthorities: z.array(authority).max(MAX_OF_A_KIND).default([]),
    timestampAuthorities: z.array(authority).max(MAX_OF_A_KIND).default([]),
    tlogs: z.array(log).max(MAX_OF_A_KIND).default([]),
    ctlogs: z.array(log).max(MAX_OF_A_KIND).default([]),
  })
  .refine(
    ({ certificateAuthorities, timestampAuthorities, tlogs }) =>
      certificateAuthorities.length + timestampAuthorities.length + tlogs.length > 0,
    { error: 'names no certificate authority, no transparency log and no timestamp authority' },
  );

/** Everything that is wrong with a trust root, each with its path; fields that are not known here are ignored. */
export function rootProblems(body: unknown): readonly Problem[] {
  const read = schema.safeParse(body);
  return read.success ? [] : read.error.issues.map(({ path, message }) => ({ path: pathOf(path), message }));
}

function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`,
    )
    .join('');
}

/** PKCS #1 is what `…_RSA_PKCS1V5` without PKIX stands for; everything else is SubjectPublicKeyInfo. */
function isKey(der: Buffer, details: unknown): boolean {
  const type = details === 'PKCS1_RSA_PKCS1V5' ? 'pkcs1' : 'spki';
  const types =
    details === undefined || type === 'spki' ? (['spki', 'pkcs1'] as const) : (['pkcs1'] as const);
  return types.some((one) => {
    try {
      createPublicKey({ key: der, format: 'der', type: one });
      return true;
    } catch {
      return false;
    }
  });
}
