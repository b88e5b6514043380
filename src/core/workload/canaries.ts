import { KUBERNETES_WORKLOADS, type Fields } from './kinds.ts';
import { RESOURCES } from './resources.ts';

/** The repository of canaries: `.invalid` belongs to no one (RFC 6761), so no canary can ever be pulled or read. */
const CANARY_REPOSITORY = 'self-test.pratique.invalid/canary';
/** Name of the built-in policy that refuses canaries. */
export const CANARY_POLICY = 'pratique-self-test';

/**
 * The built-in ImagePolicy that refuses canaries, as a document: by repository and with no one who may release them, so
 * that no registry is read. It has to be in force first among the policies of a cluster.
 */
export const CANARY_POLICY_DOCUMENT: Fields = {
  apiVersion: 'pratique.dev/v1alpha1',
  kind: 'ImagePolicy',
  metadata: { name: CANARY_POLICY },
  spec: {
    match: { images: ['self-test.pratique.invalid/**'] },
    enforcement: 'Deny',
    onUnknown: 'Deny',
    require: { quarantine: { images: ['self-test.pratique.invalid/**'] } },
  },
};

/** A pod that runs, for the canary among ephemeral containers. */
export interface RunningPod {
  readonly namespace: string;
  readonly name: string;
  /** `spec.ephemeralContainers` as it is: a patch has to keep them. */
  readonly ephemeralContainers: readonly unknown[];
}

/** One thing to send as a server-side dry run, with what a refusal of it has to name. */
export interface Canary {
  /** E.g. `Pod initContainers`, for people and as a key. */
  readonly id: string;
  readonly kind: string;
  readonly path: CanaryPath;
  readonly resource: { readonly group: string; readonly version: string; readonly plural: string };
  readonly namespace: string;
  /** The field whose image must be refused. */
  readonly field: string;
  readonly image: string;
  /** Whether the kind is one from the settings; its other required fields are not known here. */
  readonly custom: boolean;
  readonly write:
    | { readonly how: 'create'; readonly object: Fields }
    /** A JSON merge patch of a subresource. */
    | { readonly how: 'patch'; readonly name: string; readonly subresource: string; readonly patch: Fields };
}

interface CanaryQuestion {
  readonly namespace: string;
  /** 64 hexadecimal digits, new for each run: what some cache remembers about an older one proves nothing. */
  readonly hex: string;
  readonly custom?: readonly CanaryKind[];
  readonly pod?: RunningPod;
}

/**
 * One canary for each kind (the image in a plain container), for each container path in a pod and in a template, and, if
 * there is a pod to try on, for its ephemeral containers. Every object is valid and complies with PodSecurity `restricted`.
 */
export function canariesOf(question: CanaryQuestion): readonly Canary[] {
  const { hex, custom = [], pod } = question;
  const both = ['Pod', 'Job'].flatMap((name) => KUBERNETES_KINDS.filter(({ kind }) => kind === name));
  const paths = ['initContainers', 'sidecar', 'volumes'] as const;
  return [
    ...[...KUBERNETES_KINDS, ...custom].map((kind) => creation(question, kind, 'containers')),
    ...both.flatMap((kind) => paths.map((path) => creation(question, kind, path))),
    ...(pod ? [debugging(pod, imageOf(hex))] : []),
  ];
}

function imageOf(hex: string): string {
  return `${CANARY_REPOSITORY}@sha256:${hex}`;
}

function creation({ namespace, hex, custom = [] }: CanaryQuestion, from: CanaryKind, path: PodPath): Canary {
  const { group, version, kind, plural, podSpec } = from;
  const image = imageOf(hex);
  const steps = podSpec.split('.');
  const fields = steps.reduceRight<Fields>(
    (inner, step, depth) => wrap(step, inner, { kind, parent: steps[depth - 1] }),
    canaryPodSpec(path, image, kind),
  );
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const metadata = { name: CANARY_POLICY, namespace, labels: CANARY_LABELS };
  return {
    id: `${kind} ${path}`,
    kind,
    path,
    resource: { group, version, plural },
    namespace,
    field: `${podSpec}.${canaryField(path)}`,
    image,
    custom: custom.includes(from),
    write: { how: 'create', object: { apiVersion, kind, metadata, ...fields } },
  };
}

function debugging({ namespace, name, ephemeralContainers }: RunningPod, image: string): Canary {
  const container = canaryContainer(`canary-${image.slice(-8)}`, image);
  const patch = { spec: { ephemeralContainers: [...ephemeralContainers, container] } };
  return {
    id: 'Pod ephemeralContainers',
    kind: 'Pod',
    path: 'ephemeralContainers',
    resource: RESOURCES.pods,
    namespace,
    field: `spec.ephemeralContainers[${ephemeralContainers.length}].image`,
    image,
    custom: false,
    write: { how: 'patch', name, subresource: 'ephemeralcontainers', patch },
  };
}

/** How the canary's image is used; `sidecar` is an init container that keeps running. */
type CanaryPath = PodPath | 'ephemeralContainers';
/** Those that an object can be created with. */
type PodPath = 'containers' | 'initContainers' | 'sidecar' | 'volumes';

/**
 * The other container of a template whose canary is no plain container: an API server accepts a blank image in a template,
 * and a blank image is not judged. So only the canary's image can be refused there.
 */
const BLANK_IMAGE = ' ';

/** Complies with the strictest profile of PodSecurity, so that only the webhook has a reason to refuse it. */
const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};

/** A container that complies with every profile of PodSecurity. */
function canaryContainer(name: string, image: string): Fields {
  return { name, image, imagePullPolicy: 'IfNotPresent', securityContext: RESTRICTED };
}

/** A pod spec with the image in one place, and the container that any pod of this kind needs. */
function canaryPodSpec(path: PodPath, image: string, kind: string): Fields {
  const restartPolicy = ENDING.has(kind) ? 'Never' : 'Always';
  const securityContext = { runAsNonRoot: true, seccompProfile: RESTRICTED.seccompProfile };
  const spec = { automountServiceAccountToken: false, restartPolicy, securityContext };
  const canary = canaryContainer('canary', image);
  // A pod takes no blank image: there the other container is a canary too, and the refusal has to name the field.
  const companion = canaryContainer('companion', kind === 'Pod' ? image : BLANK_IMAGE);
  const mount = { name: 'canary', mountPath: '/canary', readOnly: true };
  const volume = { name: 'canary', image: { reference: image, pullPolicy: 'IfNotPresent' } };
  const places: Readonly<Record<PodPath, Fields>> = {
    containers: { containers: [canary] },
    initContainers: { initContainers: [canary], containers: [companion] },
    sidecar: { initContainers: [{ ...canary, restartPolicy: 'Always' }], containers: [companion] },
    volumes: { volumes: [volume], containers: [{ ...companion, volumeMounts: [mount] }] },
  };
  return { ...spec, ...places[path] };
}

function canaryField(path: CanaryPath): string {
  if (path === 'volumes') return 'volumes[0].image.reference';
  return `${path === 'sidecar' ? 'initContainers' : path}[0].image`;
}

/** A kind of the cluster, with the name of its resource and where its pod spec stands. */
export interface CanaryKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  /** Steps with dots between, e.g. `spec.template.spec`. */
  readonly podSpec: string;
}

/** Kinds whose pods end; those of all others run until they are deleted. */
const ENDING: ReadonlySet<string> = new Set(['Pod', 'Job', 'CronJob']);
/** What else these kinds demand, in their `spec`. */
const DEMANDS: Readonly<Record<string, Fields>> = {
  CronJob: { schedule: '0 0 1 1 *', suspend: true },
  StatefulSet: { serviceName: 'pratique-self-test' },
};
const CANARY_LABELS = { 'pratique.dev/self-test': 'canary' };
/** Kinds that have no selector, or make their own. */
const SELECTS_ITSELF: ReadonlySet<string> = new Set(['Pod', 'PodTemplate', 'Job', 'CronJob']);

/** Every kind of Kubernetes that carries a pod spec, with its resource. */
export const KUBERNETES_KINDS: readonly CanaryKind[] = [...KUBERNETES_WORKLOADS].map(
  ([
    key,
    {
      podSpecs: [podSpec = []],
    },
  ]) => {
    const [group = '', kind = ''] = key.split('/');
    return { group, version: 'v1', kind, plural: `${kind.toLowerCase()}s`, podSpec: podSpec.join('.') };
  },
);

/** One level of the object around what is inside, with what the level demands besides. */
function wrap(
  step: string,
  inner: Fields,
  { kind, parent }: { readonly kind: string; readonly parent: string | undefined },
): Fields {
  if (step === 'spec' && parent === undefined) return { spec: { ...DEMANDS[kind], ...inner } };
  if (step !== 'template') return { [step]: inner };
  const template = { metadata: { labels: CANARY_LABELS }, ...inner };
  if (SELECTS_ITSELF.has(kind)) return { template };
  return {
    selector: kind === 'ReplicationController' ? CANARY_LABELS : { matchLabels: CANARY_LABELS },
    template,
  };
}
