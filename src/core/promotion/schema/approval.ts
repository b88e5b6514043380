import * as z from 'zod';
import { rule } from '../../policy/index.ts';
import { digest, gateHash, momentText, objectName, vulnerabilityId } from './parts.ts';

/** How many findings one approval can waive. */
export const MAX_WAIVED = 256;

/** The `spec` of a PromotionApproval. */
export const approvalSpecSchema = z
  .strictObject({
    runName: objectName.describe('The ImagePromotionRun that waited, or was blocked.'),
    digest: digest.describe('The image: its digest at the source, and no other.'),
    gateHash: gateHash.describe(
      'What the gates had found, as the run says; worth nothing once they find something else.',
    ),
    approver: z
      .string()
      .min(1)
      .max(253)
      .describe('Who decides. An admission policy lets only your own name pass.'),
    decision: z.enum(['Approve', 'Deny']).describe('Deny is stronger than any Approve.'),
    waive: z
      .array(vulnerabilityId)
      .max(MAX_WAIVED)
      .default([])
      .describe('Findings that are accepted. Findings that are not named here still block.'),
    reason: z.string().min(1).max(512).describe('Why; it stands in the release statement.'),
    until: momentText.describe('Last day (UTC) or moment it holds.'),
  })
  .meta(rule('self == oldSelf', 'an approval is never changed; delete it and write another one'));
