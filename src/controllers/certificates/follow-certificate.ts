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

/** Follows the certificate: in the Secret that the leader keeps, or in files. */
interface CertificateSource {
  /** The Secret may have changed. */
  readonly refresh: () => void;
  readonly close: () => void;
}

/** Gives the certificate that a replica serves with, from now on. */
export function followCertificate(options: CertificateOptions): CertificateSource {
  const { settings, readFiles, secretData, onChange, log } = options;
  if (settings.source === 'Files') {
    const following = followPair({
      ...{ read: readFiles, fits, everyMs: READ_FILES_MS, onChange },
      onError: (problems) => {
        log.warn({ problems }, 'the certificate files cannot be used, the last good ones stay');
      },
    });
    return { refresh: () => undefined, close: following.close };
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

/** Checks of a pair at regular intervals. */
export interface Following {
  /** Ends the checks: no callback is called afterwards. */
  readonly close: () => void;
}

/**
 * Follows certificate and key that another process renews, from now on. The two files never change at the same moment: a pair
 * that does not fit, or cannot be read, is read again.
 */
export function followPair(options: FollowOptions): Following {
  const { fits, everyMs, onChange, onError: onError } = options;
  let good: Pair | undefined;
  let lastTrouble = '';
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const judge = (read: Parsed<Pair>): void => {
    const usable = read.ok && !fits(read.value) ? MISFIT : read;
    if (!usable.ok) {
      const trouble = JSON.stringify(usable.problems);
      if (trouble !== lastTrouble) onError(usable.problems);
      lastTrouble = trouble;
      return;
    }
    lastTrouble = '';
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
