import * as z from 'zod';
import { authorityIn, duration, exactlyOne, exceptionSchema, rule } from '../../policy/index.ts';
import { localRef } from './parts.ts';

const url = z
  .string()
  .max(512)
  .regex(/^https?:\/\/[^\s?#@]+$/, 'is no http or https address without login and query');
const REPORT_MESSAGE = 'authorities goes with from Report, which needs it';
const PROOF_MESSAGE = 'needs rekorURL or tsaURL: nothing else would prove when it was signed';

/** The scan that an image has to pass. */
export const scanSchema = z
  .strictObject({
    scanner: z.enum(['Trivy']).default('Trivy').describe('What scans.'),
    server: url.optional().describe('Address of a server of the scanner; absent = the scanner works alone.'),
    from: z
      .enum(['Image', 'Sbom', 'Report'])
      .default('Image')
      .describe(
        'What is scanned: the image, the SBOM of each platform, or nothing: then a signed report that is attached decides.',
      ),
    failOn: z
      .enum(['Low', 'Medium', 'High', 'Critical'])
      .default('High')
      .describe('The lowest severity that blocks.'),
    fixableOnly: z.boolean().default(false).describe('Count only findings for which a fix exists.'),
    maxReportAge: duration.default('24h').describe('How old a report may be, counted from its scan.'),
    maxDatabaseAge: duration.default('168h').describe('How old the database of the scanner may be.'),
    exceptions: z
      .array(exceptionSchema)
      .max(256)
      .default([])
      .describe('Findings that are accepted, for a time and a reason.'),
    authorities: z
      .array(authorityIn('the namespace of the promotion'))
      .max(16)
      .default([])
      .describe('Whose signed reports count, with `from: Report`.'),
  })
  .refine(({ from, authorities }) => (from === 'Report') === authorities.length > 0, REPORT_MESSAGE)
  .meta(
    rule(
      "(has(self.from) && self.from == 'Report') == (has(self.authorities) && size(self.authorities) > 0)",
      REPORT_MESSAGE,
    ),
  );

const keyless = z
  .strictObject({
    identity: z
      .string()
      .max(63)
      .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, 'must be a name of lower-case letters, digits and "-"')
      .default('sigstore')
      .describe('Which of the identity tokens mounted for Pratique, by its name.'),
    fulcioURL: url.describe('The authority that gives the certificate, and is shown the token.'),
    rekorURL: url.optional().describe('The transparency log that gets an entry.'),
    tsaURL: url.optional().describe('The timestamp authority that is asked.'),
  })
  .refine(({ rekorURL, tsaURL }) => rekorURL !== undefined || tsaURL !== undefined, PROOF_MESSAGE)
  .meta(rule('has(self.rekorURL) || has(self.tsaURL)', PROOF_MESSAGE));

/** Who signs, and how it is written. */
export const signSchema = exactlyOne(
  z.strictObject({
    secretRef: localRef
      .optional()
      .describe(
        'A Secret of the same namespace with the key `cosign.key`, and `cosign.password` if it is encrypted.',
      ),
    keyless: keyless.optional().describe('A certificate of Fulcio, for an identity token.'),
    format: z
      .enum(['Bundle', 'Legacy', 'Both'])
      .default('Bundle')
      .describe('Bundle: Sigstore bundles as referrers. Legacy: the tags of cosign 2.'),
    annotations: z
      .record(z.string().min(1).max(317), z.string().max(256))
      .default({})
      .describe('Annotations that go into the signature.'),
  }),
  ['secretRef', 'keyless'],
);
