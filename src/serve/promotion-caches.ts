import {
  watchCollection,
  type Change,
  type Cluster,
  type KubeObject,
  type Metadata,
  type Reflector,
  type Resource,
} from '../clients/kubernetes/index.ts';
import type { ImagePromotionRunStatus, ImagePromotionStatus } from '../core/promotion/index.ts';
import type {
  ApprovalObject,
  ObjectMetadata,
  ObjectName,
  PromotionObject,
  RunObject,
} from '../controllers/promotions/index.ts';
import { objectOf, text } from './object-fields.ts';
import { RESOURCES } from '../core/workload/index.ts';

/** What the leader keeps in memory of promotions, of all namespaces. */
export interface PromotionCaches {
  readonly promotions: Reflector<PromotionObject>;
  /** Without what only whoever carries them out needs: that is read when it is. */
  readonly runs: Reflector<RunObject>;
  readonly approvals: Reflector<ApprovalObject>;
  /** Resolves when everything was read once; rejects when closed before. */
  readonly synced: Promise<void>;
  readonly close: () => Promise<void>;
}

/** What opening them takes. */
export interface PromotionCachesOptions {
  readonly cluster: Cluster;
  readonly onPromotion: (promotion: ObjectName) => void;
  /** A run changed; `promotion` is the name of its promotion. */
  readonly onRun: (run: ObjectName, promotion: string) => void;
  /** An approval of this run changed. */
  readonly onApproval: (run: ObjectName) => void;
  readonly onError: (what: string, error: unknown) => void;
}

/** Runs asked for at once: one of them may have a hundred kilobytes. */
const RUNS_ON_PAGE = 50;

/** Opens the caches; they fill in the background. */
export function openPromotionCaches(options: PromotionCachesOptions): PromotionCaches {
  const { cluster, onPromotion, onRun, onApproval, onError: onError } = options;
  const watch = <T>(
    what: string,
    resource: Resource,
    given: {
      readonly select: (object: KubeObject) => T;
      readonly onChange: (name: ObjectName, value: T) => void;
      readonly pageSize?: number;
    },
  ): Reflector<T> =>
    watchCollection({
      cluster,
      collection: { resource },
      ...given,
      onChange: (change) => {
        given.onChange(nameOf(change), change.type === 'set' ? change.value : change.previous);
      },
      onError: (error) => {
        onError(what, error);
      },
    });
  const promotions = watch('image promotions', RESOURCES.promotions, {
    select: promotionObject,
    onChange: onPromotion,
  });
  const runs = watch('image promotion runs', RESOURCES.promotionRuns, {
    select: knownRun,
    pageSize: RUNS_ON_PAGE,
    onChange: (name, { spec }) => {
      onRun(name, text(objectOf(objectOf(spec).promotion).name));
    },
  });
  const approvals = watch('promotion approvals', RESOURCES.promotionApprovals, {
    select: approvalObject,
    onChange: ({ namespace }, { spec }) => {
      onApproval({ namespace, name: text(objectOf(spec).runName) });
    },
  });
  const all = [promotions, runs, approvals];
  const synced = Promise.all(all.map((one) => one.synced)).then(() => undefined);
  synced.catch(() => undefined); // told to whoever waits; nobody has to
  return {
    promotions,
    runs,
    approvals,
    synced,
    close: async () => {
      await Promise.all(all.map((one) => one.close()));
    },
  };
}

/** A run as the API server gave it. Its status is held to the schema there. */
export function runObject({ apiVersion, kind, metadata, spec, status }: KubeObject): RunObject {
  const known = { apiVersion, kind, metadata: metadataOf(metadata), spec };
  return status === undefined ? known : { ...known, status: status as ImagePromotionRunStatus };
}

/** What the promotion of a run has to know of it: not the promotion frozen in it, nor what is planned as long as it is under way. */
function knownRun(object: KubeObject): RunObject {
  const { status, ...run } = runObject(object);
  const { promotion, attempt } = objectOf(run.spec);
  const spec = { promotion, attempt };
  if (!status) return { ...run, spec };
  const { pins, ...rest } = status;
  // Of one that is over these wait for a person, whose decision is looked for by them.
  return { ...run, spec, status: pins && status.completionTime === undefined ? rest : status };
}

function promotionObject({ apiVersion, kind, metadata, spec, status }: KubeObject): PromotionObject {
  const known = { apiVersion, kind, metadata: metadataOf(metadata), spec };
  return status === undefined ? known : { ...known, status: status as ImagePromotionStatus };
}

/** An approval as the API server gave it. */
export function approvalObject({ apiVersion, kind, metadata, spec }: KubeObject): ApprovalObject {
  return { apiVersion, kind, metadata: metadataOf(metadata), spec };
}

function metadataOf(metadata: Metadata): ObjectMetadata {
  const { name, namespace = '', uid = '', generation = 0, resourceVersion = '' } = metadata;
  const { creationTimestamp = '', deletionTimestamp, annotations } = metadata;
  return {
    ...{ name, namespace, uid, generation, resourceVersion, creationTimestamp },
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    ...(annotations && { annotations }),
  };
}

function nameOf({ namespace = '', name }: Change<unknown>): ObjectName {
  return { namespace, name };
}
