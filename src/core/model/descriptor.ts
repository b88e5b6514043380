import * as z from 'zod';
import { parseDigest, type Digest } from './digest.ts';

/** Annotations of a manifest or descriptor: plain text by key, all of them claims. */
export type Annotations = Readonly<Record<string, string>>;

/** Points at content by digest (OCI image spec, "Content Descriptors"). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations: Annotations;
  readonly platform?: Platform;
}

/** What a child of an index runs on. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

const digest = z.string().transform((text, context): Digest => {
  const value = parseDigest(text);
  if (value !== undefined) return value;
  context.addIssue('is not a sha256 or sha512 digest');
  return z.NEVER;
});

/** Annotations on the wire: absent and `null` are both "none" (Go clients write `null`). */
export const annotationsSchema = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value): Annotations => value ?? {});

/** A descriptor on the wire; unknown fields are ignored as the spec demands. */
export const descriptorSchema = z
  .object({
    mediaType: z.string().min(1),
    digest,
    size: z.int().nonnegative(),
    artifactType: z.string().optional(),
    annotations: annotationsSchema,
    platform: z
      .object({ os: z.string(), architecture: z.string(), variant: z.string().optional() })
      .nullish(),
  })
  .transform(({ artifactType, platform, ...rest }): Descriptor => ({
    ...rest,
    ...(artifactType && { artifactType }),
    ...(platform && { platform }),
  }));
