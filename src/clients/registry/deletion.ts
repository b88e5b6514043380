import type { Call } from './call.ts';
import { discard } from './exchange.ts';
import { manifestUrl } from './manifest.ts';
import { faultOfRefusal } from './refusal.ts';
import type { Send } from './transport.ts';

/** What became of something that was to be deleted. */
export type Deletion = 'deleted' | 'absent' | 'refused';

/** Statuses by which registries say that they do not delete this way: bad request, method, conflict with a rule, unknown. */
const REFUSALS: ReadonlySet<number> = new Set([400, 405, 501]);

/**
 * Deletes what a tag or digest names in the manifests of a repository. A digest takes all its tags along; a tag must be asked
 * for by its name only, never by the digest behind it.
 */
export async function deleteNamed(send: Send, call: Call, name: string): Promise<Deletion> {
  const answer = await send(call, { method: 'DELETE', url: manifestUrl(call, name) });
  if (answer.status >= 200 && answer.status <= 204) {
    await discard(answer);
    return 'deleted';
  }
  if (answer.status === 404) {
    await discard(answer);
    return 'absent';
  }
  if (!REFUSALS.has(answer.status)) throw await faultOfRefusal(call, answer);
  await discard(answer);
  return 'refused';
}
