// Events of registries and pipelines: who sent one is proven, what it reports is a claim, and all it does is trigger the promotions
// that take from there.
export { openEventReceiver } from './event-receiver.ts';
export type { EventOutcome } from './ports.ts';
