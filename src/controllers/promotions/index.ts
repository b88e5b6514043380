// ImagePromotion objects, their runs and approvals: when they run, what triggers them earlier, and one run carried out.
export { keepPromotions } from './keep-promotions.ts';
export { openRun } from './open-run.ts';
export { runObject } from './cluster-store.ts';
export type { PromotionMeter } from './ports.ts';
