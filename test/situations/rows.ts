// What happens when something is missing, broken or hostile: one row for each situation. Tests make each of them for real,
// and the tables of docs/security.md are printed from the same rows.
import type { ReasonCode } from '../../src/core/model/reason.ts';

/** What a person sees of an admission: refused, admitted with a warning, admitted. */
export type Seen = 'refused' | 'warned' | 'admitted';

/** How a policy is set, for each column of the table of admissions. */
export const COLUMNS = [
  { name: 'deny', title: '`onUnknown: Deny`', spec: { enforcement: 'Deny', onUnknown: 'Deny' } },
  { name: 'warn-unknown', title: '`onUnknown: Warn`', spec: { enforcement: 'Deny', onUnknown: 'Warn' } },
  { name: 'allow-unknown', title: '`onUnknown: Allow`', spec: { enforcement: 'Deny', onUnknown: 'Allow' } },
  { name: 'warn', title: '`enforcement: Warn`', spec: { enforcement: 'Warn', onUnknown: 'Deny' } },
  { name: 'audit', title: '`enforcement: Audit`', spec: { enforcement: 'Audit', onUnknown: 'Deny' } },
] as const;

/** A name of a column. */
export type Column = (typeof COLUMNS)[number]['name'];

/** What is seen in each column, in their order, by the kind of what was found out. */
export const KINDS = {
  /** It could not be found out: `onUnknown` decides. */
  unknown: ['refused', 'warned', 'admitted', 'warned', 'admitted'],
  /** It is certain, or over a limit, and the policy does not allow it. */
  refused: ['refused', 'refused', 'refused', 'warned', 'admitted'],
  /** Nothing can be judged at all: no policy decides. */
  always: ['refused', 'refused', 'refused', 'refused', 'refused'],
  /** Nothing stands against it, and a person should know of something. */
  noticed: ['warned', 'warned', 'warned', 'warned', 'admitted'],
  /** Nothing stands against it. */
  admitted: ['admitted', 'admitted', 'admitted', 'admitted', 'admitted'],
} as const satisfies Readonly<Record<string, readonly Seen[]>>;

/** One situation of an admission. */
export interface AdmissionRow {
  /** For people. */
  readonly what: string;
  readonly kind: keyof typeof KINDS;
  /** The reason of the answer; absent where there is none. */
  readonly reason?: ReasonCode;
}

/** Situations of an admission. The image is signed as its policy requires, unless the situation says otherwise. */
export const ADMISSIONS = {
  good: { what: 'nothing is wrong', kind: 'admitted' },
  registryDown: { what: 'the registry drops connections', kind: 'unknown', reason: 'RegistryUnavailable' },
  registryFails: { what: 'the registry answers 503', kind: 'unknown', reason: 'RegistryUnavailable' },
  loginRefused: { what: 'the registry answers 401', kind: 'unknown', reason: 'RegistryDenied' },
  rateLimited: { what: 'the registry answers 429', kind: 'unknown', reason: 'RegistryRateLimited' },
  registrySilent: { what: 'the registry never answers', kind: 'unknown', reason: 'DeadlineExceeded' },
  manifestTooLarge: {
    what: 'the manifest has no end, or something else is over a limit',
    kind: 'refused',
    reason: 'LimitExceeded',
  },
  threadDied: {
    what: 'the thread that reads a large manifest dies',
    kind: 'unknown',
    reason: 'InternalError',
  },
  threadExhausted: {
    what: 'the thread that reads a large manifest has no memory left',
    kind: 'refused',
    reason: 'LimitExceeded',
  },
  wrongBytes: {
    what: 'the bytes of the manifest do not have its digest',
    kind: 'unknown',
    reason: 'RegistryMisbehaved',
  },
  listingOdd: { what: 'the listing of referrers is none', kind: 'unknown', reason: 'RegistryMisbehaved' },
  listingFails: {
    what: 'the listing of referrers cannot be read',
    kind: 'unknown',
    reason: 'RegistryUnavailable',
  },
  redirected: {
    what: 'the registry redirects to a link-local address',
    kind: 'unknown',
    reason: 'UntrustedEndpoint',
  },
  forbiddenAddress: {
    what: 'the image is at a link-local address',
    kind: 'unknown',
    reason: 'AddressRefused',
  },
  policyNeverCompiled: {
    what: 'the Secret with the key of a new policy is missing',
    kind: 'unknown',
    reason: 'PolicyBroken',
  },
  labelsUnreadable: {
    what: 'a policy selects namespaces, and their labels cannot be read',
    kind: 'unknown',
    reason: 'NamespaceUnknown',
  },
  pullSecretMissing: {
    what: 'a pull secret of the pod is missing, and the image can be read without it',
    kind: 'noticed',
    reason: 'PullSecretUnreadable',
  },
  pullSecretUnreadable: {
    what: 'a pull secret of the pod cannot be read, and the image can be read without it',
    kind: 'noticed',
    reason: 'PullSecretUnreadable',
  },
  pullSecretNeeded: {
    what: 'a pull secret of the pod is missing, and the registry answers 401',
    kind: 'unknown',
    reason: 'PullSecretUnreadable',
  },
  dateUnreadable: {
    what: 'the date of end of life cannot be read',
    kind: 'unknown',
    reason: 'UnreadableDate',
  },
  reportFromFuture: {
    what: 'the signed vulnerability report is from the future',
    kind: 'refused',
    reason: 'ReportTooOld',
  },
  reportTooOld: {
    what: 'the signed vulnerability report is too old',
    kind: 'refused',
    reason: 'ReportTooOld',
  },
  severityUnknown: {
    what: 'a finding of the report has no severity that can be read',
    kind: 'refused',
    reason: 'Vulnerable',
  },
  reportUnsigned: {
    what: 'the vulnerability report is signed by a stranger',
    kind: 'refused',
    reason: 'ReportMissing',
  },
  unsigned: { what: 'the image is unsigned', kind: 'refused', reason: 'Unsigned' },
  signatureHidden: {
    what: 'the registry hides the signature (404, empty listing)',
    kind: 'refused',
    reason: 'Unsigned',
  },
  imageHidden: { what: 'the registry hides the image (404)', kind: 'refused', reason: 'ImageNotFound' },
  flagHidden: { what: '**the registry hides the quarantine flag of a signed image**', kind: 'admitted' },
  keyRemoved: {
    what: 'the key that signed was replaced in its Secret',
    kind: 'refused',
    reason: 'Unsigned',
  },
  policyStopsCompiling: {
    what: 'a policy in force stops compiling; the image is unsigned by its last good version',
    kind: 'refused',
    reason: 'Unsigned',
  },
  apiServerAway: {
    what: 'the API server cannot be read, and pull secrets are not in memory',
    kind: 'noticed',
    reason: 'PullSecretUnreadable',
  },
  noPolicy: {
    what: '**no policy covers the image** (`unmatchedImages: Allow`)',
    kind: 'admitted',
    reason: 'UnmatchedImage',
  },
  reviewUnreadable: { what: 'the review cannot be read', kind: 'always', reason: 'InvalidRequest' },
  parentUnreadable: {
    what: 'the object that is scaled up cannot be read',
    kind: 'always',
    reason: 'ParentUnknown',
  },
  judgeStuck: { what: 'judging does not end in time', kind: 'always', reason: 'DeadlineExceeded' },
  bug: { what: 'Pratique itself fails', kind: 'always', reason: 'InternalError' },
} as const satisfies Readonly<Record<string, AdmissionRow>>;

/** A situation of an admission. */
export type AdmissionSituation = keyof typeof ADMISSIONS;
