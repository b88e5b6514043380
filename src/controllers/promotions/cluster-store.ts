import type {
  Cluster,
  ObjectAddress,
  Written,
  KubeObject,
  Metadata,
} from '../../clients/kubernetes/index.ts';
import { listOf, textOf, objectOf } from '../../core/model/index.ts';
import type { ImagePromotionRunStatus, ImagePromotionStatus } from '../../core/promotion/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import { RUN_LABEL } from './jobs/job.ts';
import type {
  ControllerPorts,
  GuardedAnswer,
  JobStore,
  ObjectName,
  RunStore,
  ApprovalObject,
  ObjectMetadata,
  PromotionObject,
  RunObject,
} from './ports.ts';

/** The manager of the status fields of promotions. */
const PROMOTER = 'pratique-promotions';
const NOT_FOUND = 404;
const CONFLICT = 409;

/** What the controller of promotions reads and writes. */
export type PromotionCluster = Pick<
  Cluster,
  'get' | 'list' | 'watch' | 'create' | 'replace' | 'apply' | 'remove'
>;

/** Reads and writes runs at the API server itself, without a cache. */
export function createRunStore(cluster: Pick<Cluster, 'get' | 'replace'>): RunStore {
  return {
    read: async (name, signal) => {
      const object = await cluster.get(addressOf(RESOURCES.promotionRuns, name), signal);
      return object && runObject(object);
    },
    writeStatus: async ({ apiVersion, kind, metadata, spec }, status, signal) => {
      const { namespace, name, uid, resourceVersion } = metadata;
      return guarded(
        await cluster.replace(
          { ...addressOf(RESOURCES.promotionRuns, metadata), subresource: 'status' },
          // With the version in it the API server accepts it only if no other writer has written since.
          { apiVersion, kind, metadata: { namespace, name, uid, resourceVersion }, spec, status },
          { signal },
        ),
      );
    },
  };
}

/** The other writes of the controller to promotions and runs. */
export function promotionWrites(
  cluster: Pick<Cluster, 'apply' | 'create' | 'remove'>,
): Pick<ControllerPorts, 'createRun' | 'removeRun' | 'writePromotionStatus'> {
  return {
    createRun: async (run, namespace, signal) =>
      await cluster.create({ resource: RESOURCES.promotionRuns, namespace }, run, { signal }),
    removeRun: async (run, uid) => {
      await cluster.remove(addressOf(RESOURCES.promotionRuns, run), { uid });
    },
    writePromotionStatus: async ({ apiVersion, kind, metadata }, status, signal) => {
      const { namespace, name, uid } = metadata;
      return await cluster.apply(
        { ...addressOf(RESOURCES.promotions, metadata), subresource: 'status' },
        // An object that was deleted and created again is another one, and this request is not about it.
        { apiVersion, kind, metadata: { namespace, name, uid }, status },
        { fieldManager: PROMOTER, signal },
      );
    },
  };
}

/** Jobs that execute runs, found by their label and their owner. */
export function createJobStore(cluster: Pick<Cluster, 'list' | 'create'>): JobStore {
  return {
    of: async ({ metadata: { namespace, name, uid } }, signal) => {
      const collection = { resource: RESOURCES.jobs, namespace, labelSelector: `${RUN_LABEL}=${name}` };
      const { items } = await cluster.list(collection, {}, signal);
      // A label can be written by every user who may create Jobs; an owner is named by its uid.
      return items
        .filter(({ metadata }) => ownersOf(metadata.ownerReferences).includes(uid))
        .map(({ metadata, status }) => ({ name: metadata.name, over: isOver(status) }));
    },
    create: async (job, namespace, signal) =>
      await cluster.create({ resource: RESOURCES.jobs, namespace }, job, { signal }),
  };
}

function ownersOf(references: unknown): readonly string[] {
  return listOf(references).map((one) => textOf(objectOf(one).uid));
}

function isOver(status: unknown): boolean {
  return listOf(objectOf(status).conditions)
    .map(objectOf)
    .some(({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True');
}

function addressOf(
  resource: ObjectAddress['resource'],
  { namespace, name }: ObjectName,
): Omit<ObjectAddress, 'subresource'> {
  return { resource, namespace, name };
}

function guarded(written: Written): GuardedAnswer {
  if (written.ok) return { state: 'written', run: runObject(written.object) };
  if (written.status === NOT_FOUND) return { state: 'gone' };
  if (written.status === CONFLICT) return { state: 'changed' };
  return { state: 'refused', message: written.message };
}

/** A run as the API server returned it, which has validated its status. */
export function runObject({ apiVersion, kind, metadata, spec, status }: KubeObject): RunObject {
  const known = { apiVersion, kind, metadata: metadataOf(metadata), spec };
  return status === undefined ? known : { ...known, status: status as ImagePromotionRunStatus };
}

/** The fields of a run that its promotion needs: neither the frozen promotion in it, nor the plan. */
export function knownRun(object: KubeObject): RunObject {
  const { status, ...run } = runObject(object);
  const { promotion, attempt } = objectOf(run.spec);
  const spec = { promotion, attempt };
  if (!status) return { ...run, spec };
  const { pins, pending, ...rest } = status;
  // The pins of an ended run wait for a person; they are needed to find the decision.
  return { ...run, spec, status: (pins ?? pending) && status.completionTime === undefined ? rest : status };
}

/** A promotion as the API server returned it, which has validated its status. */
export function promotionObject({ apiVersion, kind, metadata, spec, status }: KubeObject): PromotionObject {
  const known = { apiVersion, kind, metadata: metadataOf(metadata), spec };
  return status === undefined ? known : { ...known, status: status as ImagePromotionStatus };
}

/** An approval as the API server returned it. */
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
