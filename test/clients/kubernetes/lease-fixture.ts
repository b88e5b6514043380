import { runElection, type Election } from '../../../src/clients/kubernetes/lease/election.ts';
import type { Cluster } from '../../../src/clients/kubernetes/types.ts';
import { clusterFault, createClusterTwin, type ClusterTwin } from '../../support/twins/cluster.ts';
import { createVirtualTime, type VirtualTime } from '../../support/virtual-time.ts';

export const LEASE = {
  resource: { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' },
  namespace: 'pratique',
  name: 'pratique',
} as const;
export const DURATIONS = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 } as const;

/** More than the longest wind-down and two calls that hang. */
const CLOSED_WITHIN_MS = 200_000;

/** The network of one candidate. Both numbers are evaluated again for every call. */
export interface Link {
  /** Milliseconds until a request arrives; `undefined` = it never does. */
  there: () => number | undefined;
  /** Milliseconds until its answer arrives; `undefined` = never, though the server has carried out the request. */
  back: () => number | undefined;
}

export interface Candidate {
  readonly election: Election;
  readonly link: Link;
  readonly troubles: unknown[];
  /** How long the work continues after the stop signal. */
  windDownMs: number;
  /** Lets the work end by itself. */
  finish: (error?: Error) => void;
}

export interface LeaseFixture {
  readonly time: VirtualTime;
  readonly twin: ClusterTwin;
  /** `name begins` and `name stops`, each with the second. */
  readonly log: string[];
  /** Leaders that received no stop signal. */
  readonly leaders: Set<string>;
  /** The most leaders there have been at once. */
  most(): number;
  enter(name: string, options?: { readonly clockMs?: number; readonly random?: () => number }): Candidate;
  /** Closes all candidates while time goes on. */
  close(): Promise<void>;
  holder(): unknown;
  spec(): Record<string, unknown>;
}

export function openLeaseFixture(): LeaseFixture {
  const time = createVirtualTime();
  const twin = createClusterTwin();
  const log: string[] = [];
  const leaders = new Set<string>();
  const elections: Election[] = [];
  let most = 0;
  const note = (text: string): void => void log.push(`${text} ${Math.round(time.now() / 1_000)}`);
  const spec = (): Record<string, unknown> => (twin.peek(LEASE)?.spec ?? {}) as Record<string, unknown>;

  return {
    time,
    twin,
    log,
    leaders,
    most: () => most,
    spec,
    close: async () => {
      const closed = Promise.all(elections.map((election) => election.close()));
      await time.advance(CLOSED_WITHIN_MS);
      await closed;
    },
    holder: () => spec().holderIdentity,
    enter: (name, { clockMs = 0, random = () => 0 } = {}) => {
      const link: Link = { there: () => 0, back: () => 0 };
      const troubles: unknown[] = [];
      const candidate = { link, troubles, windDownMs: 0, finish: () => undefined };
      const lead = async (signal: AbortSignal): Promise<void> => {
        note(`${name} begins`);
        leaders.add(name);
        most = Math.max(most, leaders.size);
        const ended = Promise.withResolvers<undefined>();
        (candidate as Candidate).finish = (error) => {
          if (error) ended.reject(error);
          else ended.resolve(undefined);
        };
        signal.addEventListener('abort', () => {
          if (leaders.delete(name)) note(`${name} stops`);
          time.after(candidate.windDownMs, () => {
            ended.resolve(undefined);
          });
        });
        await ended.promise;
      };
      const election = runElection({
        ...DURATIONS,
        cluster: linked(twin, link, time),
        namespace: LEASE.namespace,
        name: LEASE.name,
        identity: name,
        lead,
        random,
        onError: (error) => troubles.push(error),
        // Every machine has another monotonic start, and another time of day.
        timers: { now: () => time.now() + clockMs, after: time.after },
        clock: () => new Date(1_900_000_000_000 + clockMs * 1_000),
      });
      elections.push(election);
      return Object.assign(candidate, { election });
    },
  };
}

/** A cluster behind a bad connection. A call without an answer ends with the signal of its caller. */
function linked(
  twin: ClusterTwin,
  link: Link,
  time: VirtualTime,
): Pick<Cluster, 'get' | 'create' | 'replace'> {
  const travel = async (ms: number | undefined, signal: AbortSignal | undefined): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    signal?.addEventListener('abort', () => {
      reject(clusterFault());
    });
    if (ms !== undefined) time.after(ms, () => resolve(undefined));
    await promise;
  };
  // The request is sent even when its caller no longer waits.
  const send = async <T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    const there = link.there();
    const back = link.back();
    const answer = there === undefined ? undefined : travel(there, undefined).then(call);
    answer?.catch(() => undefined);
    await travel(there === undefined || back === undefined ? undefined : there + back, signal);
    if (!answer) throw clusterFault();
    return answer;
  };
  return {
    get: (address, signal) => send(() => twin.get(address), signal),
    create: (collection, object, options) => send(() => twin.create(collection, object), options?.signal),
    replace: (address, object, options) => send(() => twin.replace(address, object), options?.signal),
  };
}
