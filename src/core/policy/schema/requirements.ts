import * as z from 'zod';
import { glob } from './image-glob.ts';
import {
  annotationKey,
  artifactType,
  duration,
  exact,
  list,
  names,
  QUARANTINE_KEY,
  rule,
  text,
} from './parts.ts';

const signatures = z
  .strictObject({
    from: names.min(1, 'needs at least one authority').describe('Authorities whose signatures count.'),
    atLeast: z.int().min(1).max(16).default(1).describe('How many different authorities must have signed.'),
    annotations: z
      .record(annotationKey, z.string().max(256))
      .default({})
      .describe('Annotations that the signer must have put into the signature, with these values.'),
    platforms: z
      .enum(['Index', 'EveryChild'])
      .default('Index')
      .describe('EveryChild: every platform of a multi-platform image must be signed as well.'),
  })
  .meta(rule('self.atLeast <= size(self.from)', 'atLeast is more than the number of names in from'));

const flag = z.strictObject({
  key: annotationKey.describe('Annotation of the manifest or index.'),
  values: list(z.string().max(256), 16)
    .min(1)
    .default(['true'])
    .describe('Values that mean quarantined; upper and lower case are the same.'),
});

const quarantine = z.strictObject({
  annotations: list(flag, 16)
    .default([{ key: QUARANTINE_KEY, values: ['true'] }])
    .describe('Annotations that flag an image.'),
  artifactTypes: list(artifactType, 16)
    .default(['application/vnd.pratique.quarantine.v1+json'])
    .describe('Artifact types of referrers that flag an image.'),
  images: list(glob, 64)
    .default([])
    .describe('Globs of repositories in which every image is quarantined, e.g. `**/quarantine/**`.'),
  mayPull: list(z.strictObject({ groups: list(text(256), 32).min(1) }), 16)
    .default([])
    .describe(
      'Who may pull flagged images through the gate, by groups that are proven: the scanners and promoters of the quarantine. Admissions do not read it.',
    ),
  releasedBy: names
    .default([])
    .describe(
      'Authorities whose signed release statement about exactly this digest lifts the flag; empty = none.',
    ),
});

const end = z.enum(['EndOfLife', 'EndOfSupport']);

const lifecycle = z.strictObject({
  refuse: end
    .default('EndOfLife')
    .describe('Which date refuses the image; EndOfSupport refuses at the earlier of both.'),
  warnBefore: duration.default('720h').describe('How long before the date a warning is given.'),
  gracePeriod: duration.default('0s').describe('How long after the date the image is still admitted.'),
  annotations: list(
    z.strictObject({ key: annotationKey, says: end.default('EndOfLife').describe('What the date means.') }),
    16,
  )
    .default([])
    .describe(
      'Annotation keys read besides the well-known ones, on the image and on its lifecycle referrers.',
    ),
  artifactTypes: list(artifactType, 16)
    .default([])
    .describe('Artifact types of lifecycle referrers read besides the well-known ones.'),
  required: z.boolean().default(false).describe('Refuse images that claim no date.'),
});

const condition = z.strictObject({
  cel: text(2048).describe(
    "CEL over `predicate`, `image`, `annotations`, `base`, `config` and `now`; must be true, for each platform of an index where it reads what the image says. Patterns are of RE2 and written out: `predicate.builder.id.matches('^https://github.com/')`.",
  ),
  message: text(256).describe('What a refused person reads when it is false.'),
});

const attestation = z.strictObject({
  predicateType: exact(512, 'leave out the version for any version of the type').describe(
    'What kind of statement must be there, e.g. `https://slsa.dev/provenance/v1`: exactly this type or, where it names no version, any version of it (`https://spdx.dev/Document` is also `https://spdx.dev/Document/v2.3`).',
  ),
  from: names.min(1, 'needs at least one authority').describe('Authorities whose statements count.'),
  maxAge: duration
    .optional()
    .describe(
      'How old it may be, by the time a log or timestamp proves, else by the time it states: SLSA provenance and verification summaries, SVR, OpenVEX, CSAF, CycloneDX, SPDX, vulnerability reports, and what cosign puts around a predicate of your own.',
    ),
  conditions: list(condition, 16).default([]).describe('What must hold of its content.'),
});

/** What of a report cannot be judged, as policies and promotions say what follows from it. */
export const unjudgedFields = {
  unknownSeverity: z
    .enum(['Block', 'Ignore'])
    .default('Block')
    .describe(
      'Findings whose severity is unknown or cannot be read. Block: they count like the worst. Ignore: they do not count.',
    ),
  unsupported: z
    .enum(['Unknown', 'Ignore'])
    .default('Unknown')
    .describe(
      'What the scanner could not examine: a distribution that it does not know or that is past its end of service life, Windows, an image in which it recognised nothing. Unknown: the result is unknown (`ScanIncomplete`). Ignore: no finding is enough.',
    ),
};

/** A finding that is accepted. */
export const exceptionSchema = z.strictObject({
  id: exact(128, 'name each finding').describe('Identifier of the vulnerability, e.g. CVE-2026-0001.'),
  until: z.string().max(32).optional().describe('Last day (UTC) or moment it holds; absent = for good.'),
  reason: text(512),
  images: list(glob, 16).optional().describe('Globs of images it is for; absent = all.'),
});

const SIGNED_RULE =
  "(has(self.trust) && self.trust == 'Unsigned') || (has(self.from) && size(self.from) > 0)";
const SIGNED_BY = 'needs at least one authority in from, unless trust is Unsigned';

const vulnerabilities = z
  .strictObject({
    failOn: z
      .enum(['Low', 'Medium', 'High', 'Critical'])
      .default('High')
      .describe('The lowest severity that refuses the image.'),
    fixableOnly: z.boolean().default(false).describe('Count only findings for which a fix exists.'),
    ...unjudgedFields,
    maxReportAge: duration.optional().describe('How old the report may be.'),
    trust: z
      .enum(['Signed', 'Unsigned'])
      .default('Signed')
      .describe('Unsigned: a report without a signature counts too. Anyone who can push can write one.'),
    from: names.default([]).describe('Authorities whose reports count.'),
    exceptions: list(exceptionSchema, 256)
      .default([])
      .describe('Findings that are accepted, for a time and a reason.'),
  })
  .refine(({ trust, from }) => trust === 'Unsigned' || from.length > 0, SIGNED_BY)
  .meta(rule(SIGNED_RULE, SIGNED_BY));

export const requirementsSchema = z.strictObject({
  digest: z.strictObject({}).optional().describe('The reference must name a digest.'),
  signatures: signatures.optional().describe('The image must be signed.'),
  quarantine: quarantine.optional().describe('The image must not be quarantined, or be released.'),
  lifecycle: lifecycle.optional().describe('The image must not be past its end of life.'),
  attestations: list(attestation, 16).optional().describe('Signed statements that must be there, each one.'),
  vulnerabilities: vulnerabilities
    .optional()
    .describe('A scan report must be there, and report nothing severe.'),
});

const EXISTS = 'has(self.authorities) && self.authorities.exists(a, a.name == n)';

function named(path: string, guards: readonly string[], all = `self.require.${path}.all(n, ${EXISTS})`) {
  const absent = guards.map((guard) => `!has(self.require.${guard})`);
  const message = `require.${path} names an authority that is not in authorities`;
  return { rule: [...absent, all].join(' || '), message };
}

/** Every name that a requirement uses must be that of an authority; CEL rules of `spec`. */
export const NAMED_AUTHORITIES = [
  named('signatures.from', ['signatures']),
  named('quarantine.releasedBy', ['quarantine', 'quarantine.releasedBy']),
  named('vulnerabilities.from', ['vulnerabilities', 'vulnerabilities.from']),
  named(
    'attestations[].from',
    ['attestations'],
    `self.require.attestations.all(t, t.from.all(n, ${EXISTS}))`,
  ),
];
