import { LRUCache } from 'lru-cache';
import type { Keychain, RegistryLogin } from '../../../core/evidence/index.ts';
import { Fault, type Clock } from '../../../core/model/index.ts';
import { createMemo, unlessAborted } from '../../io/index.ts';
import { endpointOf } from '../endpoint.ts';
import { deadline } from '../fault.ts';
import { awsLogin } from './aws.ts';
import type { AwsIdentity } from './aws-role.ts';
import { azureLogin, type AzureIdentity } from './azure.ts';
import { googleLogin, type GoogleIdentity } from './google.ts';
import { askCloud, isSecure, type CloudOptions, type Ending, type Exchanging } from './question.ts';

/** An identity that a cloud gives to this process, as the settings name it. */
export type CloudIdentity = AwsIdentity | AzureIdentity | GoogleIdentity;

/** How an identity logs in to a registry that it covers. */
interface Way {
  /** What one login is good for, by name. */
  readonly key: string;
  readonly login: (parts: Exchanging) => Promise<Ending<RegistryLogin>>;
}

/** A login is renewed this long before it ends, in milliseconds: admissions that begin with it have ended, and a try may fail. */
const RENEWED_BEFORE_MS = 5 * 60_000;
/** A failure is the answer for so long, in milliseconds: a burst of admissions asks once. */
const FAILED_FOR_MS = 3_000;
/** Longest that getting a login may take, in milliseconds: two requests, each with its own limit. */
const EXCHANGE_MS = 15_000;
/** Logins that are remembered: one for each region or registry of each identity. */
const REMEMBERED = { max: 1_000 };

/**
 * The logins that identities of clouds give. The first identity that covers a registry is used, and a registry that none covers gets
 * nothing: no request is made for it at all. Each login is got once for all who need it, and renewed before it ends. One that cannot be
 * got is a Fault: `RegistryDenied` with what to correct, `RegistryUnavailable` where trying again may help.
 */
export function cloudKeychain(
  options: CloudOptions & { readonly identities: readonly CloudIdentity[] },
): Keychain {
  const { identities, environment, now, insecureHosts = [] } = options;
  const renew = renewing(now);
  return async ({ registry }, signal) => {
    // Who listens on the way would have the login.
    if (!isSecure(new URL(endpointOf(registry, insecureHosts).origin))) return undefined;
    for (const [index, identity] of identities.entries()) {
      const way = wayOf(identity, registry, environment);
      if (way === undefined) continue;
      const doing = `log in to ${registry} with the identity of ${identity.cloud}`;
      const login = renew(`${index} ${way.key}`, () => {
        const ask = askCloud(options, { doing, signal: AbortSignal.timeout(EXCHANGE_MS) });
        const once: Exchanging['once'] = (key, load) => renew(`${index} once ${key}`, load);
        return way.login({ ask, environment, now, once });
      });
      return unlessAborted(login, signal, () => deadline({ doing }));
    }
    return undefined;
  };
}

function wayOf(
  identity: CloudIdentity,
  registry: string,
  environment: CloudOptions['environment'],
): Way | undefined {
  if (identity.cloud === 'AWS') return awsLogin(identity, registry, environment);
  return identity.cloud === 'Azure' ? azureLogin(identity, registry) : googleLogin(identity, registry);
}

type Outcome = { readonly ok: true; readonly value: object } | { readonly ok: false; readonly error: Fault };

/** Remembers until shortly before the end. Where it cannot be renewed, the last one is used for as long as it lasts. */
function renewing(now: Clock): Exchanging['once'] {
  const memo = createMemo<Outcome>(now, REMEMBERED);
  const last = new LRUCache<string, Ending<object>>(REMEMBERED);
  const later = (ms: number): Date => new Date(now().getTime() + ms);
  const attempt = async (key: string, load: () => Promise<Ending<object>>) => {
    try {
      const got = await load();
      last.set(key, got);
      const lasts = got.endsAt.getTime() - now().getTime();
      const until = later(lasts - Math.min(RENEWED_BEFORE_MS, lasts / 2));
      return { value: { ok: true, value: got.value } as const, until };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const before = last.get(key);
      const until = later(FAILED_FOR_MS);
      if (before && before.endsAt > until)
        return { value: { ok: true, value: before.value } as const, until };
      return { value: { ok: false, error } as const, until };
    }
  };
  return async <T extends object>(key: string, load: () => Promise<Ending<T>>): Promise<T> => {
    const outcome = memo.known(key)?.value ?? (await memo.learn(key, () => attempt(key, load)));
    if (!outcome.ok) throw outcome.error;
    return outcome.value as T; // a key belongs to one kind of value
  };
}
