// The entry of a thread, the one module of this room that acts when it is loaded: it answers the jobs that it is sent.
import { bytesOf, createVerification } from '../clients/sigstore/index.ts';
import { answerJobs } from '../clients/threads/index.ts';
import { createConditionAnswers, withoutLargePredicates } from '../core/policy/index.ts';
import { REGISTRY_JOBS } from '../core/model/index.ts';
import { PROMOTION_JOBS } from '../core/promotion/index.ts';
import { parseLargeAnswer } from '../core/workload/index.ts';
import { decodeLargeReview } from '../webhook/index.ts';

const verify = createVerification();

/** What is done on threads, by name. */
const JOBS = {
  verify: (question: Parameters<typeof verify>[0]) =>
    withoutLargePredicates(verify(question), bytesOf(question.candidate).length),
  condition: createConditionAnswers(),
  ...REGISTRY_JOBS,
  ...PROMOTION_JOBS,
  review: decodeLargeReview,
  answer: parseLargeAnswer,
};

export type Jobs = typeof JOBS;

answerJobs(JOBS);
