import { createSignatureVerifier, weightOf } from '../../src/clients/sigstore/index.ts';
import { openThreads } from '../../src/clients/threads/index.ts';
import type { Threads } from '../../src/clients/threads/threads.ts';
import type { SignatureVerifier } from '../../src/core/evidence/index.ts';
import type { Jobs } from '../../src/serve/worker.ts';

/**
 * Milliseconds for one job, with the start of its thread: the product has five seconds of an idle machine, and threads give way to
 * every other program. Tests of what a job costs measure its processor time.
 */
const JOB_TIMEOUT_MS = 50_000;

/** The threads of the product, with the jobs of the product. */
export function openJobs(options: { readonly threads?: number } = {}): Threads<Jobs> {
  const entry = new URL('../../src/serve/worker.ts', import.meta.url);
  return openThreads<Jobs>({ entry, jobTimeoutMs: JOB_TIMEOUT_MS, ...options });
}

/** A verifier as the product makes it; `close` ends its threads. */
export function openSignatureVerifier(options: { readonly threads?: number } = {}): {
  readonly verify: SignatureVerifier;
  readonly close: () => Promise<void>;
} {
  const threads = openJobs(options);
  const verify = createSignatureVerifier((question) =>
    threads.run('verify', question, weightOf(question.candidate)),
  );
  return { verify, close: () => threads.close() };
}
