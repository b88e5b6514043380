import { Fault } from '../../../core/model/index.ts';
import type { Cluster, Collection, KubeObject } from '../types.ts';

/** A whole collection, page by page. */
export interface ListAll {
  readonly cluster: Pick<Cluster, 'list'>;
  readonly collection: Collection;
  readonly pageSize: number;
  /** Takes what is wanted of each object; the page itself is not kept. */
  readonly take: (object: KubeObject) => void;
  readonly signal: AbortSignal;
}

/** Lists a collection and answers the resource version to watch from. A page too large to read is asked for in halves. */
export async function listAll({ cluster, collection, pageSize, take, signal }: ListAll): Promise<string> {
  let limit = pageSize;
  let next: string | undefined;
  for (;;) {
    try {
      const page = await cluster.list(
        collection,
        { limit, ...(next !== undefined && { continue: next }) },
        signal,
      );
      page.items.forEach(take);
      if (page.continue === undefined) return page.resourceVersion;
      next = page.continue;
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'LimitExceeded' || limit === 1) throw error;
      limit = Math.ceil(limit / 2);
    }
  }
}
