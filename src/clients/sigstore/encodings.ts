import { excessOfJson, isObject, MAX_JSON_VALUES, parseJson, parseShort } from '../../core/model/index.ts';

/** JSON that has more in it than is parsed: neither good nor bad. */
export class TooMuchJson extends Error {}

/** JSON of a payload; `undefined`, which no schema here accepts, when it is none or is nested too deeply. Throws {@link TooMuchJson}. */
export function parsePayload(bytes: Uint8Array): unknown {
  const excess = excessOfJson(bytes);
  if (excess === 'values') throw new TooMuchJson(`JSON of more than ${MAX_JSON_VALUES} values`);
  return excess ? undefined : parseJson(bytes);
}

/** Most roots in one text: GitHub's tool prints two. */
const MAX_LINES = 8;

/**
 * The objects in a text: one of JSON or, as `gh attestation trusted-root` prints them, one on each line. `undefined` for a text
 * that holds anything else, or more than is parsed on the main thread.
 */
export function parseObjects(text: string): readonly object[] | undefined {
  const whole = parseShort(Buffer.from(text));
  if (isObject(whole)) return [whole];
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length > MAX_LINES) return undefined;
  const objects = lines.map((line) => parseShort(Buffer.from(line))).filter(isObject);
  return lines.length > 0 && objects.length === lines.length ? objects : undefined;
}

/** One block of a PEM text (RFC 7468). */
export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,64})-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/** The blocks of a PEM text, split before decoding: base64 of two that run together decodes to the first one or to garbage. */
export function splitPem(text: string): readonly PemBlock[] {
  return [...text.matchAll(BLOCK)].map(([, label = '', body = '']) => ({
    label,
    der: Buffer.from(body, 'base64'),
  }));
}
