import { text } from './parts.ts';

/** What a glob of image names must (`is: true`) or must not look like, as a regular expression of RE2 and of JavaScript. */
interface GlobRule {
  readonly is: boolean;
  readonly pattern: string;
  readonly message: string;
}

const NO_NAME = 'matches no image name: a name is HOST/PATH, and its path in lower case';

/*
 * A glob that covers no image, or less than a reader takes it for, would silently leave images without their policy. The first rule
 * that is broken gives the message. The API server knows the same rules, so that `kubectl apply` refuses what is not compiled.
 */
const RULES: readonly GlobRule[] = [
  {
    is: false,
    pattern: '^[A-Za-z0-9+.-]*://',
    message: 'matches image names; leave out the scheme: registry.example.com/team/**',
  },
  {
    is: false,
    pattern: '@[a-z0-9+._-]+:',
    message: 'matches image names; leave out the digest',
  },
  {
    is: true,
    pattern: String.raw`^(\[[a-f0-9:.]+\])?[A-Za-z0-9._/:*?-]*$`,
    message: 'may hold letters, digits, ". _ - / :" and the wildcards "*", "**" and "?" only',
  },
  {
    is: false,
    pattern: String.raw`^(\[[^/]*|localhost[*?]*(:[^/]*)?|[^/:]*\.[^/]*)$`,
    message: 'is a registry without a path; write HOST/** for all its images, e.g. ghcr.io/**',
  },
  {
    is: false,
    pattern: ':[^/]*$',
    message: 'matches image names; leave out the tag, and write HOST:PORT/** for a registry',
  },
  {
    is: false,
    pattern: String.raw`^(\*|\?[^/]*|\*[^*/][^/]*|\*\*[^/]+)$`,
    message: 'matches no full name; write "**" for every image, or "**/NAME*" for a name in any registry',
  },
  {
    is: false,
    pattern: String.raw`[^/]\*\*|\*\*[^/]`,
    message:
      '"**" is a component of its own: write HOST/TEAM/** for what lies below TEAM, HOST/TEAM*/** for what begins with it',
  },
  {
    is: false,
    pattern: '^/|//|/$',
    message: 'has an empty component; leave out the slash, or write /** for what lies below',
  },
  {
    is: false,
    pattern: String.raw`^([^/.:*?]+[*?]|\?)[^/.:]*/`,
    message:
      'may begin with a host or with a name on Docker Hub; write docker.io/NAME*/…, or a host with a dot, a port or a "*" in front',
  },
  {
    is: false,
    pattern: String.raw`^[^/]*[*?][^/]*\.docker\.(io|com)/`,
    message: 'covers no image of Docker Hub; write docker.io/**',
  },
  { is: false, pattern: String.raw`/[^/]*[A-Z]|^[^/.:\[]*[A-Z][^/.:]*(/|$)`, message: NO_NAME },
  // Separators side by side or at an end, and a port that is no number.
  { is: false, pattern: String.raw`[/.][._-]|[_-][/.]|\./|-_|_-|___|^[._-]|[._-]$`, message: NO_NAME },
  { is: false, pattern: String.raw`/[^/]*:|^[^/\[]*:(0|/|[^/]*[^/0-9*?])`, message: NO_NAME },
];

/** A glob over image names, with the rules by which the API server refuses one that covers less than it reads. */
export const glob = text(255).meta({
  'x-kubernetes-validations': RULES.map(({ is, pattern, message }) => ({
    rule: `${is ? '' : '!'}self.matches(${JSON.stringify(pattern)})`,
    message,
  })),
});

/** What is wrong with a glob by its form. */
export function globProblem(written: string): string | undefined {
  return RULES.find(({ is, pattern }) => new RegExp(pattern).test(written) !== is)?.message;
}
