import * as z from 'zod';
import { artifactType, duration, rule, TWO_FORMS } from '../../policy/index.ts';
import { choice, flag, list, tag, NO_FOLDER } from './parts.ts';

const pattern = z.string().min(1).max(256);
const NO_WAY_MESSAGE = 'selects nothing: needs semver, include, explicit or newest';
const LISTED_MESSAGE = 'artifactTypes goes with carry Listed, which needs it';

/** Which tags of the source are meant. */
export const tagsSchema = z
  .strictObject({
    semver: list(
      z.string().min(1).max(256),
      16,
      'Version ranges, one of which a tag must be in. Tags are read leniently (`v1.2.3`, `1.2`); prereleases, and with them variants such as `1.2.3-alpine`, only where the range names one (`>=1.0.0-0`).',
    ),
    include: list(
      pattern,
      16,
      'RE2 regular expressions, one of which must be found in the tag. Not anchored: write `^` and `$` for the whole tag.',
    ),
    exclude: list(
      pattern,
      16,
      'RE2 regular expressions, none of which may be found in the tag. Not anchored. Stronger than everything else.',
    ),
    explicit: list(
      tag,
      256,
      'Tags by name, besides what the ranges and patterns select; not counted by `newest`.',
    ),
    newest: z
      .strictObject({
        count: z.int().min(1).max(1000).describe('How many.'),
        by: choice(
          ['Semver', 'Created'],
          'Semver',
          'Semver: the highest versions. Created: by the creation time that the image claims, where it is neither before March 2013 nor later than now.',
        ),
      })
      .optional()
      .describe(
        'Only the newest of what the ranges and patterns select, or of all tags where there are none.',
      ),
    scheme: choice(
      ['Semver', 'Calendar', 'Any'],
      'Semver',
      'Which versions come first for `newest`; the others fill up what is left. Semver: neither a tag that begins with a year (`2024.1.3`, `20240115`) nor a plain number (`22`) is newer than `1.2.3`. Calendar: those with a year come first. Any: all by their numbers.',
    ),
    suffix: choice(
      ['Prerelease', 'Newer'],
      'Prerelease',
      'How a suffix that counts builds is read (`-2`, `-r5`, `-debian-12-r5`, `-ls203`, `-p1`). Prerelease: as semver does, `1.2.3-2` is before `1.2.3`, and in a range only where it names one. Newer: a later build of `1.2.3`, in the ranges that have `1.2.3`. Suffixes such as `-rc2` or `-alpine` stay as they are.',
    ),
    minAge: z
      .union([
        duration,
        z.strictObject({ duration, by: z.enum(['FirstSeen', 'Claimed']).default('FirstSeen') }),
      ])
      .optional()
      .meta({ [TWO_FORMS]: true })
      .describe(
        'How old an image must be: a duration such as `72h`, or `{ duration, by }`. FirstSeen, which a duration alone means: since a run has first seen its digest, by the list that runs keep at the target under the tag `pratique-first-seen`; what is not in it is young. Claimed: since it was made, as it claims itself; what claims no time, or one before March 2013, is left out.',
      ),
  })
  .refine(
    ({ semver, include, explicit, newest }) =>
      semver.length + include.length + explicit.length > 0 || newest !== undefined,
    NO_WAY_MESSAGE,
  )
  .meta(
    rule(
      '(has(self.semver) && size(self.semver) > 0) || (has(self.include) && size(self.include) > 0) || (has(self.explicit) && size(self.explicit) > 0) || has(self.newest)',
      NO_WAY_MESSAGE,
    ),
  );

/** Longest template of a tag, in characters: what it adds leaves room for the tags of real images. */
const MAX_TEMPLATE_LENGTH = 64;

/** What a tag is called at the target. */
export const targetTagSchema = z
  .string()
  .max(MAX_TEMPLATE_LENGTH)
  .regex(
    /^(?:[A-Za-z0-9_][A-Za-z0-9_.-]*)?\{(?:tag|version)\}[A-Za-z0-9_.-]*$/,
    'is no template such as {tag}-acme: one {tag} or {version}, and around it letters, digits, "_", "." and "-"',
  )
  .optional()
  .describe(
    'What a tag is called at the target, e.g. `{tag}-acme`: `{tag}` stands for the tag of the source, `{version}` for the same without a `v` before a digit. Absent: as at the source. A tag that would be too long, reserved or the same as that of another image is reported in the plan, and not promoted.',
  );

/**
 * Most repositories of one promotion: each is opened, planned and run by itself, and has at least one row in a plan. More are for a
 * second object.
 */
export const MAX_REPOSITORIES = 500;
const NAMES_MESSAGE = 'names stand for the one * of from, which has no other wildcard';
const ONE_STAR = /^[^*?]*\*[^*?]*$/;

/** The repositories of a promotion that takes from many. */
export const repositoriesSchema = z
  .array(
    z
      .strictObject({
        from: z
          .string()
          .min(1)
          .max(255)
          .meta(NO_FOLDER)
          .describe(
            'A repository with its host, or a glob of them as in ImagePolicies (`registry.example.com/quarantine/*`, `**` crosses slashes). The host has no wildcard. A glob is expanded by the list of repositories that the registry keeps (`/v2/_catalog`); Docker Hub, GHCR and others show none: list `names` there.',
          ),
        names: z
          .array(z.string().min(1).max(255))
          .min(1)
          .max(MAX_REPOSITORIES)
          .optional()
          .describe('What stands for the `*` of `from`: no list of repositories is read then.'),
        exclude: list(
          z.string().min(1).max(255),
          64,
          'Globs of repositories that `from` covers and that are not taken.',
        ),
        to: z
          .string()
          .min(1)
          .max(255)
          .meta(NO_FOLDER)
          .optional()
          .describe(
            'Where they go: a repository with its host, in which `{path}` stands for the path of the source below its host and `{name}` for the last part of it. Absent: `<target.repository>/{path}`.',
          ),
        tags: tagsSchema.optional().describe('Which tags of these repositories, in place of `spec.tags`.'),
      })
      .refine(({ from, names }) => names === undefined || ONE_STAR.test(from), NAMES_MESSAGE)
      .meta(rule("!has(self.names) || self.from.matches('^[^*?]*[*][^*?]*$')", NAMES_MESSAGE)),
  )
  .min(1)
  .max(64)
  .optional()
  .describe(
    'Many repositories, by name or glob; of several entries that cover a repository the first counts. Each is planned, checked against `promotions.grants` and run by itself.',
  );

/** Which platforms of an index are copied. */
export const platformsSchema = z.strictObject({
  keep: list(
    z
      .string()
      .max(64)
      .regex(/^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9.]+)?$/, 'is no platform such as linux/amd64'),
    32,
    'Platforms (`os/arch` or `os/arch/variant`) that are kept. Empty: the index stays whole, and its digest the same; else a smaller index is made, with a digest of its own.',
  ),
  missing: choice(
    ['Fail', 'Skip'],
    'Fail',
    'What becomes of an image that lacks one of them: Skip continues with those that exist.',
  ),
});

/** What is copied with an image. */
export const attachmentsSchema = z
  .strictObject({
    carry: choice(
      ['All', 'None', 'Listed'],
      'All',
      'Which referrers and cosign tags of the index and of its children are copied.',
    ),
    artifactTypes: list(artifactType, 32, 'Artifact types that are copied when `carry` is Listed.'),
    lifecycle: flag(
      false,
      'Whether lifecycle marks are copied: usually they are about the repository, not about the image.',
    ),
    from: z
      .string()
      .min(1)
      .max(255)
      .optional()
      .describe(
        'Another repository that is read for what belongs to the images of the source, by their digests, such as the one in which a publisher keeps attestations: host and repository. It is read with the logins of the source.',
      ),
    late: flag(
      false,
      'Whether each run looks again at images that have arrived, and brings what was attached to them since. It asks both sides about everything that belongs to them.',
    ),
  })
  .refine(({ carry, artifactTypes }) => (carry === 'Listed') === artifactTypes.length > 0, LISTED_MESSAGE)
  .meta(
    rule(
      "(has(self.carry) && self.carry == 'Listed') == (has(self.artifactTypes) && size(self.artifactTypes) > 0)",
      LISTED_MESSAGE,
    ),
  );
