import * as z from 'zod';
import {
  digestAlgorithm,
  explainFailure,
  Fault,
  parseShort,
  parseDigest,
  REGISTRY_JOBS,
} from '../../core/model/index.ts';
import type { Digest, Parsed, Problem, ReasonCode } from '../../core/model/index.ts';
import { discard } from '../http/index.ts';
import { readAtMost } from '../io/index.ts';
import { ownerIn, type Answer, type Call, type Parsers } from './call.ts';
import { fault, faultOfError, faultOfStatus, misbehaved, quote } from './fault.ts';

/** A header that must occur once; the first one when it occurs several times. */
export function header({ headers }: Pick<Answer, 'headers'>, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'object' ? value[0] : value;
}

/** The media type of an answer in lower case, without parameters. */
export function contentType(answer: Answer): string | undefined {
  return header(answer, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
}

export function isDone({ status }: Answer): boolean {
  return status >= 200 && status <= 204;
}

/** Refuses the answer to a write that claims another digest by the same algorithm. */
export function compareDigests(call: Call, answer: Answer, what: 'blob' | 'manifest', digest: Digest): void {
  const claimed = parseDigest(header(answer, 'docker-content-digest'));
  if (claimed && digestAlgorithm(claimed) === digestAlgorithm(digest) && claimed !== digest)
    throw misbehaved(call, `it stored the ${what} under another digest`);
}

/** Whether the answer is a plain 404, its body read. Any other status that is not in `good` is a Fault. */
export async function isAbsent(call: Call, answer: Answer, good = [200]): Promise<boolean> {
  if (good.includes(answer.status)) return false;
  if (answer.status === 404) {
    await refuseOtherMeaning(call, answer);
    return true;
  }
  await discard(answer);
  throw faultOfStatus(call, answer);
}

/** Codes that report something else than "there is no such thing", whatever status they come with. */
const OTHER_MEANINGS: ReadonlyMap<string, readonly [ReasonCode, string]> = new Map([
  ['UNAUTHORIZED', ['RegistryDenied', 'it needs a login, or refuses this one']],
  ['DENIED', ['RegistryDenied', 'this login may not read it']],
  ['TOOMANYREQUESTS', ['RegistryRateLimited', 'it asks to slow down']],
  ['UNAVAILABLE', ['RegistryUnavailable', 'it cannot answer now']],
] as const);

/** Reads the body of an answer whose status means "there is no such thing"; a Fault when the body reports something else. */
export async function refuseOtherMeaning(call: Call, answer: Answer): Promise<void> {
  const { status, url } = answer;
  for (const code of (await refusalIn(call, answer)).codes) {
    const [reason, meaning] = OTHER_MEANINGS.get(code) ?? [];
    if (reason) throw fault(call, reason, `${url.host} answered ${status} ${code}: ${meaning}`);
  }
}

/** Ends an answer that will not be read, and its connection with it. Never throws, now or later. */
export function drop(answer: Answer): void {
  // The body reports its own destruction as an error; unheard, it would end the process.
  answer.body.on('error', () => undefined).destroy();
}

/** Refuses a compressed body: none was asked for, and a small one may unpack to anything. */
export function refuseCompressed(call: Call, answer: Answer): void {
  if ((header(answer, 'content-encoding') ?? 'identity').toLowerCase() === 'identity') return;
  drop(answer);
  throw misbehaved(call, 'the body is compressed although that was not asked for');
}

/**
 * Reads a body whole, never holding more than `maxBytes` of it: a longer one is a Fault `LimitExceeded`, whatever
 * `Content-Length` said (CVE-2023-46737 is the unbounded read).
 */
export async function readBody(call: Call, answer: Answer, maxBytes: number): Promise<Uint8Array> {
  refuseCompressed(call, answer);
  const claimed = Number(header(answer, 'content-length') ?? Number.NaN);
  const claimedTooLong = claimed > maxBytes;
  const expected = Number.isNaN(claimed) ? undefined : claimed;
  if (claimedTooLong) drop(answer);
  const bytes = claimedTooLong
    ? undefined
    : await readHeld(call, answer, maxBytes, expected).catch((error: unknown) => {
        throw faultOfError(call, answer.url.host, error);
      });
  if (bytes === undefined) throw fault(call, 'LimitExceeded', `the answer is longer than ${maxBytes} bytes`);
  return bytes;
}

/** Bytes that are read of an answer of unknown length before it counts as a long one. */
const UNKNOWN_LENGTH = 64 * 1024;

/** Reads a body, each chunk after there is room for it. Ended early, also by a throw, it destroys the body. */
async function readHeld(
  call: Call,
  { body }: Answer,
  maxBytes: number,
  expected: number | undefined,
): Promise<Uint8Array | undefined> {
  body.on('error', () => undefined); // reading throws it; this is for an error while it waits for room
  let room = expected ?? Math.min(UNKNOWN_LENGTH, maxBytes);
  // Once: bodies that hold room and wait for more would wait for each other.
  const makeRoom = (size: number): Promise<void> | undefined => {
    if (size <= room || room >= maxBytes) return undefined;
    room = maxBytes;
    return call.hold?.(maxBytes);
  };
  try {
    await call.hold?.(room);
    return await readAtMost(body, maxBytes, expected, makeRoom);
  } finally {
    body.destroy();
  }
}

/** Reads a body as JSON; `undefined` when it is none (`null` is JSON). */
export async function readJson(call: Call, answer: Answer, maxBytes: number): Promise<unknown> {
  return parseShort(await readBody(call, answer, maxBytes));
}

/** Most of a refusal that is read, in bytes: the codes come first, and the rest is not used. */
const MAX_REFUSAL_BYTES = 16 * 1024;

// A code in capitals (distribution spec, "Error Codes"): the one thing in a refusal that is safe to repeat.
const wire = z.object({
  errors: z.array(z.object({ code: z.string().regex(/^[A-Z][A-Z0-9_]{1,63}$/) })),
});

/** A refusal: the registry's own codes, and its text, which is never repeated. Empty where it cannot be read: the status is enough. */
async function refusalIn(call: Call, answer: Answer) {
  const bytes = await readBody(call, answer, MAX_REFUSAL_BYTES).catch(() => new Uint8Array());
  const codes = (wire.safeParse(parseShort(bytes)).data?.errors ?? []).map(({ code }) => code);
  return { codes, text: Buffer.from(bytes).toString('utf8') };
}

/**
 * What registries write in a refusal whose status says something else: Harbor answers 403 for a quota, ECR 400 for an immutable tag
 * and for too many images, others 500 without room on their disk.
 */
const SAID: readonly (readonly [RegExp, string])[] = [
  [
    /quota|too_?many_(?:images|tags)|exceed[^"]{0,200}(?:upper )?limit|(?:storage|space|plan)[^"]{0,40} limit/i,
    'a quota there is used up',
  ],
  [/no space left|disk (?:is )?full|insufficient (?:storage|disk|space)/i, 'it has no room left'],
  [/immutable/i, 'the tag is immutable, and has another digest already'],
];

const MEANINGS: Readonly<Record<number, readonly [ReasonCode, string]>> = {
  401: ['RegistryDenied', 'it needs a login, or refuses this one'],
  403: ['RegistryDenied', 'this login may not change it'],
  404: [
    'RegistryDenied',
    'it has no such repository, or hides it from this login; some registries want it to be made first',
  ],
  402: ['RegistryDenied', 'it wants to be paid for this'],
  405: ['RegistryDenied', 'it does not let itself be changed'],
  409: ['RegistryDenied', 'it does not let this be replaced'],
  412: ['RegistryDenied', 'a rule of its own is against it'],
  408: ['RegistryUnavailable', 'it did not get the whole request in time'],
  413: ['LimitExceeded', 'it takes nothing this large'],
  429: ['RegistryRateLimited', 'it asks to slow down'],
  507: ['RegistryUnavailable', 'it has no room left'],
};

/** Statuses by which registries refuse to replace something: Azure, Quay, Harbor. */
const KEPT_STATUS: ReadonlySet<number> = new Set([405, 409, 412]);
/** What they write besides: ECR, Google, JFrog, Nexus, GitLab. Else 400 and 403 are about what is pushed, or about the login. */
const KEPT =
  /immutab|overwrit|already exists|cannot be (?:updat|replac|chang)ed|updating asset|protected tag/i;

/** The Fault for a write that was refused; the answer is read to find the registry's own code for it. */
export async function faultOfRefusal(call: Call, answer: Answer): Promise<Fault> {
  const { status, url } = answer;
  const {
    codes: [ownCode = ''],
    text,
  } = await refusalIn(call, answer);
  const other = status >= 500 ? 'RegistryUnavailable' : 'RegistryMisbehaved';
  const [code, meaning] = MEANINGS[status] ?? [other, 'it does not take this'];
  // "Rate limit exceeded" is no quota.
  const said = status === 429 ? meaning : (SAID.find(([words]) => words.test(text))?.[1] ?? meaning);
  const isKept = KEPT_STATUS.has(status) || (status !== 401 && KEPT.test(text));
  return fault(call, code, `${url.host} answered ${status}${ownCode && ` ${ownCode}`}: ${said}`, { isKept });
}

type Kind = keyof Parsers;
type Input<K extends Kind> = Parameters<Parsers[K]>[0];
type Value<K extends Kind> = Extract<ReturnType<Parsers[K]>, { readonly ok: true }>['value'];

/** Bytes up to which an answer is parsed on this thread: at worst it takes some milliseconds; real manifests have a few KiB. */
const PARSED_HERE_BYTES = 32 * 1024;

const NAMES: Readonly<Record<Kind, string>> = {
  manifest: 'the manifest is not valid',
  listing: 'the listing of referrers cannot be read',
  tags: 'the list of tags cannot be read',
  extension: 'what lies there is no manifest that can be extended',
  entry: 'what lies under the fallback tag is not a listing',
};

const NO_PROBLEM: Problem = { path: '', message: '' };

/** Parses an answer: small ones here, others elsewhere. A Fault for what cannot be parsed, and for what is too much to parse. */
export async function parseAnswer<K extends Kind>(
  call: Call,
  kind: K,
  input: Input<K> & { readonly bytes: Uint8Array },
): Promise<Value<K>> {
  const read = await parseSomewhere(call, kind, input);
  if (read.ok) return read.value;
  const [{ path, message, isLimit, reason } = NO_PROBLEM] = read.problems;
  if (isLimit) throw fault(call, 'LimitExceeded', `in the ${kind}, ${path} ${message}`);
  const detail = kind === 'manifest' ? `: ${quote(`${path} ${message}`.trim())}` : '';
  const isUnparsed = kind === 'manifest' && reason === undefined;
  throw fault(call, reason ?? 'RegistryMisbehaved', `${NAMES[kind]}${detail}`, { isUnparsed });
}

async function parseSomewhere<K extends Kind>(
  call: Call,
  kind: K,
  input: Input<K> & { readonly bytes: Uint8Array },
): Promise<Parsed<Value<K>>> {
  const { byteLength } = input.bytes;
  const { parseElsewhere } = call;
  if (parseElsewhere === undefined || byteLength <= PARSED_HERE_BYTES) {
    // The compiler cannot see that a parser takes the input of its own kind.
    return (REGISTRY_JOBS[kind] as (of: Input<K>) => Parsed<Value<K>>)(input);
  }
  const onThread = call.turn?.wait?.();
  const outcome = await parseElsewhere(kind, input, { bytes: byteLength, owner: ownerIn(call) });
  onThread?.();
  if (outcome.ok) return outcome.value;
  const { code, detail, transient } = explainFailure(outcome.failure, `parse ${byteLength} bytes of ${kind}`);
  throw new Fault({ code, detail, transient, operation: call.doing, side: call.side });
}
