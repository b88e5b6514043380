import { explainFailure, Fault, isObject, objectOf, parseJson } from '../../../core/model/index.ts';
import { readAtMost } from '../../io/index.ts';
import type { KubeObject, Metadata } from '../types.ts';
import type { Answer, Ask } from './exchange.ts';
import { fault, faultOfError, faultOfRefusal, quote, type Refusal } from './fault.ts';

/** Longest object that is read, in bytes: etcd stores 1.5 MB by default, and JSON may be several times that. */
export const MAX_OBJECT_BYTES = 8 * 1024 * 1024;
/** Longest refusal that is read, in bytes. */
const MAX_REFUSAL_BYTES = 256 * 1024;

/** Characters of JSON up to which it is parsed on this thread: at worst it takes two milliseconds. */
const SMALL_JSON = 64 * 1024;

/** `owner` = the namespace whose objects are read: namespaces take turns on the threads. */
type Reading = Pick<Ask, 'doing' | 'caller'> & { readonly owner?: string | undefined };

/** Parses JSON that was sent: large one beside this thread. A Fault where that cannot be done, or is too much. */
export async function parseSent(
  { doing, owner = '' }: Pick<Reading, 'doing' | 'owner'>,
  json: string,
  { parseElsewhere }: Pick<Answer, 'parseElsewhere'>,
): Promise<unknown> {
  const bytes = json.length;
  if (parseElsewhere === undefined || bytes <= SMALL_JSON) return parseJson(json);
  const outcome = await parseElsewhere(json, { bytes, owner });
  if (!outcome.ok) {
    const reason = explainFailure(outcome.failure, `parse ${bytes} bytes of an answer`);
    throw new Fault({ ...reason, operation: doing, side: 'cluster' });
  }
  if (outcome.value.ok) return outcome.value.value;
  throw fault(doing, 'LimitExceeded', 'the objects of the page have more values than are read of one');
}

/** Reads a body whole as JSON; longer than `maxBytes` is a Fault `LimitExceeded`, whatever `Content-Length` said. */
export async function readJson(reading: Reading, answer: Answer, maxBytes: number): Promise<unknown> {
  const value = await parseSent(reading, await readText(reading, answer, maxBytes), answer);
  if (value === undefined) throw unintelligible(reading.doing); // without the words: they may be a Secret's
  return value;
}

async function readText({ doing, caller }: Reading, answer: Answer, maxBytes: number): Promise<string> {
  const bytes = await readAtMost(answer.body, maxBytes).catch((error: unknown) => {
    throw faultOfError(doing, error, caller);
  });
  if (bytes === undefined) throw fault(doing, 'LimitExceeded', `the answer is longer than ${maxBytes} bytes`);
  return bytes.toString('utf8');
}

/** Reads what the server says about a refusal. What is no `Status`, as `404 page not found`, has no reason. */
export async function readRefusal(reading: Reading, answer: Answer): Promise<Refusal> {
  const text = await readText(reading, answer, MAX_REFUSAL_BYTES);
  return refusalOf(answer.status, parseJson(text) ?? { message: text }, answer.secret);
}

/** The Fault for an answer that is a refusal, which is read. */
export async function faultIn(reading: Reading, answer: Answer): Promise<Error> {
  return faultOfRefusal(reading.doing, await readRefusal(reading, answer));
}

export function refusalOf(status: number, said: unknown, secret: string | undefined): Refusal {
  const { reason, message } = objectOf(said);
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
