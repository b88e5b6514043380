import { parsed, problem, type Log, type Parsed, type Problem } from '../../core/model/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import { fits, servingCertificate, type Pair } from './read.ts';

/** Milliseconds between two reads of certificate files: kubelets take a minute to write them anyway. */
const READ_FILES_MS = 10_000;

/** Where a replica gets the certificate that it serves with. */
interface CertificateOptions {
  readonly settings: Settings['certificates'];
  readonly readFiles: () => Promise<Parsed<Pair>>;
  /** `data` of a Secret of the controller's own namespace, out of the cache. */
  readonly secretData: (name: string) => unknown;
  /** Receives each pair that can be used; it may be the same again. */
  readonly onChange: (pair: Pair) => void;
  readonly log: Log;
}

/** Gives the certificate that a replica serves with, from now on; `refresh` says that the Secret may have changed. */
export function followCertificate(options: CertificateOptions): {
  readonly refresh: () => void;
  readonly close: () => void;
} {
  const { settings, readFiles, secretData, onChange, log } = options;
  if (settings.source === 'Files') {
    const onError = (problems: readonly Problem[]) => {
      log.warn({ problems }, 'the certificate files cannot be used, the last good ones stay');
    };
    const following = { read: readFiles, fits, everyMs: READ_FILES_MS, onChange, onError };
    return { refresh: () => undefined, ...followPair(following) };
  }
  return {
    refresh: () => {
      const pair = servingCertificate(secretData(settings.secret));
      if (pair.ok) onChange(pair.value);
    },
    close: () => undefined,
  };
}

/** The names in the certificate that we make: without one no API server would believe it. */
export function certificateHosts({ source, hosts }: Settings['certificates']): Parsed<readonly string[]> {
  if (source === 'Files' || hosts.length > 0) return parsed(hosts);
  const why =
    'is needed: names or addresses by which the API server calls, e.g. pratique-webhook.pratique.svc';
  return problem('settings: certificates.hosts', why);
}

/** What following a pair takes. */
interface FollowOptions {
  readonly read: () => Promise<Parsed<Pair>>;
  readonly fits: (pair: Pair) => boolean;
  readonly everyMs: number;
  /** Called for the first pair that can be used, and for each later pair that differs from the one before. */
  readonly onChange: (pair: Pair) => void;
  /** Called once for what keeps a pair from being used, and again when that changes. The last good pair stays in use. */
  readonly onError: (problems: readonly Problem[]) => void;
}

/**
 * Follows certificate and key that another process renews, from now on. The two files never change at the same moment: a pair
 * that does not fit, or cannot be read, is read again. After `close` no callback is called.
 */
export function followPair(options: FollowOptions): { readonly close: () => void } {
  const { everyMs, onChange, onError } = options;
  let good: Pair | undefined;
  let lastTrouble = '';
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const judge = (read: Parsed<Pair>): void => {
    const usable = read.ok && !options.fits(read.value) ? MISFIT : read;
    const trouble = usable.ok ? '' : JSON.stringify(usable.problems);
    if (!usable.ok && trouble !== lastTrouble) onError(usable.problems);
    lastTrouble = trouble;
    if (!usable.ok) return;
    const { cert, key } = usable.value;
    if (cert === good?.cert && key === good.key) return;
    good = { cert, key };
    onChange(good);
  };
  const look = async (): Promise<void> => {
    const read = await options.read().catch(unread);
    if (closed) return;
    judge(read);
    timer = setTimeout(() => void look(), everyMs);
  };
  void look();
  return {
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}

const MISFIT: Parsed<never> = problem('', 'the private key is not the one of the certificate');

/** The system's code only: the text of an error may quote what was read. */
function unread(error: unknown): Parsed<never> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return problem('', `cannot be read (${code})`);
}
