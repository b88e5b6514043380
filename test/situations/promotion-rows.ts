import type { ReasonCode } from '../../src/core/model/reason.ts';

/** One situation of a mirror or a promotion. */
export interface PromotionRow {
  /** For people. */
  readonly what: string;
  /** `Refused`: the run ends before its first step. */
  readonly decision: 'Failed' | 'Blocked' | 'AwaitingApproval' | 'Promoted' | 'Mirrored' | 'Refused';
  /** The reason of the result; absent where there is none. */
  readonly reason?: ReasonCode;
}

/** Situations of mirrors and promotions. After each that is not `Promoted` or `Mirrored` the tag at the target is absent. */
export const PROMOTIONS = {
  good: { what: 'nothing is wrong', decision: 'Promoted' },
  sourceFails: { what: 'the source fails', decision: 'Refused', reason: 'RegistryUnavailable' },
  targetRefuses: { what: 'the target takes no writes', decision: 'Failed', reason: 'RegistryDenied' },
  listingOdd: {
    what: 'the listing of referrers at the source is none',
    decision: 'Failed',
    reason: 'RegistryMisbehaved',
  },
  listingFails: {
    what: 'the listing of referrers at the source cannot be read',
    decision: 'Failed',
    reason: 'RegistryDenied',
  },
  unsigned: {
    what: 'the image does not satisfy a policy of the promotion',
    decision: 'Blocked',
    reason: 'Unsigned',
  },
  scannerMissing: { what: 'the scanner is missing', decision: 'Blocked', reason: 'ScannerFailed' },
  scannerFails: { what: 'the scanner crashes', decision: 'Failed', reason: 'ScannerFailed' },
  scannerGarbled: {
    what: 'the scanner prints what cannot be read',
    decision: 'Blocked',
    reason: 'ScannerFailed',
  },
  databaseOld: {
    what: 'the database of the scanner is too old',
    decision: 'Blocked',
    reason: 'ScannerDatabaseOld',
  },
  nothingExamined: {
    what: 'the scanner could not examine the image',
    decision: 'Blocked',
    reason: 'ScanIncomplete',
  },
  severityUnknown: {
    what: 'a finding has no severity that can be read',
    decision: 'Blocked',
    reason: 'Vulnerable',
  },
  reportMissing: { what: 'there is no signed report', decision: 'Blocked', reason: 'ReportMissing' },
  reportByStranger: {
    what: 'the only report is signed by a stranger',
    decision: 'Blocked',
    reason: 'ReportMissing',
  },
  reportTooOld: { what: 'the signed report is too old', decision: 'Blocked', reason: 'ReportTooOld' },
  approvalMissing: {
    what: 'a finding blocks, and no approval is there',
    decision: 'AwaitingApproval',
    reason: 'ApprovalNeeded',
  },
  approvalUnfit: {
    what: 'the approval is for other findings, another run or another digest',
    decision: 'AwaitingApproval',
    reason: 'ApprovalNeeded',
  },
  flagFails: {
    what: 'a mirror cannot attach the quarantine flag',
    decision: 'Failed',
    reason: 'RegistryDenied',
  },
  historyUnreadable: {
    what: 'the history of a mirror cannot be read',
    decision: 'Refused',
    reason: 'RegistryUnavailable',
  },
  referrerHidden: {
    what: '**the source hides what refers to the image**: it is copied without',
    decision: 'Promoted',
  },
} as const satisfies Readonly<Record<string, PromotionRow>>;

/** A situation of a mirror or a promotion. */
export type PromotionSituation = keyof typeof PROMOTIONS;
