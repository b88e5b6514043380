import { Buffer } from 'node:buffer';
import type { SecretData } from './ports.ts';

/** The keys of the Secret: the two of `kubernetes.io/tls`, and the two that cert-manager's users expect for the authority. */
export interface Contents {
  /** Authorities that are to be trusted, PEM, newest first. */
  readonly bundle: string;
  readonly authorityKey: string;
  readonly cert: string;
  readonly key: string;
}

/** Reads the Secret; what is not there is the empty text. */
export function decodeContents(data: unknown): Contents {
  const fields = typeof data === 'object' && data !== null ? (data as Readonly<Record<string, unknown>>) : {};
  const text = (key: string): string => {
    const value = fields[key];
    return typeof value === 'string' ? decodeBase64(value) : '';
  };
  return {
    bundle: text('ca.crt'),
    authorityKey: text('ca.key'),
    cert: text('tls.crt'),
    key: text('tls.key'),
  };
}

/** Writes the Secret. The two of `kubernetes.io/tls` have to be there, even if there is nothing in them. */
export function encodeContents({ bundle, authorityKey, cert, key }: Contents): SecretData {
  return {
    'ca.crt': encodeBase64(bundle),
    'ca.key': encodeBase64(authorityKey),
    'tls.crt': encodeBase64(cert),
    'tls.key': encodeBase64(key),
  };
}

/** Text as base64. */
export function encodeBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

/** Base64 as text; what is no base64 becomes a text that is no PEM. */
export function decodeBase64(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
