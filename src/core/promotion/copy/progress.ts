import type { Descriptor } from '../../model/index.ts';
import type { BlobArrival } from '../ports.ts';

/** How far a copy is: figures only grow. */
export interface CopyProgress {
  /** Bytes that travelled, also those that had to be sent twice. */
  readonly bytes: number;
  readonly blobs: Readonly<Record<BlobArrival, number>>;
  /** Bytes that did not have to travel for this image, by why. */
  readonly spared: Readonly<Record<Spared, number>>;
  /** Manifests that are at the target, whether pushed now or there before. */
  readonly manifests: number;
  /** What it all amounts to: `bytes` where nothing is there yet and nothing can be mounted. */
  readonly total: { readonly bytes: number; readonly blobs: number; readonly manifests: number };
}

/** Why bytes need not travel: all ways to arrive but being copied. */
export type Spared = Exclude<BlobArrival, 'copied'>;

/** Counts what arrives and reports it. */
export interface Tally {
  readonly moved: (bytes: number) => void;
  readonly arrived: (how: BlobArrival, blob: Pick<Descriptor, 'size'>) => void;
  readonly pushed: (manifests: number) => void;
  readonly now: () => CopyProgress;
}

/** A tally that begins at nothing. */
export function createTally(total: CopyProgress['total'], report?: (progress: CopyProgress) => void): Tally {
  const blobs = { present: 0, mounted: 0, copied: 0, shared: 0 };
  const spared = { present: 0, mounted: 0, shared: 0 };
  let bytes = 0;
  let manifests = 0;
  const now = (): CopyProgress => ({
    bytes,
    blobs: { ...blobs },
    spared: { ...spared },
    manifests,
    total,
  });
  return {
    now,
    moved: (more) => {
      bytes += more;
      report?.(now());
    },
    arrived: (how, { size }) => {
      blobs[how] += 1;
      if (how !== 'copied') spared[how] += size;
      report?.(now());
    },
    pushed: (count) => {
      manifests += count;
      report?.(now());
    },
  };
}
