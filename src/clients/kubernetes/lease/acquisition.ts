import { microTime, objectOf, textOf, type Clock } from '../../../core/model/index.ts';
import { faultOfNo } from '../rest/fault.ts';
import type { Timers } from '../rest/timers.ts';
import type { Cluster, KubeObject, ObjectAddress } from '../types.ts';

/** What one candidate does to the Lease. Every call throws what the cluster throws. */
export interface LeaseAcquisition {
  /** Takes or renews the Lease if that is allowed; answers the local moment just *before* the write, as of which it is held. */
  readonly take: (signal: AbortSignal) => Promise<{ readonly heldSince: number } | undefined>;
  /** Looks who holds the Lease, without a wish of its own. */
  readonly look: (signal: AbortSignal) => Promise<void>;
  /** Releases the Lease if it is held in this name. */
  readonly release: (signal: AbortSignal) => Promise<void>;
  /** Who was seen to hold it last. */
  readonly holder: () => string | undefined;
}

/** A Lease, and who wants to hold it. */
export interface LeaseOptions {
  readonly cluster: Pick<Cluster, 'get' | 'create' | 'replace'>;
  /** Where the Lease is, and its name. */
  readonly namespace: string;
  readonly name: string;
  /** Unique to this process: the name of the pod and something random, so that a restarted container is another one. */
  readonly identity: string;
  /** How long others wait after the last renewal they saw. */
  readonly durationMs: number;
}

/** What was seen of the Lease, and when: by this machine's clock alone, since the holder's may be wrong. */
interface Observation {
  readonly object: KubeObject;
  readonly record: LeaseRecord;
  readonly at: number;
}

const MICROS = 1_000;
const LEASE = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' } as const;
const RESOURCE = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' } as const;
/** Another writer was faster: a normal answer. */
const LOST_RACES: ReadonlySet<string> = new Set(['AlreadyExists', 'Conflict', 'NotFound']);

export function createLeaseAcquisition(
  options: LeaseOptions,
  timers: Timers,
  clock: Clock,
): LeaseAcquisition {
  const { cluster, namespace, name, identity, durationMs } = options;
  const address: ObjectAddress = { resource: RESOURCE, namespace, name };
  let seen: Observation | undefined;
  let writes = 0;
  let current = false; // whether the version seen last may still be the newest

  /** Never the same twice in a row, even when the wall clock stands still: a write that changes nothing is no renewal. */
  const timestamp = (): string => microTime(clock(), (writes += 1) % MICROS);

  const observe = (object: KubeObject): void => {
    // Every write counts as a renewal, whatever its content.
    const known = seen?.object.metadata;
    const { uid, resourceVersion } = object.metadata;
    if (known?.uid === uid && known?.resourceVersion === resourceVersion) return;
    // The moment the answer came: the holder counts from before its write, and so ends first.
    seen = { object, record: readLease(object), at: timers.now() };
  };

  const look = async (signal: AbortSignal): Promise<void> => {
    const object = await cluster.get(address, signal);
    if (object) observe(object);
    current = object !== undefined;
  };

  const write = async (spec: object, signal: AbortSignal): Promise<boolean> => {
    const collection = { resource: RESOURCE, namespace };
    const written =
      seen && current
        ? await cluster.replace(address, { ...seen.object, spec }, { signal })
        : await cluster.create(collection, { ...LEASE, metadata: { name, namespace }, spec }, { signal });
    if (written.ok) observe(written.object);
    current = written.ok;
    if (!written.ok && !LOST_RACES.has(written.reason))
      throw faultOfNo(`write Lease ${namespace}/${name}`, written);
    return written.ok;
  };

  /** A deleted Lease counts as held for its full duration: its holder does not know of the deletion yet. */
  const mayTake = (): boolean => {
    if (!seen || seen.record.holder === '' || seen.record.holder === identity) return true;
    return timers.now() - seen.at >= seen.record.durationMs;
  };

  return {
    take: async (signal) => {
      if (!(current && seen?.record.holder === identity)) await look(signal);
      if (!mayTake()) return undefined;
      const heldSince = timers.now();
      const spec = heldBy(identity, durationMs, seen?.record, timestamp());
      // Until the answer arrives it is unknown what is stored.
      const sent = write(spec, signal);
      current = false;
      return (await sent) ? { heldSince } : undefined;
    },
    look,
    release: async (signal) => {
      await look(signal);
      if (current && seen?.record.holder === identity)
        await write(released(seen.record, timestamp()), signal);
    },
    holder: () => (seen?.record.holder === '' ? undefined : seen?.record.holder),
  };
}

interface LeaseRecord {
  /** Who leads; `''` when the Lease has no holder. */
  readonly holder: string;
  /** How long others wait after they have seen the last renewal. */
  readonly durationMs: number;
  readonly acquireTime?: string;
  readonly transitions: number;
}

const MS = 1_000;
/** The API server wants a positive number, also for a Lease without a holder. */
const RELEASED_SECONDS = 1;

/** Reads a Lease; a field that is missing or of a wrong type reads as if the Lease had no holder. */
function readLease({ spec }: KubeObject): LeaseRecord {
  const { holderIdentity, leaseDurationSeconds, leaseTransitions, acquireTime } = objectOf(spec);
  return {
    holder: textOf(holderIdentity),
    durationMs: (typeof leaseDurationSeconds === 'number' ? leaseDurationSeconds : 0) * MS,
    transitions: typeof leaseTransitions === 'number' ? leaseTransitions : 0,
    acquireTime: typeof acquireTime === 'string' ? acquireTime : undefined,
  };
}

/** The `spec` that takes or keeps the Lease. Seconds are rounded up, so that no other candidate takes over early. */
function heldBy(
  holderIdentity: string,
  durationMs: number,
  previous: LeaseRecord | undefined,
  renewTime: string,
): object {
  const isKept = previous?.holder === holderIdentity;
  return {
    holderIdentity,
    leaseDurationSeconds: Math.ceil(durationMs / MS),
    acquireTime: (isKept ? previous.acquireTime : undefined) ?? renewTime,
    renewTime,
    leaseTransitions: previous ? previous.transitions + (isKept ? 0 : 1) : 0,
  };
}

/** The `spec` with which the holder lets go. */
function released({ transitions: leaseTransitions }: LeaseRecord, time: string): object {
  const leaseDurationSeconds = RELEASED_SECONDS;
  return { holderIdentity: '', leaseDurationSeconds, acquireTime: time, renewTime: time, leaseTransitions };
}
