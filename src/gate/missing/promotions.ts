import { LRUCache } from 'lru-cache';
import type { Cluster, KubeObject } from '../../clients/kubernetes/index.ts';
import { Fault, objectOf, type Clock } from '../../core/model/index.ts';
import { parseTime } from '../../core/policy/index.ts';
import {
  ASKED_AT,
  compileTaking,
  parsePromotion,
  type ImagePromotionRunStatus,
  type ImagePromotionSpec,
  type ImagePromotionStatus,
  type Taking,
} from '../../core/promotion/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';

/** A promotion as the gate reads it. */
export interface KnownPromotion {
  readonly name: string;
  readonly resourceVersion: string;
  readonly spec: ImagePromotionSpec;
  readonly status: ImagePromotionStatus;
  readonly takes: Taking;
  /** From when on the gate has asked for a run, by the annotation. */
  readonly askedAt?: Date | undefined;
}

/** The promotions of a namespace, and their runs. Each rejects with a `Fault` when the cluster cannot be asked. */
export interface Promotions {
  /** Those that can be read, in the order of their names; at most some seconds old. */
  readonly all: () => Promise<readonly KnownPromotion[]>;
  /** The status of a run; `undefined` = it is gone. */
  readonly run: (name: string) => Promise<ImagePromotionRunStatus | undefined>;
  /** Asks for a run from this moment on. Nothing is written where another writer was faster: `false`. */
  readonly askFor: (promotion: KnownPromotion, at: Date) => Promise<boolean>;
}

/** Milliseconds for which promotions and runs are not read again, however many callers ask. */
const FRESH_MS = 5_000;
/** Milliseconds to read them, for all who wait. */
const READ_MS = 10_000;
/** Promotions on one page, and most pages: more promotions of one namespace are not considered. */
const PAGE = 250;
const MAX_PAGES = 8;
/** Runs whose status is kept. One has up to 100 kB. */
const MAX_RUNS = 64;
/** Compiled promotions: each version of each, as long as it is used. */
const MAX_COMPILED = PAGE * MAX_PAGES;
const CONFLICT = 409;

type Readable = Pick<KnownPromotion, 'spec' | 'takes'>;

/** Reads promotions of a namespace and asks one for runs: a change of one annotation of the version that was read. */
export function readPromotions(
  cluster: Pick<Cluster, 'list' | 'get' | 'patch'>,
  namespace: string,
  clock: Clock,
): Promotions {
  const compiled = new LRUCache<string, { readonly value: Readable | undefined }>({ max: MAX_COMPILED });
  const shared = new LRUCache<string, { readonly until: number; readonly value: Promise<unknown> }>({
    max: MAX_RUNS,
  });

  /** Reads once for all who ask within some seconds. A failure is forgotten at once. */
  const once = <T>(key: string, read: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const known = shared.get(key);
    if (known && known.until > clock().getTime()) return known.value as Promise<T>;
    const value = read(AbortSignal.timeout(READ_MS));
    shared.set(key, { until: clock().getTime() + FRESH_MS, value });
    value.catch(() => shared.delete(key));
    return value;
  };

  const compile = (object: KubeObject): Readable | undefined => {
    const { uid = '', generation = 0 } = object.metadata;
    const key = `${uid}/${String(generation)}`;
    const known = compiled.get(key) ?? { value: readable(object) };
    compiled.set(key, known);
    return known.value;
  };

  const known = (object: KubeObject): readonly KnownPromotion[] => {
    const { name, resourceVersion = '', deletionTimestamp, annotations } = object.metadata;
    const read = compile(object);
    if (!read || deletionTimestamp !== undefined) return [];
    const askedAt = parseTime(annotations?.[ASKED_AT] ?? '');
    // Only Pratique writes it, and the API server has validated it.
    const status = objectOf(object.status) as ImagePromotionStatus;
    return [{ name, resourceVersion, status, askedAt, ...read }];
  };

  const readAll = async (signal: AbortSignal): Promise<readonly KnownPromotion[]> => {
    const found: KnownPromotion[] = [];
    const collection = { resource: RESOURCES.promotions, namespace };
    let next: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const answer = await cluster.list(
        collection,
        { limit: PAGE, ...(next !== undefined && { continue: next }) },
        signal,
      );
      found.push(...answer.items.flatMap(known));
      next = answer.continue;
      if (next === undefined) break;
    }
    return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  };

  return {
    all: () => once('', readAll),
    run: (name) =>
      once(`run ${name}`, async (signal) => {
        const object = await cluster.get({ resource: RESOURCES.promotionRuns, namespace, name }, signal);
        return object && objectOf(object.status);
      }),
    askFor: async ({ name, resourceVersion }, at) => {
      const change = { metadata: { resourceVersion, annotations: { [ASKED_AT]: at.toISOString() } } };
      const signal = AbortSignal.timeout(READ_MS);
      const address = { resource: RESOURCES.promotions, namespace, name };
      const written = await cluster.patch(address, change, { signal }).finally(() => shared.delete(''));
      if (written.ok) return true;
      if (written.status === CONFLICT) return false;
      const [code, operation, side] = ['ClusterDenied', `ask "${name}" for a run`, 'cluster'] as const;
      throw new Fault({ code, operation, side, transient: false, detail: written.message });
    },
  };
}

function readable(object: KubeObject): Readable | undefined {
  const read = parsePromotion(object);
  if (!read.ok) return undefined;
  const takes = compileTaking(read.value.spec);
  return takes.ok ? { spec: read.value.spec, takes: takes.value } : undefined;
}
