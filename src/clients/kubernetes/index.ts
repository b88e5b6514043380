/*
 * The Kubernetes API server: one client with pooled connections, collections kept in memory that survive every kind of loss,
 * and what a controller writes with them: work queue, lease, events, status, pull secrets.
 */
export { openCluster, usualKubeconfig } from './cluster.ts';
export type { RequestEvent } from './rest/exchange.ts';
export { ownNamespace } from './login.ts';
export type { Cluster, Collection, KubeObject, Metadata, ObjectAddress, Resource, Written } from './types.ts';
export { watchCollection } from './reflector/reflector.ts';
export type { Reflector, WatchCollection } from './reflector/reflector.ts';
export type { Change } from './reflector/store.ts';
export { createWorkQueue } from './work-queue.ts';
export type { Requeue, WorkOrder, WorkQueue, WorkQueueOptions } from './work-queue.ts';
export { writeStatus } from './status.ts';
export type { WriteStatus } from './status.ts';
export { createPullSecrets } from './pull-secrets.ts';
export { runElection } from './lease/election.ts';
export type { Election } from './lease/election.ts';
export { createEventRecorder } from './events.ts';
export type { RecordedEvent } from './events.ts';
