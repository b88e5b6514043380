import type { RecordedEvent } from '../../clients/kubernetes/index.ts';
import {
  gatesOf,
  weakenedGates,
  type ImagePromotionSpec,
  type ImagePromotionStatus,
} from '../../core/promotion/index.ts';
import { regarding } from './changes.ts';
import type { PromotionObject } from './ports.ts';

/** Most changes that one event lists: its note has room for about a thousand characters. */
const MAX_LISTED = 5;
/** Most characters of one of them. */
const MAX_CHANGE = 160;

/**
 * Compares the gates of a promotion with those that its status remembers: an event reports what is weaker. Only the controller writes
 * that status, so that the deletion of runs hides no change.
 */
export function compareGates(
  object: PromotionObject,
  spec: ImagePromotionSpec,
  before: ImagePromotionStatus['gates'],
): { readonly gates: string[]; readonly events: readonly RecordedEvent[] } {
  const gates = [...gatesOf(spec)];
  const weaker = before ? weakenedGates(before, gates) : [];
  if (weaker.length === 0) return { gates, events: [] };
  const { generation, writtenBy } = object.metadata;
  const by = writtenBy ? ` by field manager "${writtenBy.manager}" at ${writtenBy.time}` : '';
  const written = `generation ${String(generation)}, written${by}`;
  const left = weaker.length - MAX_LISTED;
  const more = left > 0 ? `; and ${String(left)} more` : '';
  const listed = weaker.slice(0, MAX_LISTED).map((one) => one.slice(0, MAX_CHANGE));
  const note = `${written}; the user is in the audit log of the API server: ${listed.join('; ')}${more}`;
  const event = { type: 'Warning', reason: 'GateWeakened', action: 'Change', note } as const;
  return { gates, events: [{ regarding: regarding(object), ...event }] };
}
