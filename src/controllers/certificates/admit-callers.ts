import { isPathSecret, isSecret, type Parsed } from '../../core/model/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import { decodePathSecrets, type PathSecrets } from './path-plan.ts';

/** Who asks, as a server knows it before it reads a body. */
interface Caller {
  /** What the path has below that of the webhook; absent = nothing. */
  readonly below: string | undefined;
  /** Names in a certificate by `webhook.clientCA`; absent = there is none. */
  readonly certificate: readonly string[] | undefined;
}

/** Decides whether a caller is an API server. */
export type AdmitCaller = (caller: Caller) => boolean;

/** Where a replica learns the secrets in the paths of its webhooks. */
interface CallerOptions {
  readonly webhook: Pick<Settings['webhook'], 'clientCA' | 'clientNames' | 'pathSecret'>;
  /** `data` of a Secret of the controller's own namespace, out of the cache. */
  readonly secretData: (name: string) => unknown;
}

/**
 * Admits callers of the webhooks by the secrets in the Secret, from now on. `refresh` says that it may have changed; what cannot be
 * read changes nothing. Before `isKnown` no caller is admitted, and the replica must not be ready.
 */
export function admitCallers({ webhook, secretData }: CallerOptions): {
  readonly admits: AdmitCaller;
  readonly refresh: () => void;
  readonly isKnown: () => boolean;
} {
  let known: PathSecrets | undefined;
  const hasCertificate = certificateCheck(webhook);
  return {
    refresh: () => {
      known = decodePathSecrets(secretData(webhook.pathSecret)) ?? known;
    },
    isKnown: () => known !== undefined,
    admits: (caller) => {
      if (!known || !hasCertificate(caller)) return false;
      return caller.below === undefined
        ? known.plain
        : isOneOf(caller.below, [known.secret, known.previous ?? known.secret]);
    },
  };
}

/**
 * Admits callers by a text whose lines are secrets; without one, at the plain path, which is for loopback only. Problems name the
 * line, and repeat nothing of it.
 */
export function admitByFile(
  webhook: Pick<Settings['webhook'], 'clientCA' | 'clientNames' | 'listen' | 'pathSecretFile'>,
  file: Parsed<string> | undefined,
): Parsed<AdmitCaller> {
  const hasCertificate = certificateCheck(webhook);
  if (!file) {
    if (isLoopback(webhook.listen.host))
      return { ok: true, value: (caller) => caller.below === undefined && hasCertificate(caller) };
    const message =
      'is needed to listen anywhere but on loopback: every caller could ask about every namespace otherwise';
    return { ok: false, problems: [{ path: '--path-secret', message }] };
  }
  if (!file.ok) return file;
  const secrets = file.value.split(/\r?\n/).filter((line) => line !== '');
  const bad = secrets.findIndex((line) => !isPathSecret(line));
  if (bad >= 0 || secrets.length === 0) {
    const message = `line ${bad < 0 ? 1 : bad + 1} is no secret of 22 to 128 letters, digits, - and _`;
    return { ok: false, problems: [{ path: webhook.pathSecretFile ?? '', message }] };
  }
  const admits: AdmitCaller = (caller) =>
    caller.below !== undefined && hasCertificate(caller) && isOneOf(caller.below, secrets);
  return { ok: true, value: admits };
}

function certificateCheck({
  clientCA,
  clientNames,
}: Pick<Settings['webhook'], 'clientCA' | 'clientNames'>): AdmitCaller {
  if (clientCA === undefined) return () => true;
  return ({ certificate }) =>
    certificate !== undefined &&
    (clientNames.length === 0 || certificate.some((name) => clientNames.includes(name)));
}

/** Compares with each of them, whichever it is like. */
function isOneOf(text: string, secrets: readonly string[]): boolean {
  return secrets.map((secret) => isSecret(text, secret)).includes(true);
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/;

function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
