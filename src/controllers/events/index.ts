// Events of registries and pipelines: who sent one is proven, what it says is a claim, and all it does is wake the promotions
// that take from there.
export { eventRoutes } from './receive.ts';
export type { PushedImage } from './pushed-image.ts';
export { createTrigger, watchersBySource } from './trigger.ts';
export type { WatchedSources } from './trigger.ts';
export type { EventOutcome, Receiver } from './ports.ts';
