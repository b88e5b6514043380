import { cutText } from '../model/index.ts';
import { CANARY_POLICY, type Canary } from './canaries.ts';

/** Name of the validating webhook, as a refusal by it begins. */
export const WEBHOOK_NAME = 'images.pratique.dev';

/** The API server's answer to a canary; `reason` is its machine word. */
export type CanaryAnswer =
  | { readonly ok: true; readonly object: unknown }
  | { readonly ok: false; readonly status: number; readonly reason: string; readonly message: string };

/**
 * What became of one canary.
 * - `proven`: our webhook refused exactly this image;
 * - `not enforced`: the image would have been admitted;
 * - `cannot tell`: the answer came from another component, or there was none;
 * - `not applicable`: this cluster has no such place for an image, or nothing to try it on.
 */
export interface CanaryOutcome {
  readonly id: string;
  readonly outcome: 'proven' | 'not enforced' | 'cannot tell' | 'not applicable';
  /** One clause for a person; empty when proven. */
  readonly detail: string;
}

/** What canaries prove together. */
export interface SelfTestVerdict {
  readonly state: 'proven' | 'not enforced' | 'cannot tell';
  readonly canaries: readonly CanaryOutcome[];
}

/** Longest message of another component that is repeated, in characters. */
const MAX_WORDS = 300;

/** What the answer to a canary proves. */
export function readCanary(canary: Canary, answer: CanaryAnswer): CanaryOutcome {
  return { id: canary.id, ...(answer.ok ? admitted(canary, answer.object) : refused(canary, answer)) };
}

/** The outcome of a canary that got no answer. */
export function unansweredCanary({ id }: Pick<Canary, 'id'>, why: string): CanaryOutcome {
  return { id, outcome: 'cannot tell', detail: clip(why) };
}

/** The outcome of ephemeral containers where there is no pod to try them on. */
export const NO_POD: CanaryOutcome = {
  id: 'Pod ephemeralContainers',
  outcome: 'not applicable',
  detail: 'no running pod to try on',
};

/**
 * The verdict on a whole run. One admitted image outweighs everything; nothing counts as proven while a canary that could
 * be tried has no clear answer.
 */
export function judgeCanaries(outcomes: readonly CanaryOutcome[]): SelfTestVerdict {
  const canaries = outcomes.map((one) => withoutVolumes(one, outcomes));
  const any = (outcome: CanaryOutcome['outcome']) => canaries.some((one) => one.outcome === outcome);
  if (any('not enforced')) return { state: 'not enforced', canaries };
  return { state: any('proven') && !any('cannot tell') ? 'proven' : 'cannot tell', canaries };
}

type Read = Omit<CanaryOutcome, 'id'>;

function admitted({ path, image }: Canary, object: unknown): Read {
  if (JSON.stringify(object).includes(image))
    return { outcome: 'not enforced', detail: 'the API server admitted the image' };
  return path === 'volumes'
    ? { outcome: 'not applicable', detail: 'this API server does not keep image volumes' }
    : { outcome: 'cannot tell', detail: 'something took the image out before it was judged' };
}

function refused(canary: Canary, { status, message }: CanaryAnswer & { readonly ok: false }): Read {
  const ours = status === 403 && message.includes(`admission webhook "${WEBHOOK_NAME}" denied the request`);
  const lines = message.split('\n').filter((line) => line.includes(`[policy ${CANARY_POLICY}]`));
  if (!ours || lines.length === 0) return notOurs(canary, status, message);
  return lines.some((line) => line.includes(`(${canary.field})`))
    ? { outcome: 'proven', detail: '' }
    : { outcome: 'not enforced', detail: `the refusal does not name ${canary.field}` };
}

function notOurs({ custom, path }: Canary, status: number, message: string): Read {
  const said = clip(message);
  // What else a custom kind demands only its makers know.
  if (custom && (status === 404 || status === 422 || status === 400))
    return { outcome: 'not applicable', detail: `it cannot be made up here: ${said}` };
  if (path === 'ephemeralContainers' && status === 404)
    return { outcome: 'not applicable', detail: 'the pod to try on has gone' };
  return { outcome: 'cannot tell', detail: `not refused by ${CANARY_POLICY}: ${said}` };
}

/**
 * Where the API server drops image volumes, a pod is refused for its other container alone. In the template the other
 * container is blank, so the outcome of the template shows whether volumes are dropped.
 */
function withoutVolumes(one: CanaryOutcome, all: readonly CanaryOutcome[]): CanaryOutcome {
  const template = all.find(({ id }) => id === 'Job volumes');
  if (one.id !== 'Pod volumes' || template?.outcome !== 'not applicable') return one;
  return { ...one, outcome: template.outcome, detail: template.detail };
}

function clip(text: string): string {
  return cutText(text.replaceAll(/\s+/g, ' ').trim(), MAX_WORDS);
}

/** The canaries that were not refused, or of which it could not be found out. */
export function unprovenCanaries(canaries: readonly CanaryOutcome[]): readonly CanaryOutcome[] {
  return canaries.filter(({ outcome }) => outcome === 'not enforced' || outcome === 'cannot tell');
}
