// Events of registries and pipelines: who sent one is proven, what it says is a claim, and all it does is wake the promotions
// that take from there.
export { decode } from './decode.ts';
export { authenticate, VERIFY_MS } from './authenticate.ts';
export { eventHandler, eventRoutes, MAX_EVENT_BYTES } from './receive.ts';
export type { EventAnswer, EventRequest, EventRoute, Receiving } from './receive.ts';
export { MIN_SECRET_LENGTH } from './shared-secret.ts';
export { MAX_EVENTS } from './pushed-image.ts';
export type { PushedImage } from './pushed-image.ts';
export { createTrigger, watchersBySource } from './trigger.ts';
export type { Trigger, TriggerOptions, WatchedSources } from './trigger.ts';
export type {
  EventOutcome,
  Receiver,
  ReceiverAuth,
  Sender,
  TokenTrust,
  TokenVerdict,
  VerifyToken,
} from './ports.ts';
