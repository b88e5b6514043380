import { Fault } from '../../../core/model/index.ts';
import { durationMs } from '../../../core/policy/index.ts';
import type { ImagePromotionRun, ImagePromotionRunStatus } from '../../../core/promotion/index.ts';
import type { Time } from '../ports.ts';

/** The one deadline of a run. */
export interface Timeout {
  /** Fires with a `Fault` `DeadlineExceeded`. */
  readonly signal: AbortSignal;
  readonly cancel: () => void;
}

/**
 * Starts what is left of the time of a run: counted from its begin, also by whoever goes on with it after a crash; after a
 * person has decided, from then.
 */
export function startTimeout(
  { metadata, spec }: ImagePromotionRun,
  { startTime, resumeTime }: ImagePromotionRunStatus,
  { clock, after }: Time,
): Timeout {
  const { timeout } = spec.template;
  const late = new AbortController();
  const from = resumeTime ?? startTime;
  const spent = from === undefined ? 0 : clock().getTime() - new Date(from).getTime();
  const cancel = after(Math.max(0, durationMs(timeout) - Math.max(0, spent)), () => {
    const detail = `it took longer than its timeout of ${timeout}`;
    late.abort(
      new Fault({
        code: 'DeadlineExceeded',
        operation: `carry out ${metadata.name}`,
        side: 'cluster',
        transient: false,
        detail,
      }),
    );
  });
  return { signal: late.signal, cancel };
}
