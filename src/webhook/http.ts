import { refusalAnswer } from './answer.ts';
import type { Review } from './decode.ts';
import { mutate } from './mutate.ts';
import type { AdmissionPorts, MutationPorts } from './ports.ts';
import { review, type ReviewOutcome } from './review.ts';

/** What reaches a handler: the whole body, or that it was larger than allowed, and the query of the URL. */
export interface HttpRequest {
  readonly body: Uint8Array | 'too large';
  readonly query: URLSearchParams;
}

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Share of the caller's timeout that is kept for the way back, and its bounds in milliseconds. */
const MARGIN = { share: 0.1, min: 100, max: 1_000 };
/** Longest timeout a webhook can have at the API server. */
const MAX_TIMEOUT_MS = 30_000;

type Handler = (request: HttpRequest) => Promise<HttpAnswer>;

/** A handler, and the path below which callers that are admitted reach it. */
interface WebhookRoute<Caller> {
  readonly method: 'post';
  readonly path: string;
  readonly admits: (caller: Caller) => boolean;
  readonly maxBodyBytes: number;
  readonly handle: Handler;
}

/** The routes of the webhooks, for callers that are admitted; without mutating ports only the one that validates. */
export function webhookRoutes<Caller>(
  { validating, mutating }: { readonly validating: AdmissionPorts; readonly mutating?: MutationPorts },
  { maxBodyBytes, defaultTimeoutMs }: { readonly maxBodyBytes: number; readonly defaultTimeoutMs: number },
  admits: (caller: Caller) => boolean,
): readonly WebhookRoute<Caller>[] {
  const route = { method: 'post', admits, maxBodyBytes } as const;
  const validate = { ...route, path: '/validate', handle: validateHandler(validating, defaultTimeoutMs) };
  if (!mutating) return [validate];
  return [validate, { ...route, path: '/mutate', handle: mutateHandler(mutating, defaultTimeoutMs) }];
}

/** Handles reviews that ask for a verdict. The API server names its timeout in the URL (`?timeout=10s`); the answer comes before it. */
export function validateHandler(ports: AdmissionPorts, defaultTimeoutMs: number): Handler {
  return handler((asked) => review(asked, ports), defaultTimeoutMs);
}

/** Handles reviews that ask for digests, in time like {@link validateHandler}. */
export function mutateHandler(ports: MutationPorts, defaultTimeoutMs: number): Handler {
  return handler((asked) => mutate(asked, ports), defaultTimeoutMs);
}

function handler(answer: (asked: Review) => Promise<ReviewOutcome>, defaultTimeoutMs: number): Handler {
  const tooLarge = refusalAnswer('', 413, 'RequestTooLarge', 'the admission review is too large');
  return async ({ body, query }) => {
    const outcome =
      body === 'too large'
        ? { status: 413, ...tooLarge }
        : await answer({ body, budgetMs: budgetMs(query.get('timeout'), defaultTimeoutMs) });
    return { status: outcome.status, contentType: 'application/json', body: JSON.stringify(outcome.answer) };
  };
}

/** Milliseconds to answer in: the caller's timeout less a margin. */
export function budgetMs(timeout: string | null, defaultTimeoutMs: number): number {
  const match = /^(?:(\d{1,3})m)?(?:(\d{1,5}(?:\.\d{1,9})?)s)?(?:(\d{1,6})ms)?$/.exec(timeout ?? '');
  const [, minutes = 0, seconds = 0, milliseconds = 0] = match ?? [];
  const asked = Number(minutes) * 60_000 + Number(seconds) * 1_000 + Number(milliseconds);
  const total = Math.min(asked > 0 ? asked : defaultTimeoutMs, MAX_TIMEOUT_MS);
  const margin = Math.min(MARGIN.max, Math.max(MARGIN.min, total * MARGIN.share));
  // A timeout of a few milliseconds is not eaten up by its own margin.
  return Math.max(total - margin, total / 2);
}
