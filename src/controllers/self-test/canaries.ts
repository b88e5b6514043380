import pLimit from 'p-limit';
import type { Cluster, KubeObject } from '../../clients/kubernetes/index.ts';
import { Fault, listOf, objectOf, textOf, type Clock } from '../../core/model/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import {
  canariesOf,
  judgeCanaries,
  NO_POD,
  RESOURCES,
  readCanary,
  unansweredCanary,
  type Canary,
  type CanaryOutcome,
  type RunningPod,
  type SelfTestVerdict,
  type CanaryKind,
} from '../../core/workload/index.ts';

/** Canaries under way at a time: enough to be done soon, few enough that admissions do not notice. */
const CONCURRENCY = 3;
/** One canary in milliseconds: the longest timeout a webhook can have, and a little for the way. */
const CANARY_MS = 32_000;
/** A whole run in milliseconds: an API server that answers this slowly gives no proof. */
const RUN_MS = 120_000;

/**
 * Sends every canary once, as a server-side dry run, and says what the answers prove. Never throws for anything the API
 * server does; ends in two minutes at the latest, and at once when the signal aborts.
 */
export async function tryCanaries(
  ports: CanaryPorts,
  { namespace, signal }: { readonly namespace: string; readonly signal: AbortSignal },
): Promise<SelfTestVerdict> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(RUN_MS)]);
  const limit = pLimit(CONCURRENCY);
  const [pod, custom] = await Promise.all([
    attempt(() => ports.findPod(namespace, within), ports),
    attempt(async () => ports.customKinds?.(within) ?? [], ports),
  ]);
  const canaries = canariesOf({
    namespace,
    hex: ports.hex(),
    custom: custom.ok ? custom.value : undefined,
    pod: pod.ok ? pod.value : undefined,
  });
  const outcomes = await Promise.all(canaries.map((canary) => limit(() => tryCanary(canary, ports, within))));
  const kinds = custom.ok ? [] : [unansweredCanary({ id: 'custom kinds' }, custom.why)];
  return judgeCanaries([...outcomes, ...podOutcome(pod), ...kinds]);
}

type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

function podOutcome(pod: Attempt<RunningPod | undefined>): readonly CanaryOutcome[] {
  if (!pod.ok) return [unansweredCanary(NO_POD, pod.why)];
  return pod.value ? [] : [NO_POD];
}

async function tryCanary(canary: Canary, ports: CanaryPorts, within: AbortSignal): Promise<CanaryOutcome> {
  const { resource, namespace, write } = canary;
  const signal = AbortSignal.any([within, AbortSignal.timeout(CANARY_MS)]);
  const options = { dryRun: true, signal } as const;
  const answer = await attempt(() => {
    if (write.how === 'create') return ports.create({ resource, namespace }, write.object, options);
    const { name, subresource } = write;
    return ports.patch({ resource, namespace, name, subresource }, write.patch, options);
  }, ports);
  return answer.ok ? readCanary(canary, answer.value) : unansweredCanary(canary, answer.why);
}

/** A broken connection proves nothing; a bug is also reported. */
async function attempt<T>(work: () => Promise<T>, { report }: CanaryPorts): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (error instanceof Fault) return { ok: false, why: error.message };
    report(error);
    return { ok: false, why: 'Pratique failed; its log says how' };
  }
}

/** What canaries are sent through. */
export interface CanaryPorts extends Pick<Cluster, 'create' | 'patch'> {
  /** A pod in this namespace; `undefined` when there is none. */
  readonly findPod: (namespace: string, signal: AbortSignal) => Promise<RunningPod | undefined>;
  /** The custom kinds of the settings that the cluster has; absent = none are tried. */
  readonly customKinds?: (signal: AbortSignal) => Promise<readonly CanaryKind[]>;
  /** 64 hexadecimal digits by chance. */
  readonly hex: () => string;
  /** Receives errors that are no broken connection: bugs. */
  readonly report: (error: unknown) => void;
}

/** What is known about whether enforcement is on; `at` is the moment the last run ended. */
export type SelfTestResult =
  | { readonly state: 'not run yet'; readonly canaries: readonly [] }
  | (SelfTestVerdict & { readonly at: Date });

/** What the self-test needs to go on by itself. */
export interface SelfTestPorts extends CanaryPorts {
  readonly clock: Clock;
  /** A number from 0 to 1 by chance. */
  readonly random: () => number;
  /** Called when the state or the outcome of any canary changes, and after the first run. */
  readonly onChange: (result: SelfTestResult, previous: SelfTestResult) => void;
}

/** Pods examined to find one for the canary. */
const LOOK_AT_PODS = 100;
/** More custom resources than any cluster has. */
const MAX_DEFINITIONS = 5_000;
/** The kubelet's own pods take no ephemeral container. */
const MIRROR = 'kubernetes.io/config.mirror';

/** Finds a pod of a namespace for the canary among ephemeral containers. Needs the right to list pods there. */
export function podFinder({ list }: Pick<Cluster, 'list'>): CanaryPorts['findPod'] {
  return async (namespace, signal) => {
    const page = { limit: LOOK_AT_PODS };
    const { items } = await list({ resource: RESOURCES.pods, namespace }, page, signal);
    return items.flatMap((item) => podOf(item) ?? [])[0];
  };
}

/** Finds the resources of the custom kinds that the settings name; kinds that the cluster does not have are left out. */
export function customKindFinder({
  list,
  kinds,
}: {
  readonly list: Cluster['list'];
  readonly kinds: Settings['workloadKinds'];
}): (signal: AbortSignal) => Promise<readonly CanaryKind[]> {
  const resource = RESOURCES.definitions;
  return async (signal) => {
    if (kinds.length === 0) return [];
    const { items } = await list({ resource }, { limit: MAX_DEFINITIONS }, signal);
    const found = items.map(definitionOf);
    return kinds.flatMap(({ apiGroup, kind, podSpec }) => {
      const one = found.find((definition) => definition.group === apiGroup && definition.kind === kind);
      // What else an object with a wildcard or a bare image needs, only its own schema knows.
      return one && podSpec !== undefined && !podSpec.includes('*') ? [{ ...one, podSpec }] : [];
    });
  };
}

function podOf({ metadata, spec, status }: KubeObject): RunningPod | undefined {
  const { namespace = '', name, deletionTimestamp, annotations = {} } = metadata;
  const { phase } = objectOf(status);
  const hasEnded = phase === 'Succeeded' || phase === 'Failed';
  if (deletionTimestamp !== undefined || MIRROR in annotations || hasEnded) return undefined;
  return { namespace, name, ephemeralContainers: listOf(objectOf(spec).ephemeralContainers) };
}

function definitionOf({ spec }: KubeObject): Omit<CanaryKind, 'podSpec'> {
  const { group, names, versions } = objectOf(spec);
  const { kind, plural } = objectOf(names);
  const stored = listOf(versions)
    .map(objectOf)
    .find(({ storage }) => storage === true);
  return { group: textOf(group), kind: textOf(kind), plural: textOf(plural), version: textOf(stored?.name) };
}
