// ImagePromotion objects: when they run, and what wakes them before their time.
export * from './events/index.ts';
