// Calls the webhook as an API server does: by the URL and the authority that the webhook configuration names at that moment.
import { Agent, request } from 'undici';
import { RESOURCES } from '../../src/core/workload/index.ts';
import { NOT_PINNED, reviewOf, type Question } from './scenarios/scenario.ts';
import type { World } from './world.ts';

/** An answer, or that there was none. */
export interface Answer {
  readonly sent: number;
  readonly answered: number;
  /** `allow` or a digest that was pinned; of a refusal, its reasons. `none` with what failed where there was no answer. */
  readonly outcomes: readonly string[];
  readonly verdict: string;
}

/** Milliseconds that an API server waits by default. */
export const TIMEOUT_MS = 10_000;
/** Reasons that an admitted image may have, too. */
const WARNINGS = new Set(['TagMayDiffer', 'EndOfLifeNear']);

interface Response {
  readonly allowed: boolean;
  readonly auditAnnotations?: { readonly reasons?: string };
  readonly patch?: string;
}

/** Makes a caller; a new authority opens new connections. */
export function createCaller({ api }: World): {
  readonly registered: () => boolean;
  readonly ask: (question: Question) => Promise<Answer>;
  readonly close: () => Promise<void>;
} {
  let agent = new Agent();
  let trusted = '';
  const configOf = (pins: boolean) => {
    const resource = pins ? RESOURCES.mutating : RESOURCES.validating;
    const { webhooks } = api.twin.peek({ resource, name: 'pratique' }) as unknown as {
      readonly webhooks: readonly {
        readonly clientConfig: { readonly url: string; readonly caBundle?: string };
      }[];
    };
    return { url: webhooks[0]?.clientConfig.url ?? '', caBundle: webhooks[0]?.clientConfig.caBundle ?? '' };
  };
  const agentFor = (caBundle: string): Agent => {
    if (caBundle === trusted) return agent;
    void agent.close();
    trusted = caBundle;
    agent = new Agent({ connect: { ca: Buffer.from(caBundle, 'base64').toString() }, connections: 64 });
    return agent;
  };
  return {
    registered: () =>
      [true, false].every((pins) => {
        const { url, caBundle } = configOf(pins);
        return caBundle !== '' && /\/(?:validate|mutate)\//.test(url);
      }),
    ask: async (question) => {
      const { pins = false } = question;
      const sent = performance.now();
      const finish = (outcomes: readonly string[], verdict = 'none'): Answer => ({
        ...{ sent, outcomes, verdict },
        answered: performance.now(),
      });
      try {
        const { url, caBundle } = configOf(pins);
        const answer = await request(`${url}?timeout=10s`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(reviewOf(question)),
          dispatcher: agentFor(caBundle),
        });
        const text = await answer.body.text();
        if (answer.statusCode !== 200) return finish([`none: status ${answer.statusCode}`]);
        const { response } = JSON.parse(text) as { readonly response: Response };
        const outcomes = pins ? [pinnedBy(response)] : outcomesOf(response);
        return finish(outcomes, response.allowed ? 'allow' : 'deny');
      } catch (error) {
        return finish([`none: ${String(error)}`]);
      }
    },
    close: () => agent.destroy(),
  };
}

function outcomesOf({ allowed, auditAnnotations }: Response): readonly string[] {
  if (allowed) return ['allow'];
  const reasons = auditAnnotations?.reasons?.split(',') ?? ['none: no reason'];
  return reasons.filter((reason) => !WARNINGS.has(reason));
}

/** The digest that the patch writes. */
function pinnedBy({ patch = '' }: Response): string {
  const text = Buffer.from(patch, 'base64').toString();
  return /@(sha256:[0-9a-f]{64})/.exec(text)?.[1] ?? NOT_PINNED;
}
