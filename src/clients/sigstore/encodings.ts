import { parseJson } from '../../core/model/index.ts';

/** Deepest nesting of JSON that is read: real statements have about ten levels, and copying a deep one overflows a stack. */
const MAX_DEPTH = 200;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `{` and `[` and their closing twins. */
const OPENING: ReadonlySet<number | undefined> = new Set([0x7b, 0x5b]);
const CLOSING: ReadonlySet<number | undefined> = new Set([0x7d, 0x5d]);

/** JSON of a payload; `undefined`, which no schema here accepts, when it is none or is nested too deeply. */
export function parsePayload(bytes: Uint8Array): unknown {
  return isTooDeep(bytes) ? undefined : parseJson(bytes);
}

/** Counts brackets outside of text, so that nothing deep is built before its depth is known. */
function isTooDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) at = endOfText(bytes, at);
    else if (CLOSING.has(byte)) depth -= 1;
    else if (OPENING.has(byte) && ++depth > MAX_DEPTH) return true;
  }
  return false;
}

function endOfText(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
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
