/** One block of a PEM text (RFC 7468). */
export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,64})-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/**
 * The blocks of a PEM text, in order. Split before decoding: base64 of two blocks run together decodes to the first one
 * or to garbage, depending on its padding.
 */
export function splitPem(text: string): readonly PemBlock[] {
  return [...text.matchAll(BLOCK)].map(([, label = '', body = '']) => ({
    label,
    der: Buffer.from(body, 'base64'),
  }));
}
