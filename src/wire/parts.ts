import type { Cluster } from '../adapters/kubernetes/index.ts';
import type { Log } from '../adapters/server/index.ts';
import type { Settings } from '../core/settings/index.ts';
import type { OpenJudging } from './judging.ts';
import type { Replica } from './replica.ts';
import type { Surroundings } from './surroundings.ts';
import type { Telemetry } from './telemetry.ts';

/** Everything that a replica in a cluster is made of. */
export interface Parts {
  readonly settings: Settings;
  readonly surroundings: Surroundings;
  readonly cluster: Cluster;
  /** The controller's own namespace. */
  readonly namespace: string;
  /** Names this process in the Lease and in events. */
  readonly identity: string;
  readonly judging: OpenJudging;
  readonly telemetry: Telemetry;
  readonly log: Log;
}

/** What the leader is made with. */
export interface LeadingOptions extends Parts {
  readonly replica: Replica;
}
