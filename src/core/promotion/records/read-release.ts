import * as z from 'zod';
import { nameOf, type ImageRef, type StatementClaim } from '../../model/index.ts';
import { parseMoment, RELEASE_PREDICATE_TYPE } from '../../policy/index.ts';

/** What of a release statement counts after the release. */
export interface ReadRelease {
  /** Ids of findings that an approver accepted. */
  readonly waived: readonly string[];
  readonly approvalReason: string;
  /** Invalid where the statement does not say: then the approval has ended, nothing is forgiven by mistake. */
  readonly approvedUntil: Date;
}

const place = z.object({ repository: z.string() });
const release = z.object({
  source: place,
  target: place,
  waived: z.array(z.string()),
  approvalReason: z.string().default(''),
  approvedUntil: z.string().optional(),
});

/**
 * Reads a release statement by which an image came from this source to this target; `undefined` for any other statement: one key
 * may sign for several promotions, and what one lets pass is nothing to the others.
 */
export function readRelease(
  { predicateType, predicate }: StatementClaim,
  { source, target }: { readonly source: ImageRef; readonly target: ImageRef },
): ReadRelease | undefined {
  if (predicateType !== RELEASE_PREDICATE_TYPE) return undefined;
  const read = release.safeParse(predicate);
  if (!read.success) return undefined;
  const { waived, approvalReason, approvedUntil = '', ...places } = read.data;
  if (places.source.repository !== nameOf(source)) return undefined;
  if (places.target.repository !== nameOf(target)) return undefined;
  return { waived, approvalReason, approvedUntil: parseMoment(approvedUntil) ?? new Date(NaN) };
}
