// Threads for bytes that strangers wrote: each with its own memory limit, so that one that dies takes nothing along.
export { openThreads, type Threads } from './threads.ts';
export { answerJobs } from './answer-jobs.ts';
