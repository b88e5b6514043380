import { explainFailure } from '../core/model/index.ts';
import { KUBERNETES_WORKLOADS } from '../core/workload/index.ts';
import { decodeLargeReview, decodeReview, headOf, refused, SMALL_REVIEW_BYTES } from './decode.ts';
import type { DecodedReview } from './decode.ts';
import { within } from './deadline.ts';
import type { CommonPorts } from './ports.ts';

/** Bytes of a review, and the milliseconds that it may take in all. */
export interface Review {
  readonly body: Uint8Array;
  readonly budgetMs: number;
}

/** Decodes a review: a small one here, a large one elsewhere, where namespaces take turns. Never rejects. */
export async function readReview({ body, budgetMs }: Review, ports: CommonPorts): Promise<DecodedReview> {
  const { workloads = KUBERNETES_WORKLOADS, decodeElsewhere } = ports;
  const bytes = body.byteLength;
  if (bytes <= SMALL_REVIEW_BYTES) return decodeReview(body);
  if (decodeElsewhere === undefined) return decodeLargeReview({ body, workloads });
  const { uid, namespace: owner } = headOf(body);
  const decoding = decodeElsewhere({ body, workloads }, { bytes, owner });
  const outcome = (await within(budgetMs, () => decoding)) ?? LATE;
  if (outcome.ok) return outcome.value;
  const { code, detail, transient } = explainFailure(
    outcome.failure,
    `read a review of ${String(bytes)} bytes`,
  );
  return { ...refused(code, transient ? `${detail} (temporary, try again)` : detail), uid };
}

const LATE = { ok: false, failure: 'late' } as const;
