import type { Cluster, Collection, KubeObject, ObjectAddress } from '../../clients/kubernetes/index.ts';
import { Fault, listOf, objectOf, textOf } from '../../core/model/index.ts';
import type { ImagePromotionRunStatus } from '../../core/promotion/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import type {
  ControllerPorts,
  CustomObject,
  JobStore,
  ObjectMetadata,
  ObjectName,
  RunJob,
  RunObject,
  RunStore,
} from './ports.ts';

/** The manager of the status fields of promotions. */
const PROMOTER = 'pratique-promotions';
const NOT_FOUND = 404;
const CONFLICT = 409;

/** Reads and writes runs at the API server itself, without a cache. */
export function createRunStore(cluster: Pick<Cluster, 'get' | 'replace'>): RunStore {
  return {
    read: async (name, signal) => {
      const object = await cluster.get(addressOf(RESOURCES.promotionRuns, name), signal);
      return object && runObject(object);
    },
    writeStatus: async ({ apiVersion, kind, metadata, spec }, status, signal) => {
      const { namespace, name, uid, resourceVersion } = metadata;
      const written = await cluster.replace(
        { ...addressOf(RESOURCES.promotionRuns, metadata), subresource: 'status' },
        // With the version in it the API server accepts it only if no other writer has written since.
        { apiVersion, kind, metadata: { namespace, name, uid, resourceVersion }, spec, status },
        { signal },
      );
      if (written.ok) return { state: 'written', run: runObject(written.object) };
      if (written.status === NOT_FOUND) return { state: 'gone' };
      if (written.status === CONFLICT) return { state: 'changed' };
      return { state: 'refused', message: written.message };
    },
  };
}

/** The other writes of the controller to promotions and runs. */
export function promotionWrites(
  cluster: Pick<Cluster, 'apply' | 'create' | 'remove'>,
): Pick<ControllerPorts, 'createRun' | 'removeRun' | 'writePromotionStatus'> {
  return {
    createRun: (run, namespace, signal) =>
      cluster.create({ resource: RESOURCES.promotionRuns, namespace }, run, { signal }),
    removeRun: (run) => cluster.remove(addressOf(RESOURCES.promotionRuns, run), { uid: run.uid }),
    writePromotionStatus: ({ apiVersion, kind, metadata }, status, signal) => {
      const { namespace, name, uid } = metadata;
      return cluster.apply(
        { ...addressOf(RESOURCES.promotions, metadata), subresource: 'status' },
        // An object that was deleted and created again is another one, and this request is not about it.
        { apiVersion, kind, metadata: { namespace, name, uid }, status },
        { fieldManager: PROMOTER, signal },
      );
    },
  };
}

/** Jobs that execute runs, found by their names: however many other Jobs a namespace has, and whatever labels they have. */
export function createJobStore(cluster: Pick<Cluster, 'list' | 'create'>): JobStore {
  return {
    of: async ({ metadata: { namespace, uid } }, names, signal) => {
      const read = async (name: string): Promise<readonly RunJob[]> => {
        const collection = { resource: RESOURCES.jobs, namespace, fieldSelector: `metadata.name=${name}` };
        const { items } = await cluster.list(collection, { limit: 1 }, signal);
        // Every user who may create Jobs chooses names; an owner is named by its uid.
        return items.map(({ metadata: { ownerReferences }, status }) => {
          const isOwn = listOf(ownerReferences).some((one) => objectOf(one).uid === uid);
          return { name, over: !isOwn || isOver(status) };
        });
      };
      return (await Promise.all(names.map(read))).flat();
    },
    create: (job, namespace, signal) =>
      cluster.create({ resource: RESOURCES.jobs, namespace }, job, { signal }),
  };
}

function isOver(status: unknown): boolean {
  return listOf(objectOf(status).conditions)
    .map(objectOf)
    .some(({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True');
}

function addressOf(resource: Collection['resource'], { namespace, name }: ObjectName): ObjectAddress {
  return { resource, namespace, name };
}

/**
 * What this room keeps of an object of the API server. Throws for one that was cut: without its status it would seem to be one that
 * nothing was done about.
 */
export function customObject<Status>(object: KubeObject): CustomObject<Status> {
  if (object.isCut) throw tooLarge(object);
  const { apiVersion, kind, metadata, spec, status } = object;
  const { name, namespace = '', uid = '', generation = 0, resourceVersion = '' } = metadata;
  const { creationTimestamp = '', deletionTimestamp, annotations } = metadata;
  const own = { name, namespace, uid, generation, resourceVersion, creationTimestamp };
  const writtenBy = writerOf(metadata.managedFields);
  return {
    ...{
      apiVersion,
      kind,
      metadata: { ...own, deletionTimestamp, annotations, ...(writtenBy && { writtenBy }) },
      spec,
    },
    status: status as Status | undefined,
  };
}

function tooLarge({ kind, metadata: { namespace = '', name } }: KubeObject): Fault {
  const operation = `read ${kind} ${namespace}/${name}`;
  const detail = 'it has more values than are read of one object';
  return new Fault({ code: 'LimitExceeded', operation, side: 'cluster', transient: false, detail });
}

/** The last writer of any field of the `spec`. */
function writerOf(managedFields: unknown): ObjectMetadata['writtenBy'] {
  const [last] = listOf(managedFields)
    .map(objectOf)
    .filter(({ fieldsV1 }) => objectOf(fieldsV1)['f:spec'] !== undefined)
    .map(({ manager, time }) => ({ manager: textOf(manager), time: textOf(time) }))
    .toSorted((a, b) => (a.time < b.time ? 1 : -1));
  return last;
}

/** A run as the API server returned it. */
export const runObject = customObject<ImagePromotionRunStatus>;

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
