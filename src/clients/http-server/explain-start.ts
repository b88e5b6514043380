import { errorCode } from '../../core/model/index.ts';

/** What keeps a server from starting: its address, or its certificate and key. */
export interface StartProblem {
  readonly about: 'address' | 'certificate';
  /** One clause for a person. */
  readonly message: string;
}

const ADDRESS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use already',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'no permission to listen there; ports below 1024 need it',
  ENOTFOUND: 'the host name is not known',
};

/** Puts into words why `startServer` rejected. The text of a key or certificate is never part of it. */
export function explainStart(error: unknown): StartProblem {
  const code = errorCode(error) || 'unknown error';
  if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH')
    return { about: 'certificate', message: 'the private key is not the one of the certificate' };
  if (code.startsWith('ERR_OSSL_') || code.startsWith('ERR_TLS_'))
    return {
      about: 'certificate',
      message: `certificate or private key is not PEM that can be read (${code})`,
    };
  return { about: 'address', message: ADDRESS[code] ?? `cannot listen (${code})` };
}
