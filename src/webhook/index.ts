// The admission door: an AdmissionReview comes in, an AdmissionReview goes out. Decodes, finds out which images have to
// be judged or pinned, asks for verdicts or digests, and answers in time whatever happens.
export { budgetMs, mutateHandler, validateHandler } from './http.ts';
export type { HttpAnswer, HttpRequest } from './http.ts';
export { mutate } from './mutate.ts';
export { ORIGINAL_IMAGES } from './original-images.ts';
export { review } from './review.ts';
export type { Review, ReviewOutcome } from './review.ts';
export type { AdmissionAnswer } from './answer.ts';
export type {
  AdmissionPorts,
  CommonPorts,
  Credentials,
  Decision,
  Mutation,
  MutationPorts,
  ObjectAddress,
  Subject,
} from './ports.ts';
export { standalonePorts } from './standalone-ports.ts';
