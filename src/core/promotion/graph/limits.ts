import { Fault, formatReference, type ManifestContent, type PinnedRef } from '../../model/index.ts';

/** How large a graph may be; beyond it gathering ends with a Fault `LimitExceeded`. */
export interface GraphLimits {
  /** Steps from the image to the farthest manifest, by children and referrers alike. */
  readonly depth: number;
  readonly manifests: number;
  /** Bytes of all manifests together: they are held in memory until the copy is done. */
  readonly manifestBytes: number;
  readonly attachments: number;
}

/** Real graphs are an index of twenty platforms with a handful of referrers each, two deep; an attacker can push many more. */
export const DEFAULT_GRAPH_LIMITS: GraphLimits = {
  depth: 8,
  manifests: 1_000,
  manifestBytes: 16 * 1024 * 1024,
  attachments: 2_000,
};

/** Counts what a gathering reads, and ends it when that is too much. */
export interface Budget {
  readonly deep: (depth: number) => void;
  readonly opened: (content: ManifestContent) => void;
  readonly found: (attachments: number) => void;
}

/** A fresh budget for one image. */
export function createBudget(image: PinnedRef, limits: GraphLimits): Budget {
  let manifests = 0;
  let bytes = 0;
  let attachments = 0;
  const hold = (amount: number, limit: number, what: string): void => {
    if (amount <= limit) return;
    throw new Fault({
      code: 'LimitExceeded',
      operation: `gather ${formatReference(image)} with all that belongs to it`,
      side: 'source',
      transient: false,
      detail: `there are more than ${String(limit)} ${what}`,
    });
  };
  return {
    deep: (depth) => {
      hold(depth, limits.depth, 'levels of manifests');
    },
    opened: (content) => {
      manifests += 1;
      bytes += content.bytes.byteLength;
      hold(manifests, limits.manifests, 'manifests');
      hold(bytes, limits.manifestBytes, 'bytes of manifests');
    },
    found: (more) => {
      attachments += more;
      hold(attachments, limits.attachments, 'attachments');
    },
  };
}
