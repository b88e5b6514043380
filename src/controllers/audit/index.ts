// What runs is judged again as time, policy and trust change. Nothing here decides about an admission.
export { keepAudit } from './audit.ts';
