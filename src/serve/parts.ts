import type { Cluster } from '../clients/kubernetes/index.ts';
import type { Log } from '../core/model/index.ts';
import type { Settings } from '../core/settings/index.ts';
import type { OpenJudging } from './judging.ts';
import type { ProcessContext } from './process-context.ts';
import type { Telemetry } from './telemetry.ts';

/** Everything that a replica in a cluster is made of. */
export interface Parts {
  readonly settings: Settings;
  readonly context: ProcessContext;
  readonly cluster: Cluster;
  /** The controller's own namespace. */
  readonly namespace: string;
  /** Names this process in the Lease and in events. */
  readonly identity: string;
  readonly judging: OpenJudging;
  readonly telemetry: Telemetry;
  readonly log: Log;
}
