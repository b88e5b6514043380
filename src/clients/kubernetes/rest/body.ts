import { isObject } from '../../../core/model/index.ts';
import type { Answer } from './exchange.ts';
import { fault, faultOfError, quote, type Refusal } from './fault.ts';
import type { KubeObject, Metadata } from '../types.ts';

/** Longest object that is read, in bytes: etcd stores 1.5 MB by default, and JSON may be several times that. */
export const MAX_OBJECT_BYTES = 8 * 1024 * 1024;
/** Longest page of a list, in bytes: five hundred pods are five million; more is asked for in smaller pages. */
export const MAX_PAGE_BYTES = 32 * 1024 * 1024;
/** Longest refusal that is read, in bytes. */
const MAX_REFUSAL_BYTES = 256 * 1024;

/** The call whose answer is read. */
export interface Reading {
  readonly doing: string;
  readonly caller: AbortSignal | undefined;
}

/** Reads a body whole as JSON; longer than `maxBytes` is a Fault `LimitExceeded`, whatever `Content-Length` said. */
export async function readJson(reading: Reading, answer: Answer, maxBytes: number): Promise<unknown> {
  const text = await readText(reading, answer, maxBytes);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw unintelligible(reading.doing); // without the words: they may be a Secret's
  }
}

async function readText({ doing, caller }: Reading, answer: Answer, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      // Leaving the loop destroys the body and its connection.
      if (size > maxBytes) throw fault(doing, 'LimitExceeded', `the answer is longer than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw faultOfError(doing, error, caller);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Reads what the server says about a refusal. What is no `Status`, as `404 page not found`, has no reason. */
export async function readRefusal(reading: Reading, answer: Answer): Promise<Refusal> {
  const text = await readText(reading, answer, MAX_REFUSAL_BYTES);
  return refusalOf(answer.status, parse(text), answer.secret);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return { message: text };
  }
}

/** What a `Status` says. */
export function refusalOf(status: number, said: unknown, secret: string | undefined): Refusal {
  const { reason, message } = isObject(said) ? said : {};
  const word = (value: unknown): string => (typeof value === 'string' ? quote(value, secret) : '');
  return { status, reason: word(reason), message: word(message) };
}

/** The Fault for an answer that cannot be right. */
export function unintelligible(doing: string): Error {
  return fault(doing, 'ClusterUnavailable', 'the API server answered what is no JSON of an object');
}

/** An object of the API; `defaults` are what the items of a list lack. */
export function parseObject(
  doing: string,
  value: unknown,
  defaults: { readonly apiVersion?: string; readonly kind?: string } = {},
): KubeObject {
  if (!isObject(value)) throw unintelligible(doing);
  const { apiVersion = defaults.apiVersion, kind = defaults.kind, metadata } = value;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || !isObject(metadata))
    throw unintelligible(doing);
  // Reviews, which are asked and not stored, come back without a name.
  const named: Metadata = { ...metadata, name: typeof metadata.name === 'string' ? metadata.name : '' };
  return { ...value, apiVersion, kind, metadata: named };
}
