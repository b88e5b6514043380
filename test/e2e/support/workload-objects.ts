/** An object for kubectl. */
export interface KubeManifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name: string };
  readonly [field: string]: unknown;
}

/** A kind with a pod spec, and a function that makes a valid object of it. */
export interface WorkloadKind {
  readonly kind: string;
  /** The path of the pod spec. */
  readonly path: string;
  readonly make: (name: string, podSpec: object) => KubeManifest;
}

const labels = { app: 'coverage' };
const selector = { matchLabels: labels };
const template = (spec: object) => ({ metadata: { labels }, spec });
const once = (spec: object) => template({ restartPolicy: 'Never', ...spec });

function kindOf(
  apiVersion: string,
  kind: string,
  path: string,
  body: (spec: object) => object,
): WorkloadKind {
  return {
    kind,
    path,
    make: (name, podSpec) => ({ apiVersion, kind, metadata: { name }, ...body(podSpec) }),
  };
}

const TEMPLATE = 'spec.template.spec';
const scaled =
  (more: object = {}) =>
  (spec: object) => ({
    spec: { replicas: 0, selector, template: template(spec), ...more },
  });

/** Every kind of Kubernetes with a pod spec; those with replicas have zero. */
export const WORKLOAD_KINDS: readonly WorkloadKind[] = [
  kindOf('v1', 'Pod', 'spec', (spec) => ({ spec })),
  kindOf('v1', 'PodTemplate', 'template.spec', (spec) => ({ template: template(spec) })),
  kindOf('v1', 'ReplicationController', TEMPLATE, scaled({ selector: labels })),
  kindOf('apps/v1', 'Deployment', TEMPLATE, scaled()),
  kindOf('apps/v1', 'ReplicaSet', TEMPLATE, scaled()),
  kindOf('apps/v1', 'StatefulSet', TEMPLATE, scaled({ serviceName: 'coverage' })),
  kindOf('apps/v1', 'DaemonSet', TEMPLATE, (spec) => ({ spec: { selector, template: template(spec) } })),
  kindOf('batch/v1', 'Job', TEMPLATE, (spec) => ({ spec: { suspend: true, template: once(spec) } })),
  kindOf('batch/v1', 'CronJob', 'spec.jobTemplate.spec.template.spec', (spec) => ({
    spec: { schedule: '0 3 * * *', suspend: true, jobTemplate: { spec: { template: once(spec) } } },
  })),
];

/** Every place of a pod spec that holds an image in a new object; `good` fills the required places. */
export const IMAGE_PLACES: readonly {
  readonly place: string;
  readonly field: string;
  readonly podSpec: (image: string, good: string) => object;
}[] = [
  {
    place: 'a container',
    field: 'containers[1].image',
    podSpec: (image, good) => ({
      containers: [
        { name: 'web', image: good },
        { name: 'side', image },
      ],
    }),
  },
  {
    place: 'an init container',
    field: 'initContainers[0].image',
    podSpec: (image, good) => ({
      containers: [{ name: 'web', image: good }],
      initContainers: [{ name: 'init', image }],
    }),
  },
  {
    place: 'a sidecar',
    field: 'initContainers[0].image',
    podSpec: (image, good) => ({
      containers: [{ name: 'web', image: good }],
      initContainers: [{ name: 'proxy', image, restartPolicy: 'Always' }],
    }),
  },
  {
    place: 'an image volume',
    field: 'volumes[0].image.reference',
    podSpec: (image, good) => ({
      containers: [{ name: 'web', image: good }],
      volumes: [{ name: 'model', image: { reference: image } }],
    }),
  },
];

/** A pod spec of one container. */
export function oneContainer(image: string): object {
  return { containers: [{ name: 'web', image }] };
}

/** The kind of this name. */
export function kindNamed(name: string): WorkloadKind {
  const kind = WORKLOAD_KINDS.find((each) => each.kind === name);
  if (kind === undefined) throw new Error(`no kind ${name}`);
  return kind;
}

/** A Pod of one container. */
export function pod(name: string, image: string, metadata: object = {}): KubeManifest {
  return { ...kindNamed('Pod').make(name, oneContainer(image)), metadata: { name, ...metadata } };
}

/** A Deployment of one container, with the label `app` of its name. */
export function deployment(name: string, image: string, replicas: number): KubeManifest {
  const own = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: own },
      template: { metadata: { labels: own }, spec: oneContainer(image) },
    },
  };
}
