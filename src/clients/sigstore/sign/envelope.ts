import { type KeyObject, sign } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { STATEMENT_PAYLOAD_TYPE } from '../verify/statement.ts';

/** A DSSE envelope around a statement, as JSON spells it (DSSE protocol, "Envelope"), with an empty payload: {@link withPayload} writes it. */
export function emptyEnvelope(signature: Buffer): object {
  return {
    payload: '',
    payloadType: STATEMENT_PAYLOAD_TYPE,
    signatures: [{ sig: signature.toString('base64') }],
  };
}

/** Where the payload belongs. Within a text of JSON the quotes would be escaped. */
const NO_PAYLOAD = '"payload":""';

/** JSON of an envelope, or of what has one in it, with this payload, which never becomes text as a whole. */
export function withPayload(json: object, payload: Buffer): Promise<Buffer> {
  const text = JSON.stringify(json);
  const split = text.indexOf(NO_PAYLOAD) + NO_PAYLOAD.length - 1;
  const encoded = slicesOf(payload).map((slice) => () => Buffer.from(slice.toString('base64'), 'latin1'));
  const length = Buffer.byteLength(text) + Math.ceil(payload.byteLength / 3) * 4;
  return joined(length, [
    () => Buffer.from(text.slice(0, split)),
    ...encoded,
    () => Buffer.from(text.slice(split)),
  ]);
}

/** What is signed of a statement (DSSE protocol, "PAE"). */
export function signedBytes(payload: Buffer): Promise<Buffer> {
  const type = STATEMENT_PAYLOAD_TYPE;
  const head = Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.byteLength} `);
  const slices = slicesOf(payload).map((slice) => () => slice);
  return joined(head.byteLength + payload.byteLength, [() => head, ...slices]);
}

/** Signs on a thread of Node's own pool: hashing a large statement takes tens of milliseconds, and the key stays in this process. */
export const signElsewhere = promisify<string | null, Uint8Array, KeyObject, Buffer>(sign);

/** Bytes of a payload that are copied at a time, in about a millisecond: a multiple of three, so that parts of base64 fit together. */
const SLICE_BYTES = 768 * 1024;

function slicesOf(payload: Buffer): readonly Buffer[] {
  const count = Math.ceil(payload.byteLength / SLICE_BYTES);
  return Array.from({ length: count }, (_, at) => payload.subarray(at * SLICE_BYTES, (at + 1) * SLICE_BYTES));
}

/** All pieces as one. Others have their turn between large ones: a report of 20 MiB keeps the main thread no longer than a small one. */
async function joined(length: number, pieces: readonly (() => Buffer)[]): Promise<Buffer> {
  const all = Buffer.allocUnsafe(length);
  let at = 0;
  for (const make of pieces) {
    const copied = make().copy(all, at);
    at += copied;
    if (copied >= SLICE_BYTES) await setImmediate();
  }
  return all;
}
