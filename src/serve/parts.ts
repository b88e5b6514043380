import type { Judging } from '../cli/index.ts';
import type { Metrics } from '../clients/http-server/index.ts';
import {
  ownNamespace,
  SYSTEM_TIMERS,
  type Cluster,
  type ClusterOptions,
  type RequestEvent as ApiRequest,
} from '../clients/kubernetes/index.ts';
import type { MirrorEvent, Registry, RegistryOptions, RequestEvent } from '../clients/registry/index.ts';
import type { EventOutcome } from '../controllers/events/index.ts';
import type { Policies, PublicRoot } from '../controllers/policies/index.ts';
import type { PromotionMeter } from '../controllers/promotions/index.ts';
import type {
  JudgeRequest,
  Keychain,
  LookupResult,
  JudgeQuestion,
  PinRequest,
} from '../core/evidence/index.ts';
import {
  errorFields,
  parsed,
  problem,
  type Parsed,
  type Fact,
  type Gauge,
  type ImageRef,
  type JudgedImage,
  type Log,
  type PinnedRef,
  type Time,
  type TrustRoot,
} from '../core/model/index.ts';
import type { Grant, OpeningContext } from '../core/promotion/index.ts';
import type { Settings } from '../core/settings/index.ts';
import type { PullEvent } from '../gate/index.ts';
import type { AdmissionPorts, MutationPorts } from '../webhook/index.ts';

/** What the process gives: environment, standard input, and where log lines go. */
export interface ProcessContext {
  readonly version: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly setEnvironment?: (variables: Readonly<Record<string, string>>) => void;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly writeLog: (line: string) => void;
}

/** The one clock of the process. */
export const clock = () => new Date();

/** The time of this process, for controllers. */
export const TIME: Time = { ...SYSTEM_TIMERS, clock };

/** The namespace of this installation. */
export async function namespaceOf({ cluster }: Settings): Promise<Parsed<string>> {
  const own = cluster.namespace ?? (await ownNamespace());
  return own === undefined
    ? problem('--namespace', 'is needed outside of a pod: where this is installed')
    : parsed(own);
}

/** Logs that a collection of the API server could not be read. */
export function logReadFailure(log: Log): (what: string, error: unknown) => void {
  return (what, error) => {
    log.warn({ what, ...errorFields(error) }, 'reading from the API server failed, it is tried again');
  };
}

/** What is reported on the way to a verdict. */
export interface Watching {
  readonly onRequest: (event: RequestEvent) => void;
  readonly onMirror?: (event: MirrorEvent) => void;
  readonly onLookup: (kind: string, result: LookupResult) => void;
  /** Receives every failure that is a bug. */
  readonly report: (error: unknown) => void;
}

/** Judges images and opens promotions, with one registry client, one memory of facts and one scanner for all of them. */
export interface OpenJudging extends Judging, Pick<AdmissionPorts, 'decodeElsewhere'> {
  readonly parseElsewhere: ClusterOptions['parseElsewhere'];
  readonly judge: (
    question: JudgeQuestion & Pick<Partial<JudgeRequest>, 'access' | 'unmatchedImages'>,
  ) => Promise<readonly JudgedImage[]>;
  readonly pin: (ref: ImageRef, how: PinRequest) => Promise<Fact<PinnedRef>>;
  readonly registry: Registry;
  readonly proxies: RegistryOptions['proxies'];
  /** The controller's own logins. */
  readonly keychain: Keychain;
  /** Which namespaces may use them in promotions. */
  readonly grants: readonly Grant[];
  /** Facts in memory, by kind. */
  readonly memoryGauge: Gauge;
  /** What promotions are opened with, under this public-good root. */
  readonly opening: (publicGood: () => TrustRoot) => Omit<OpeningContext, 'policies' | 'accountSecrets'>;
}

/** Counts and logs what happens, and gives the page of metrics. */
export interface Telemetry extends Watching {
  readonly onDecision: AdmissionPorts['onDecision'];
  readonly onMutation: MutationPorts['onMutation'];
  readonly onApiRequest: (event: ApiRequest) => void;
  readonly onEvent: (event: EventOutcome) => void;
  readonly onPull: (event: PullEvent) => void;
  readonly onPromotedImages: PromotionMeter['images'];
  readonly onPromotedBytes: PromotionMeter['bytes'];
  readonly metrics: Metrics;
}

/** What every replica in a cluster has: compiled policies, and the ports of the webhooks over them. */
export interface Replica {
  readonly policies: Policies;
  readonly publicRoot: PublicRoot;
  readonly validating: AdmissionPorts;
  readonly mutating: MutationPorts;
  readonly close: () => Promise<void>;
}

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

/** What reads large answers of the API server; it is there unless opening fails anyway. */
export function answerParser(judging: Parsed<OpenJudging>): OpenJudging['parseElsewhere'] {
  return judging.ok ? judging.value.parseElsewhere : undefined;
}
