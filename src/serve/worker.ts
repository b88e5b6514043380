// The entry of a thread, the one module of this room that acts when it is loaded: it answers the jobs that it is sent.
import { createVerification } from '../clients/sigstore/index.ts';
import { answerJobs } from '../clients/threads/index.ts';
import { parseListing, parseManifestBytes, parseTags } from '../core/model/index.ts';

/** What is done on threads, by name. */
const JOBS = {
  verify: createVerification(),
  manifest: parseManifestBytes,
  listing: parseListing,
  tags: parseTags,
};

export type Jobs = typeof JOBS;

answerJobs(JOBS);
