import { parentPort } from 'node:worker_threads';
import { createParsedTrust } from './material.ts';
import { verifyCandidate, type Question } from './verify-candidate.ts';

// The entry of a worker thread, the one module here that acts when it is loaded: it answers each question it is sent.

const parsed = createParsedTrust();

parentPort?.on('message', (question: Question) => {
  parentPort?.postMessage(verifyCandidate(question, parsed));
});
