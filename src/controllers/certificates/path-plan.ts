import { isPathSecret, objectOf, rfc3339, textOf } from '../../core/model/index.ts';
import { decodeBase64, encodeBase64 } from './read.ts';

/** The secrets in the paths of the webhooks, as replicas share them. */
export interface PathSecrets {
  /** Every webhook is to name this one. */
  readonly secret: string;
  /** The one before, which an API server may still name. */
  readonly previous?: string | undefined;
  /** Whether the path without a secret is still answered: a configuration of a former version names it. */
  readonly plain: boolean;
  readonly madeAt: Date;
  /** Since when every webhook has named `secret`; absent = not yet. */
  readonly namedSince?: Date | undefined;
}

/** What a webhook configuration names: a secret, the path without one, or a path at which nothing is answered. */
export type NamedPath = { readonly secret: string } | 'plain' | 'none';

/** One step. After a crash before or after it, the next check continues; no replica has to refuse what is named at any moment. */
export type PathStep =
  | { readonly step: 'save'; readonly secrets: PathSecrets; readonly did: string }
  | { readonly step: 'publish' }
  | { readonly step: 'wait'; readonly forMs: number };

/** What a step is decided by. */
export interface PathSituation {
  /** Absent = there is no Secret, or nothing in it that can be used. */
  readonly stored: PathSecrets | undefined;
  /** By webhook. */
  readonly named: readonly NamedPath[];
  /** Whether no replica of a former version, which knows the path without a secret only, can still be called. */
  readonly rolledOut: boolean;
  /** Of a serving certificate. */
  readonly lifetimeMs: number;
  readonly now: Date;
  readonly random: () => string;
}

/** Milliseconds that a secret is stored before a webhook names it: every replica has to receive it, by a watch. */
const SETTLE_MS = 10_000;
/** Milliseconds that the former path is answered after the last webhook has changed: an API server may have to open its watch again. */
const OVERLAP_MS = 60_000;
/**
 * Longest life of a secret, milliseconds. An API server that cannot reach a webhook repeats the URL to the creator of the pod, so
 * that a secret may become known in any outage; an hour bounds for how long it is of use.
 */
const LONGEST_LIFE_MS = 3_600_000;
/** Share of the life of a certificate after which it is renewed, and the secret not later. */
const RENEWED_AT = 2 / 3;
/** Milliseconds until the next check when there is more to do. */
const SOON_MS = 1_000;

/** Decides the one step that comes next. */
export function planPath(given: PathSituation): PathStep {
  const { stored, named, now, random } = given;
  const usesPlain = named.includes('plain');
  if (!stored) {
    // The Secret was lost: what is named stays in use until every replica knows another. Where it was lost while the webhooks were
    // given the next one, both are in use.
    const [previous, other] = new Set(named.flatMap((one) => (typeof one === 'string' ? [] : [one.secret])));
    const secrets = { secret: other ?? random(), previous, plain: usesPlain, madeAt: now };
    return { step: 'save', secrets, did: 'made a secret for the paths of the webhooks' };
  }
  if (usesPlain && !stored.plain) {
    const did = 'the path without a secret is answered, because a webhook configuration names it';
    return { step: 'save', secrets: { ...stored, plain: true, namedSince: undefined }, did };
  }
  const others = named.filter((one) => typeof one === 'string' || one.secret !== stored.secret);
  return others.length > 0 ? publishOrWait(stored, others, given) : retire(stored, given);
}

function publishOrWait(stored: PathSecrets, others: readonly NamedPath[], given: PathSituation): PathStep {
  if (stored.namedSince && (stored.plain || stored.previous !== undefined)) {
    const did = 'a webhook configuration names another path again';
    return { step: 'save', secrets: { ...stored, namedSince: undefined }, did };
  }
  const settlesInMs = stored.madeAt.getTime() + SETTLE_MS - given.now.getTime();
  const isAnswered = (one: NamedPath) =>
    one === 'plain' || (one !== 'none' && one.secret === stored.previous);
  // Where nothing answers at the path that is named, no replica can be too slow.
  if (!others.some(isAnswered)) return { step: 'publish' };
  if (settlesInMs > 0) return { step: 'wait', forMs: settlesInMs };
  if (others.includes('plain') && !given.rolledOut) return { step: 'wait', forMs: SETTLE_MS };
  return { step: 'publish' };
}

/** Every webhook names the newest secret: the one before ends, then this one grows old. */
function retire(stored: PathSecrets, { now, lifetimeMs, random }: PathSituation): PathStep {
  const { previous, plain, namedSince, madeAt, secret } = stored;
  if (previous === undefined && !plain) {
    const dueInMs = madeAt.getTime() + Math.min(lifetimeMs * RENEWED_AT, LONGEST_LIFE_MS) - now.getTime();
    if (dueInMs > 0) return { step: 'wait', forMs: Math.max(SOON_MS, dueInMs) };
    const secrets = { secret: random(), previous: secret, plain: false, madeAt: now };
    return { step: 'save', secrets, did: 'made the next secret for the paths of the webhooks' };
  }
  if (!namedSince) {
    const did = 'every webhook names the newest path';
    return { step: 'save', secrets: { ...stored, namedSince: now }, did };
  }
  const endsInMs = namedSince.getTime() + OVERLAP_MS - now.getTime();
  if (endsInMs > 0) return { step: 'wait', forMs: endsInMs };
  const secrets = { ...stored, previous: undefined, plain: false };
  return { step: 'save', secrets, did: 'the former path of the webhooks is not answered any more' };
}

/** Reads `data` of the Secret; `undefined` where it holds no secret that can be used. */
export function decodePathSecrets(data: unknown): PathSecrets | undefined {
  const fields = objectOf(data);
  const text = (key: string): string => decodeBase64(textOf(fields[key]));
  const [secret, previous] = [text('secret'), text('previous')];
  const madeAt = dateIn(text('made'));
  if (!isPathSecret(secret) || !madeAt) return undefined;
  return {
    secret,
    previous: isPathSecret(previous) ? previous : undefined,
    plain: text('plain') === 'true',
    madeAt,
    namedSince: dateIn(text('named')),
  };
}

function dateIn(text: string): Date | undefined {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** Writes `data` of the Secret. */
export function encodePathSecrets(secrets: PathSecrets): Readonly<Record<string, string>> {
  const { secret, previous, plain, madeAt, namedSince } = secrets;
  const texts = {
    secret,
    made: rfc3339(madeAt),
    plain: String(plain),
    ...(previous !== undefined && { previous }),
    ...(namedSince && { named: rfc3339(namedSince) }),
  };
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, encodeBase64(text)]));
}
