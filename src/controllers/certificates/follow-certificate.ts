import { parsed, problem, type Log, type Parsed } from '../../core/model/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import { followPair } from './follow-pair.ts';
import type { Pair } from './ports.ts';
import { fits } from './read.ts';
import { servingCertificate } from './serving-certificate.ts';

/** Milliseconds between two reads of certificate files: kubelets take a minute to write them anyway. */
const READ_FILES_MS = 10_000;

/** Where a replica gets the certificate that it serves with. */
export interface CertificateOptions {
  readonly settings: Settings['certificates'];
  readonly readFiles: () => Promise<Parsed<Pair>>;
  /** `data` of a Secret of the controller's own namespace, out of the cache. */
  readonly secretData: (name: string) => unknown;
  /** Receives each pair that can be used; it may be the same again. */
  readonly onChange: (pair: Pair) => void;
  readonly log: Log;
}

/** Follows the certificate: in the Secret that the leader keeps, or in files. */
export interface CertificateSource {
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
