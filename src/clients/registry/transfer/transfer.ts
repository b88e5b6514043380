import { Readable } from 'node:stream';
import { LRUCache } from 'lru-cache';
import { Fault, nameOf, type Descriptor, type Digest, type ImageRef } from '../../../core/model/index.ts';
import type { BlobArrival, TargetRegistry } from '../../../core/promotion/index.ts';
import { hashElsewhere, unlessAborted } from '../../io/index.ts';
import { hasBlob } from '../blob.ts';
import type { Begin, Call } from '../call.ts';
import { deadline } from '../fault.ts';
import type { TakeSlots } from '../slots.ts';
import { createFeed } from './feed.ts';
import { beginUpload, cancelUpload, mountBlob, uploadBlob, type Session, type Upload } from './upload.ts';

type Transfer = Parameters<TargetRegistry['transferBlob']>[0];

export interface TransferParts {
  readonly begin: Begin;
  readonly takeSlots: TakeSlots;
  /** Most blobs on their way to one registry at a time. */
  readonly transfersPerHost: number;
  /** Bytes of one chunk, where an upload goes in chunks. */
  readonly chunkBytes: number;
  /** Most bytes of a blob that is proven before any of it is handed on. */
  readonly provenBytes: number;
  readonly memory: TransferMemory;
  /** Whether the login of a call may be used to read another repository, too. */
  readonly mayRead: (call: Call, repository: string) => Promise<boolean>;
}

/** What one set of logins knows of transfers; no other set of logins relies on it. */
interface TransferMemory {
  readonly flights: SingleFlights<BlobArrival>;
  /** Repositories that have a blob, by registry and digest. */
  readonly known: LRUCache<string, string>;
}

/** Blobs on their way to all registries together: each holds two connections and some hundred KiB. */
const MAX_TRANSFERS = 128;
/** Of these, blobs that are held whole until they are proven: small ones, and others of up to 4 MiB. Together 78 MiB at most. */
const PROVEN_SMALL = { name: 'small ones proven first', slots: 22 };
const PROVEN_FIRST = { name: 'proven first', slots: 14 };
const SMALL_BYTES = 1024 * 1024;
/** Blobs of which a repository that has them is remembered, to be mounted from: some thousand images. */
const MAX_KNOWN_BLOBS = 50_000;
const BLOB_TYPE = 'application/octet-stream';

export function createTransferMemory(): TransferMemory {
  return { flights: createSingleFlights(), known: new LRUCache({ max: MAX_KNOWN_BLOBS }) };
}

export function createTransfers(
  parts: TransferParts,
): Pick<TargetRegistry, 'transferBlob' | 'hasBlob' | 'digestOf' | 'pushBlob'> {
  const { begin, chunkBytes, mayRead, provenBytes, takeSlots, transfersPerHost } = parts;
  const { flights, known } = parts.memory;
  const placeKey = ({ registry }: ImageRef, digest: Digest): string => `${registry} ${digest}`;

  /** A repository of the same registry from which the blob can be mounted. */
  const donorOf = ({ blob, from, to }: Transfer): string | undefined => {
    const donor = from.registry === to.registry ? from.repository : known.get(placeKey(to, blob.digest));
    return donor === to.repository ? undefined : donor;
  };

  const tryMount = async (one: Transfer, signal: AbortSignal): Promise<'mounted' | Session | undefined> => {
    const { blob, to } = one;
    const donor = donorOf(one);
    if (donor === undefined) return undefined;
    const call = begin('mount', `mount blob ${blob.digest} in ${nameOf(to)}`, to, signal);
    // With the login of the target a registry would also mount what only another login may read.
    if (!(await mayRead(call, donor))) return undefined;
    // A token for both repositories that is not to be had does not rule out one for the target alone.
    const answer = await unlessDenied(mountBlob(call, donor, blob.digest));
    // Not every registry that confirms a mount has the blob then, and not every one refuses a manifest without it.
    if (answer === 'mounted' && (await hasBlob({ ...call, alsoPulls: donor }, blob))) return answer;
    known.delete(placeKey(to, blob.digest));
    return answer === 'mounted' ? undefined : answer;
  };

  const mountOrCopy = async (transfer: Transfer, signal: AbortSignal): Promise<BlobArrival> => {
    const { blob, to, maybeThere } = transfer;
    const call = begin('upload', `copy blob ${blob.digest} to ${nameOf(to)}`, to, signal);
    const copiedBefore = known.get(placeKey(to, blob.digest)) === to.repository; // by another image
    if ((maybeThere || copiedBefore) && (await unlessDenied(hasBlob(call, blob))) === true) return 'present';
    const session = await tryMount(transfer, signal);
    if (session === 'mounted') return 'mounted';
    // Before the source is opened, so that no source waits for a turn.
    const release = await takeSlots(
      call,
      { name: `transfers ${call.endpoint.origin}`, slots: transfersPerHost },
      { name: 'transfers', slots: MAX_TRANSFERS },
      ...(blob.size > provenBytes ? [] : [blob.size > SMALL_BYTES ? PROVEN_FIRST : PROVEN_SMALL]),
    );
    try {
      await copy({ call, chunkBytes, provenBytes }, transfer, session);
    } finally {
      release();
    }
    return 'copied';
  };

  const transferBlob = async (one: Transfer, signal: AbortSignal): Promise<BlobArrival> => {
    const { blob, to } = one;
    const key = `${nameOf(to)}@${blob.digest}`;
    const onAbort = (): Error =>
      deadline(begin('upload', `copy blob ${blob.digest} to ${nameOf(to)}`, to, signal));
    const { value, shared } = await flights(key, (all) => mountOrCopy(one, all), signal, onAbort);
    known.set(placeKey(to, blob.digest), to.repository);
    return shared ? 'shared' : value;
  };

  return {
    transferBlob,
    hasBlob: (at, digest, signal) =>
      hasBlob(begin('blob', `find blob ${digest} of ${nameOf(at)}`, at, signal), { digest }),
    digestOf: hashElsewhere,
    pushBlob: async (to, bytes, signal) => {
      const digest = await hashElsewhere(bytes);
      const blob: Descriptor = { mediaType: BLOB_TYPE, digest, size: bytes.byteLength, annotations: {} };
      await transferBlob({ blob, source: memoryOf(bytes), from: to, to, maybeThere: true }, signal);
      return digest;
    },
  };
}

/** What was a try only: a refusal of it is not one of the upload, which is judged by its own answer. */
async function unlessDenied<T>(attempt: Promise<T>): Promise<T | undefined> {
  return attempt.catch((error: unknown) => {
    if (error instanceof Fault && (error.code === 'RegistryDenied' || error.code === 'NotGranted'))
      return undefined;
    throw error;
  });
}

async function copy(
  { call, chunkBytes, provenBytes }: Pick<Upload, 'call' | 'chunkBytes'> & Pick<TransferParts, 'provenBytes'>,
  { blob, source, from, onBytes }: Transfer,
  begun: Session | undefined,
): Promise<void> {
  if (call.signal.aborted) throw deadline(call);
  const doing = `read blob ${blob.digest} of ${nameOf(from)}`;
  const feed = createFeed({ ...call, doing, side: 'source' }, { blob, source, from, onBytes, provenBytes });
  let session = begun;
  try {
    const opened = blob.size > 0 ? feed.open() : Promise.resolve();
    opened.catch(() => undefined); // awaited below, once there is an upload to cancel
    session ??= await beginUpload(call);
    try {
      await opened;
    } catch (error) {
      await cancelUpload(call, session.url);
      throw error;
    }
    await uploadBlob({ call, blob, feed, chunkBytes }, session);
  } finally {
    feed.close();
  }
}

function memoryOf(bytes: Uint8Array): Transfer['source'] {
  return { openBlob: (_to, _blob, offset) => Promise.resolve(Readable.from([bytes.subarray(offset)])) };
}

/** Something that is being done once for all who want it at the same time. */
interface SingleFlight<T> {
  readonly outcome: Promise<T>;
  readonly leave: AbortController;
  waiting: number;
}

/**
 * Does the thing named by the key once however many want it at the same time; `shared` = another caller had begun it. The
 * signal of `start` fires when the last caller has left; `signal` ends the wait of this caller alone, which then gets the
 * error of `onAbort` thrown.
 */
type SingleFlights<T> = (
  key: string,
  start: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
  onAbort: () => Error,
) => Promise<{ readonly value: T; readonly shared: boolean }>;

/** Makes an empty table of flights. Nothing is remembered once it is done. */
function createSingleFlights<T>(): SingleFlights<T> {
  const flights = new Map<string, SingleFlight<T>>();

  const launch = (key: string, start: (signal: AbortSignal) => Promise<T>): SingleFlight<T> => {
    const leave = new AbortController();
    const outcome = start(leave.signal);
    const flight: SingleFlight<T> = { outcome, leave, waiting: 0 };
    flights.set(key, flight);
    const land = (): void => {
      if (flights.get(key) === flight) flights.delete(key);
    };
    outcome.then(land, land);
    return flight;
  };

  return async (key, start, signal, onAbort) => {
    if (signal.aborted) throw onAbort();
    const known = flights.get(key);
    const flight = known ?? launch(key, start);
    flight.waiting += 1;
    try {
      return { value: await unlessAborted(flight.outcome, signal, onAbort), shared: known !== undefined };
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0) {
        if (flights.get(key) === flight) flights.delete(key); // the next caller begins anew
        flight.leave.abort();
      }
    }
  };
}
