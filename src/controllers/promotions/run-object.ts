import { digestOf } from '../../core/model/index.ts';
import { API_VERSION } from '../../core/policy/index.ts';
import type { ImagePromotion, ImagePromotionRunSpec } from '../../core/promotion/index.ts';
import { ANSWERS_REQUEST, type RecordedRun } from './run-state.ts';
import type { ObjectMetadata, PromotionObject } from './ports.ts';

/** Why a run is begun: the same reason with the same token begins it once, however often it is tried. */
export interface Trigger {
  readonly why: ImagePromotionRunSpec['trigger'];
  readonly token: string;
  readonly attempt: number;
}

/** Label of a run with the name of its promotion, shortened. */
const PROMOTION_LABEL = 'pratique.dev/promotion';
/** Longest part of a promotion's name in the names of its runs: the names of Jobs become labels and are even longer. */
const MAX_NAME_PART = 40;
/** Hex digits that distinguish the runs of one promotion. */
const HASH_DIGITS = 10;
/** Longest value of a label. */
const MAX_LABEL = 63;

/** The name of a run: made from the reason why it is begun, so that no run is begun twice. */
export function runName({ name, uid }: ObjectMetadata, trigger: Trigger): string {
  const hash = digestOf(JSON.stringify([uid, trigger.why, trigger.token]));
  const part = name.replaceAll('.', '-').slice(0, MAX_NAME_PART).replace(/-+$/, '');
  return `${part}-${hash.slice(hash.indexOf(':') + 1).slice(0, HASH_DIGITS)}`;
}

/** A run as it is created: the promotion frozen in it, and deleted with it. */
export function newRun(
  { metadata }: PromotionObject,
  { spec }: Pick<ImagePromotion, 'spec'>,
  { trigger, requestedAt }: { readonly trigger: Trigger; readonly requestedAt: string | undefined },
): object {
  const { name, namespace, uid, generation } = metadata;
  const label = name.slice(0, MAX_LABEL).replace(/[-.]+$/, '');
  const owner = { apiVersion: API_VERSION, kind: 'ImagePromotion', name, uid, controller: true };
  return {
    apiVersion: API_VERSION,
    kind: 'ImagePromotionRun',
    metadata: {
      name: runName(metadata, trigger),
      namespace,
      labels: { [PROMOTION_LABEL]: label },
      annotations: requestedAt === undefined ? undefined : { [ANSWERS_REQUEST]: requestedAt },
      ownerReferences: [{ ...owner, blockOwnerDeletion: false }],
    },
    spec: {
      promotion: { name, uid, generation },
      trigger: trigger.why,
      attempt: trigger.attempt,
      template: spec,
    } satisfies ImagePromotionRunSpec,
  };
}

/**
 * The runs to delete, by the limits: the oldest of the ended ones. The newest run of all is always kept, because retries and
 * schedules are counted from it.
 */
export function runsToPrune(
  runs: readonly RecordedRun[],
  limits: { readonly succeeded: number; readonly failed: number },
): readonly RecordedRun[] {
  const [, ...older] = runs;
  const over = older.filter((run) => run.over);
  const isWell = ({ object }: RecordedRun): boolean => object.status?.phase === 'Succeeded';
  const newestIsWell = runs[0] !== undefined && isWell(runs[0]);
  const [well, unwell] = [over.filter(isWell), over.filter((run) => !isWell(run))];
  return [
    ...well.slice(Math.max(0, limits.succeeded - (newestIsWell ? 1 : 0))),
    ...unwell.slice(Math.max(0, limits.failed - (newestIsWell ? 0 : 1))),
  ];
}
