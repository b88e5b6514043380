// The admission door: an AdmissionReview comes in, an AdmissionReview goes out. Decodes, finds out which images have to
// be judged, asks for the verdict, and answers in time whatever happens.
export { budgetMs, validateHandler } from './http.ts';
export type { HttpAnswer, HttpRequest } from './http.ts';
export { review } from './review.ts';
export type { Review, ReviewOutcome } from './review.ts';
export type { AdmissionAnswer } from './answer.ts';
export type { AdmissionPorts, CommonPorts, Credentials, Decision, ObjectAddress } from './ports.ts';
