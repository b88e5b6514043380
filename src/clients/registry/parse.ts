import {
  explainFailure,
  Fault,
  parseListing,
  parseManifestBytes,
  parseTags,
} from '../../core/model/index.ts';
import type { Parsed, Problem } from '../../core/model/index.ts';
import { ownerIn, type Call, type Parsers } from './call.ts';
import { fault, quote } from './fault.ts';

const PARSERS: Parsers = { manifest: parseManifestBytes, listing: parseListing, tags: parseTags };
type Kind = keyof Parsers;
type Input<K extends Kind> = Parameters<Parsers[K]>[0];
type Value<K extends Kind> = Extract<ReturnType<Parsers[K]>, { readonly ok: true }>['value'];

/** Bytes up to which an answer is parsed on this thread: at worst it takes some milliseconds; real manifests have a few KiB. */
const PARSED_HERE_BYTES = 32 * 1024;

const NAMES: Readonly<Record<Kind, string>> = {
  manifest: 'the manifest is not valid',
  listing: 'the listing of referrers cannot be read',
  tags: 'the list of tags cannot be read',
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
  throw fault(call, reason ?? 'RegistryMisbehaved', `${NAMES[kind]}${detail}`);
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
    return (PARSERS[kind] as (of: Input<K>) => Parsed<Value<K>>)(input);
  }
  const onThread = call.turn?.wait?.();
  const outcome = await parseElsewhere(kind, input, { bytes: byteLength, owner: ownerIn(call) });
  onThread?.();
  if (outcome.ok) return outcome.value;
  const { code, detail, transient } = explainFailure(outcome.failure, `parse ${byteLength} bytes of ${kind}`);
  throw new Fault({ code, detail, transient, operation: call.doing, side: call.side });
}
