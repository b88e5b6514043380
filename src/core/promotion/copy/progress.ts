import type { BlobArrival } from '../ports.ts';

/** How far a copy is: figures only grow. */
export interface CopyProgress {
  /** Bytes that travelled, also those that had to be sent twice. */
  readonly bytes: number;
  readonly blobs: Readonly<Record<BlobArrival, number>>;
  /** Manifests that are at the target, whether pushed now or there before. */
  readonly manifests: number;
  /** What it all amounts to: `bytes` where nothing is there yet and nothing can be mounted. */
  readonly total: { readonly bytes: number; readonly blobs: number; readonly manifests: number };
}

/** Counts what arrives and tells of it. */
export interface Tally {
  readonly moved: (bytes: number) => void;
  readonly arrived: (how: BlobArrival, blobs?: number) => void;
  readonly pushed: (manifests: number) => void;
  readonly now: () => CopyProgress;
}

/** A tally that begins at nothing. */
export function createTally(total: CopyProgress['total'], tell?: (progress: CopyProgress) => void): Tally {
  const blobs = { present: 0, mounted: 0, copied: 0, shared: 0 };
  let bytes = 0;
  let manifests = 0;
  const now = (): CopyProgress => ({ bytes, blobs: { ...blobs }, manifests, total });
  return {
    now,
    moved: (more) => {
      bytes += more;
      tell?.(now());
    },
    arrived: (how, count = 1) => {
      blobs[how] += count;
      tell?.(now());
    },
    pushed: (count) => {
      manifests += count;
      tell?.(now());
    },
  };
}
