import pLimit from 'p-limit';
import { Fault, type Clock, isObject, textOf } from '../../core/model/index.ts';
import {
  canariesOf,
  judgeCanaries,
  NO_POD,
  readCanary,
  unansweredCanary,
  type Canary,
  type CanaryOutcome,
  type RunningPod,
  type SelfTestVerdict,
  type CanaryAnswer,
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
    ...(custom.ok && { custom: custom.value }),
    ...(pod.ok && pod.value && { pod: pod.value }),
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

/** A resource as it stands in URLs. */
interface CanaryResource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

/** Nothing of the self-test is ever stored. */
interface DryRun {
  readonly dryRun: true;
  readonly signal: AbortSignal;
}

/** What canaries are sent through. A *no* is a value; a broken connection is thrown as a `Fault`. */
export interface CanaryPorts {
  readonly create: (
    collection: { readonly resource: CanaryResource; readonly namespace: string },
    object: object,
    options: DryRun,
  ) => Promise<CanaryAnswer>;
  /** A JSON merge patch of a subresource. */
  readonly patch: (
    address: {
      readonly resource: CanaryResource;
      readonly namespace: string;
      readonly name: string;
      readonly subresource: string;
    },
    patch: object,
    options: DryRun,
  ) => Promise<CanaryAnswer>;
  /** A pod in a namespace that the webhook covers, this one if it has any; `undefined` when there is none. */
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

/** Reads one page of a collection, as the API server has it. */
type ListPage = (
  collection: {
    readonly resource: { readonly group: string; readonly version: string; readonly plural: string };
    readonly namespace?: string;
  },
  page: { readonly limit: number },
  signal: AbortSignal,
) => Promise<{ readonly items: readonly unknown[] }>;

/** Pods examined to find one for the canary. */
const LOOK_AT_PODS = 100;
/** More custom resources than any cluster has. */
const MAX_DEFINITIONS = 5_000;
/** The kubelet's own pods take no ephemeral container. */
const MIRROR = 'kubernetes.io/config.mirror';

/**
 * Finds a pod for the canary among ephemeral containers: in the given namespace, else in any that `covers` names. Needs
 * the right to list pods; a caller that gives `covers` must also have the right to patch ephemeral containers there.
 */
export function podFinder({
  list,
  covers,
}: {
  readonly list: ListPage;
  /** Whether another namespace will do; absent = none, as the rights of the chart end at the one of the self-test. */
  readonly covers?: (namespace: string) => boolean;
}): (namespace: string, signal: AbortSignal) => Promise<RunningPod | undefined> {
  const resource = { group: '', version: 'v1', plural: 'pods' };
  const page = { limit: LOOK_AT_PODS };
  return async (namespace, signal) => {
    const near = await list({ resource, namespace }, page, signal);
    const found = near.items.flatMap((item) => podOf(item) ?? [])[0];
    if (found || !covers) return found;
    const { items } = await list({ resource }, page, signal);
    return items.flatMap((item) => podOf(item) ?? []).find((pod) => covers(pod.namespace));
  };
}

/** Finds the resources of the custom kinds that the settings name; kinds that the cluster does not have are left out. */
export function customKindFinder({
  list,
  kinds,
}: {
  readonly list: ListPage;
  readonly kinds: readonly { readonly apiGroup: string; readonly kind: string; readonly podSpec: string }[];
}): (signal: AbortSignal) => Promise<readonly CanaryKind[]> {
  const resource = { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' };
  return async (signal) => {
    if (kinds.length === 0) return [];
    const { items } = await list({ resource }, { limit: MAX_DEFINITIONS }, signal);
    return kinds.flatMap(({ apiGroup, kind, podSpec }) => {
      const found = items.flatMap((item) => definitionOf(item) ?? []);
      const one = found.find((definition) => definition.group === apiGroup && definition.kind === kind);
      return one ? [{ ...one, podSpec }] : [];
    });
  };
}

function podOf(item: unknown): RunningPod | undefined {
  if (!isObject(item) || !isObject(item.metadata) || !isObject(item.spec)) return undefined;
  if (!takesContainers(item.metadata) || hasEnded(item.status)) return undefined;
  const { ephemeralContainers } = item.spec;
  return {
    namespace: textOf(item.metadata.namespace),
    name: textOf(item.metadata.name),
    ephemeralContainers: Array.isArray(ephemeralContainers) ? ephemeralContainers : [],
  };
}

function takesContainers({ deletionTimestamp, annotations }: Readonly<Record<string, unknown>>): boolean {
  return deletionTimestamp === undefined && !(isObject(annotations) && MIRROR in annotations);
}

function hasEnded(status: unknown): boolean {
  return isObject(status) && (status.phase === 'Succeeded' || status.phase === 'Failed');
}

function definitionOf(item: unknown): Omit<CanaryKind, 'podSpec'> | undefined {
  if (!isObject(item) || !isObject(item.spec) || !isObject(item.spec.names)) return undefined;
  const { group, names, versions } = item.spec;
  const served = (Array.isArray(versions) ? versions : [])
    .filter(isObject)
    .find(({ storage }) => storage === true);
  return {
    group: textOf(group),
    kind: textOf(names.kind),
    plural: textOf(names.plural),
    version: textOf(served?.name),
  };
}
