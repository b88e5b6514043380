// The webhook: an AdmissionReview comes in, an AdmissionReview goes out. Decodes, finds out which images have to
// be judged or pinned, asks for verdicts or digests, and answers in time whatever happens.
export { webhookRoutes } from './http.ts';
export { decodeLargeReview } from './decode.ts';
export { review } from './review.ts';
export type { AdmissionPorts, MutationPorts } from './ports.ts';
export { standalonePorts } from './ports.ts';
