import { stringify } from 'yaml';
import { API_VERSION } from '../../core/policy/index.ts';
import { MAX_WAIVED, type ImageResult } from '../../core/promotion/index.ts';

/** Hex digits of a digest in the name of an approval: enough to distinguish images. */
const SHOWN = 12;

/** For every image that waits an approval to be completed, with what to do with it; nothing where none waits. */
export function approvalForms(rows: readonly ImageResult[]): string {
  return rows.flatMap((row) => (row.decision === 'AwaitingApproval' ? [formOf(row)] : [])).join('');
}

/** Who, why and until when are left empty, and refused as long as they are. */
function formOf({ tag, digest, gateHash, blocking = [] }: ImageResult): string {
  const [, hex = ''] = digest?.split(':') ?? [];
  const form = stringify({
    apiVersion: API_VERSION,
    kind: 'PromotionApproval',
    metadata: { name: `approve-${hex.slice(0, SHOWN)}` },
    spec: {
      runName: 'local',
      digest,
      gateHash,
      approver: '',
      decision: 'Approve',
      waive: blocking.slice(0, MAX_WAIVED),
      reason: '',
      until: '',
    },
  });
  const left = blocking.length - MAX_WAIVED;
  const more =
    left > 0 ? `# ${left} more block it: an approval has no room for them, an exception does.\n` : '';
  return `\nTo let ${tag} go on, complete this, put it beside the promotion and run again:\n---\n${more}${form}`;
}
