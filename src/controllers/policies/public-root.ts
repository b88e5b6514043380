import { describeProblems, type Clock, type Parsed, type TrustRoot } from '../../core/model/index.ts';
import { repeat } from './repeat.ts';

/** The public-good trust root over time: the shipped one first, a refreshed one when there is one. */
export interface PublicRoot {
  readonly current: () => TrustRoot;
  readonly status: () => PublicRootStatus;
  readonly close: () => void;
}

/** Which public-good root is in force, and since when. */
export interface PublicRootStatus {
  readonly source: 'shipped' | 'refreshed';
  readonly fingerprint: string;
  /** When it was loaded or last confirmed. */
  readonly since: Date;
  /** Why the last refresh failed; absent when it did not. */
  readonly lastFailure?: string;
}

/** How the root is refreshed; without it the shipped one stays. */
interface RootRefresh {
  /** Fetches the root over TUF; rejects when it cannot. Never on the path of a request. */
  readonly fetch: () => Promise<Parsed<TrustRoot>>;
  readonly everyMs: number;
  /** Receives every outcome. */
  readonly onOutcome: (status: PublicRootStatus) => void;
}

/**
 * Holds the public-good root. It works offline from the first second; a refresh that fails keeps the last good one, and is
 * tried again the next time.
 */
export function createPublicRootStore(shipped: TrustRoot, clock: Clock, refresh?: RootRefresh): PublicRoot {
  let root = shipped;
  let status: PublicRootStatus = { source: 'shipped', fingerprint: shipped.fingerprint, since: clock() };
  const look = async ({ fetch, onOutcome }: RootRefresh): Promise<void> => {
    try {
      const fetched = await fetch();
      if (!fetched.ok) throw new Error(describeProblems(fetched.problems));
      root = fetched.value;
      status = { source: 'refreshed', fingerprint: root.fingerprint, since: clock() };
    } catch (error) {
      status = { ...status, lastFailure: error instanceof Error ? error.message : 'it could not be fetched' };
    }
    onOutcome(status);
  };
  const looks = refresh && repeat(refresh.everyMs, () => look(refresh));
  looks?.now();
  return { current: () => root, status: () => status, close: () => looks?.close() };
}
