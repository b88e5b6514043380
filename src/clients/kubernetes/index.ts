/*
 * The Kubernetes API server: one client with pooled connections, collections kept in memory that survive every kind of loss,
 * and what a controller writes with them: work queue, lease, events, status, pull secrets.
 */
export { openCluster, usualKubeconfig, type ClusterOptions } from './cluster.ts';
export type { RequestEvent } from './rest/exchange.ts';
export { ownNamespace } from './login.ts';
export type { Cluster, Collection, KubeObject, Metadata, ObjectAddress, Resource, Written } from './types.ts';
export { watchCollection, type Reflector, type WatchCollection } from './reflector/reflector.ts';
export type { Change } from './reflector/store.ts';
export {
  createWorkQueue,
  type Requeue,
  type WorkOrder,
  type WorkQueue,
  type WorkQueueOptions,
} from './work-queue.ts';
export { SYSTEM_TIMERS } from './rest/timers.ts';
export { writeStatus, type WriteStatus } from './status.ts';
export { createPullSecrets } from './pull-secrets.ts';
export { runElection, type Election } from './lease/election.ts';
export { createEventRecorder, type RecordedEvent } from './events.ts';
