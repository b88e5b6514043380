import type { Cluster, Collection, WatchEvent } from '../types.ts';

/** One watch, from a resource version until it ends. */
export interface Follow {
  readonly cluster: Pick<Cluster, 'watch'>;
  readonly collection: Collection;
  readonly resourceVersion: string;
  /** Milliseconds without a word after which the connection is taken for dead. */
  readonly staleAfterMs: number;
  readonly onEvent: (event: WatchEvent) => void;
  readonly signal: AbortSignal;
}

/**
 * Watches until the server ends it. A connection may die without anybody being told (a load balancer that forgot it, a
 * machine that is gone), and then a watch is silent for ever: silence of some length ends it.
 */
export async function follow({
  cluster,
  collection,
  resourceVersion,
  ...rest
}: Follow): Promise<'ended' | 'silent'> {
  const { staleAfterMs, onEvent, signal } = rest;
  const silence = new AbortController();
  const watchdog = setTimeout(() => silence.abort(), staleAfterMs);
  try {
    const either = AbortSignal.any([signal, silence.signal]);
    for await (const event of cluster.watch(collection, resourceVersion, either)) {
      watchdog.refresh();
      onEvent(event);
    }
  } finally {
    clearTimeout(watchdog);
  }
  return silence.signal.aborted && !signal.aborted ? 'silent' : 'ended';
}
