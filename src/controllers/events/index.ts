// Events of registries and pipelines. The sender of an event is authenticated, its content is a claim, and it only triggers the
// promotions that have the pushed repository as their source.
export { eventRoutes } from './receive.ts';
export type { PushedImage } from './pushed-image.ts';
export { createTrigger, watchersBySource } from './trigger.ts';
export type { WatchedSources } from './trigger.ts';
export type { EventOutcome, Receiver } from './ports.ts';
