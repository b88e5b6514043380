import { listOf, textOf, objectOf } from '../../core/model/index.ts';
import type { Cluster, ObjectAddress, Written } from '../../clients/kubernetes/index.ts';
import { RUN_LABEL } from './jobs/job.ts';
import { runObject } from './objects.ts';
import type { ControllerPorts, GuardedAnswer, JobStore, ObjectName, RunStore } from './ports.ts';
import { RESOURCES } from '../../core/workload/index.ts';

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
