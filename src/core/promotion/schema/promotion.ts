import * as z from 'zod';
import {
  authorityIn,
  duration,
  durationMs,
  exactlyOne,
  exceptionSchema,
  rule,
  unjudgedFields,
} from '../../policy/index.ts';
import { choice, flag, list, localRef, NO_FOLDER, objectName } from './parts.ts';
import { attachmentsSchema, platformsSchema, repositoriesSchema, tagsSchema } from './selection.ts';
import { targetTagSchema } from './selection.ts';

const url = z
  .string()
  .max(512)
  .regex(/^https?:\/\/[^\s?#@]+$/, 'is no http or https address without login and query');
const REPORT_MESSAGE = 'authorities goes with from Report, which needs it';
const PROOF_MESSAGE = 'needs rekorURL or tsaURL: nothing else would prove when it was signed';

/** The scan that an image has to pass. */
const scanSchema = z
  .strictObject({
    scanner: choice(['Trivy'], 'Trivy', 'What scans.'),
    server: url.optional().describe('Address of a server of the scanner; absent = the scanner works alone.'),
    from: choice(
      ['Image', 'Sbom', 'Report'],
      'Image',
      'What is scanned: the image, the SBOM of each platform, or nothing: then a signed report that is attached decides.',
    ),
    failOn: choice(['Low', 'Medium', 'High', 'Critical'], 'High', 'The lowest severity that blocks.'),
    fixableOnly: flag(false, 'Count only findings for which a fix exists.'),
    ...unjudgedFields,
    maxReportAge: duration.default('24h').describe('How old a report may be, counted from its scan.'),
    maxDatabaseAge: duration.default('168h').describe('How old the database of the scanner may be.'),
    exceptions: list(exceptionSchema, 256, 'Findings that are accepted, for a time and a reason.'),
    authorities: list(
      authorityIn('the namespace of the promotion'),
      16,
      'Whose signed reports count, with `from: Report`.',
    ),
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
const signSchema = exactlyOne(
  z.strictObject({
    secretRef: localRef
      .optional()
      .describe(
        'A Secret of the same namespace with the key `cosign.key`, and `cosign.password` if it is encrypted.',
      ),
    keyless: keyless.optional().describe('A certificate of Fulcio, for an identity token.'),
    format: choice(
      ['Bundle', 'Legacy', 'Both'],
      'Bundle',
      'Bundle: Sigstore bundles as referrers. Legacy: the tags of cosign 2.',
    ),
    annotations: z
      .record(z.string().min(1).max(317), z.string().max(256))
      .default({})
      .describe('Annotations that go into the signature.'),
  }),
  ['secretRef', 'keyless'],
);

const repository = z
  .string()
  .min(1)
  .max(255)
  .meta(NO_FOLDER)
  .describe(
    'Host and repository, without tag and digest. In files for `pratique promote` also a folder in the OCI image layout: `oci:./export`.',
  );
/** How a registry is logged in to, and spoken with. */
const access = {
  secretRef: localRef
    .optional()
    .describe(
      'A Secret of the same namespace, of type `kubernetes.io/dockerconfigjson`, with the login. Without it and `serviceAccountName`: what `promotions.grants` of the settings lets the namespace use, else anonymous.',
    ),
  serviceAccountName: objectName
    .optional()
    .describe('A ServiceAccount of the same namespace whose `imagePullSecrets` hold the login.'),
  caSecretRef: localRef
    .optional()
    .describe(
      'A Secret of the same namespace whose `ca.crt` is trusted besides the authorities of the system. The logins of the installation are not used with it.',
    ),
  insecure: flag(
    false,
    'Speak http with this registry, which the settings have to name: `registries.insecure`.',
  ),
};
const source = exactlyOne(
  z.strictObject({ repository: repository.optional(), repositories: repositoriesSchema, ...access }),
  ['repository', 'repositories'],
);
const target = z.strictObject({
  repository: repository.describe(
    'Host and repository, without tag and digest, or a folder as of the source. With `source.repositories` what the repositories go below: `docker.io/library/node` goes to `<repository>/library/node`, unless its entry says `to`.',
  ),
  ...access,
});

const mirror = z.strictObject({
  quarantine: flag(
    true,
    'Flag every image as quarantined when it arrives; a later run attaches a flag again that is gone.',
  ),
  provenance: flag(true, 'Attach a statement of where the image was taken from, when, and by which run.'),
  history: flag(
    true,
    'Keep a list of what was mirrored, so that what was deleted since is not pulled in again.',
  ),
  force: flag(false, 'Pull it in again all the same.'),
  sign: signSchema.optional().describe('Who signs the statement; absent = no one.'),
});

const promote = z.strictObject({
  policies: list(
    objectName,
    16,
    'ImagePolicies that the source must satisfy; whether it is quarantined is not asked.',
  ),
  scan: scanSchema.optional().describe('The scan that it has to pass.'),
  approval: choice(
    ['Never', 'Always', 'OnBlock'],
    'Never',
    'When a PromotionApproval is waited for. OnBlock: it waives what it names.',
  ),
  attach: z
    .strictObject({ report: flag(true, 'The report of the scan.') })
    .default({ report: true })
    .describe('What is attached to the image at the target.'),
  sign: signSchema.optional().describe('Who signs the image and the release statement; absent = no one.'),
  supersede: z
    .strictObject({ endOfLifeAfter: duration.describe('How long they have left.') })
    .optional()
    .describe('Mark older images of the same line with an end of life.'),
  deleteSource: flag(false, 'Delete the image at the source afterwards, unless another tag points to it.'),
});

const RULES = {
  oneKind: {
    rule: '[has(self.mirror), has(self.promote)].filter(x, x).size() == 1',
    message: 'needs exactly one of mirror, promote',
  },
  twoPlaces: {
    rule: '!has(self.source.repository) || self.source.repository != self.target.repository',
    message: 'source and target are the same repository',
  },
  someTime: { rule: "duration(self.timeout) > duration('0s')", message: 'timeout leaves no time' },
};

/** The `spec` of an ImagePromotion. */
export const promotionSpecSchema = z
  .strictObject({
    source: source.describe('Where images come from.'),
    target: target.describe('Where they go; tags keep their names, unless `targetTag` says otherwise.'),
    tags: tagsSchema.describe('Which tags.'),
    targetTag: targetTagSchema,
    platforms: platformsSchema
      .default({ keep: [], missing: 'Fail' })
      .describe('Which platforms of an image.'),
    attachments: attachmentsSchema
      .default({ carry: 'All', artifactTypes: [], lifecycle: false, late: false })
      .describe('Signatures, SBOMs and whatever else belongs to an image.'),
    foreignLayers: choice(
      ['Report', 'Copy', 'Refuse'],
      'Report',
      'Layers that a manifest calls foreign or names addresses for, as images of Windows do. Report: they stay where they are, the result names them, and the source is not deleted. Copy: they are read at the source, else at those addresses. Refuse: the image is blocked.',
    ),
    onTagExists: choice(
      ['Overwrite', 'Skip', 'Fail', 'Backup'],
      'Overwrite',
      'When the tag is at the target with another digest. Backup: the old image is kept under another tag.',
    ),
    mirror: mirror.optional().describe('Bring images in from elsewhere.'),
    promote: promote.optional().describe('Let images go on that pass the gates.'),
    schedule: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe(
        'When to run, as cron writes it: `0 3 * * *`. Absent: only when it changes, is requested, or is triggered by an event.',
      ),
    timeZone: z.string().min(1).max(64).default('Etc/UTC').describe('Time zone of the schedule.'),
    suspend: flag(false, 'Begin no run.'),
    dryRun: flag(false, 'Plan only; nothing is written to a registry.'),
    timeout: duration.default('30m').describe('How long one run may take.'),
    historyLimits: z
      .strictObject({
        succeeded: z.int().min(0).max(100).default(3).describe('Runs that succeeded.'),
        failed: z.int().min(0).max(100).default(5).describe('Runs that were blocked or failed.'),
      })
      .default({ succeeded: 3, failed: 5 })
      .describe('How many runs that are over are kept.'),
    maxParallelImages: z.int().min(1).max(16).default(4).describe('How many images at a time.'),
  })
  .refine(({ mirror, promote }) => (mirror === undefined) !== (promote === undefined), RULES.oneKind.message)
  .refine(({ source, target }) => source.repository !== target.repository, {
    path: ['target', 'repository'],
    message: RULES.twoPlaces.message,
  })
  .refine(({ timeout }) => durationMs(timeout) > 0, { path: ['timeout'], message: RULES.someTime.message })
  .meta({ 'x-kubernetes-validations': Object.values(RULES) });
