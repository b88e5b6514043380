/*
 * The Kubernetes API server: one client with pooled connections, collections kept in memory that survive every kind of loss,
 * and what a controller writes with them: work queue, lease, events, status, pull secrets.
 */
export { openCluster } from './cluster.ts';
export type { ClusterOptions } from './cluster.ts';
export type { RequestEvent, Verb } from './rest/exchange.ts';
export { ownNamespace } from './own-namespace.ts';
export type {
  Cluster,
  Collection,
  KubeObject,
  Metadata,
  ObjectAddress,
  Page,
  Resource,
  WatchEvent,
  WriteOptions,
  Written,
} from './types.ts';
export { watchCollection } from './reflector/reflector.ts';
export type { Reflector, ReflectorOptions } from './reflector/reflector.ts';
export type { BackoffBounds } from './reflector/restart-backoff.ts';
export type { Change } from './reflector/store.ts';
export { createWorkQueue } from './work-queue.ts';
export type { WorkQueue, WorkQueueOptions } from './work-queue.ts';
export { writeStatus } from './status.ts';
export type { StatusTarget, WriteStatus } from './status.ts';
export { createPullSecrets } from './pull-secrets.ts';
export type { PullSecretOptions, PullSecretReadings, PullSecrets } from './pull-secrets.ts';
export { runElection } from './lease/election.ts';
export type { Election, ElectionOptions } from './lease/election.ts';
export { createEventRecorder } from './events/recorder.ts';
export type { EventRecorder, EventRecorderOptions } from './events/recorder.ts';
export type { RecordedEvent } from './events/object.ts';
