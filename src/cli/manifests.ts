import { inFile, objectOf, textOf, type NamedImage, type Problem } from '../core/model/index.ts';
import { extractImages, isWorkload, KUBERNETES_WORKLOADS } from '../core/workload/index.ts';
import type { ObjectKind, WorkloadTable } from '../core/workload/index.ts';
import type { Reading } from './ports.ts';

export interface ManifestImages {
  /** Empty when the manifest names no namespace. */
  readonly namespace: string;
  readonly images: readonly NamedImage[];
}

/** What a set of manifests asks to run, the namespaces among them, and everything that could not be read. */
export interface ManifestReading {
  readonly workloads: readonly ManifestImages[];
  readonly namespaces: Reading['documents'];
  /** Objects whose kind may run images and is not in the table, each with its file. */
  readonly notJudged: readonly string[];
  readonly problems: readonly Problem[];
}

type Resource = Readonly<Record<string, unknown>>;

/** Finds every image in manifests; kinds that run nothing are passed over, lists are opened. */
export function imagesOf(
  { documents, problems }: Reading,
  table: WorkloadTable = KUBERNETES_WORKLOADS,
): ManifestReading {
  const resources = documents.flatMap(({ origin, value }) => unfold(origin, value));
  const notJudged: string[] = [];
  const found: Problem[] = [...problems];
  const workloads: ManifestImages[] = [];
  for (const { origin, resource } of resources) {
    const kind = kindOf(resource);
    // Without both it is not known what it is, and it must not pass for an object that runs nothing.
    for (const field of ['apiVersion', 'kind'])
      if (textOf(resource[field]) === '') found.push({ path: `${origin}: ${field}`, message: 'is missing' });
    const metadata = objectOf(resource.metadata);
    const label = `${kind.kind}/${textOf(metadata.name)}`;
    if (!isWorkload(kind, table)) {
      if (mayRunImages(kind)) notJudged.push(`${origin}: ${textOf(resource.apiVersion)} ${label}`);
      continue;
    }
    const images = extractImages(resource, kind, table);
    if (!images.ok) {
      found.push(...inFile(origin, images.problems));
      continue;
    }
    const named = images.value.map((image) => ({ ...image, field: `${origin}: ${label} ${image.field}` }));
    workloads.push({ namespace: textOf(metadata.namespace), images: named });
  }
  const namespaces = resources
    .filter(({ resource }) => resource.kind === 'Namespace')
    .map(({ origin, resource }) => ({ origin, value: resource }));
  return { workloads, notJudged, namespaces, problems: found };
}

/**
 * The kinds without images in the groups of Kubernetes that have kinds with images, and in ours. Every other kind there is misspelled
 * (`apps/v1 Deploymnet`), in the wrong group (`v1 Deployment`), or of an API that servers no longer have (`extensions/v1beta1
 * Deployment`): it must not pass for one that runs nothing.
 */
const WITHOUT_IMAGES: Readonly<Record<string, readonly string[]>> = {
  '': [
    ...['Binding', 'ConfigMap', 'Endpoints', 'Event', 'LimitRange', 'Namespace', 'Node', 'PersistentVolume'],
    ...['PersistentVolumeClaim', 'ResourceQuota', 'Secret', 'Service', 'ServiceAccount'],
  ],
  apps: ['ControllerRevision'],
  batch: [],
  autoscaling: ['HorizontalPodAutoscaler', 'Scale'],
  extensions: ['Ingress', 'NetworkPolicy', 'PodSecurityPolicy'],
  policy: ['Eviction', 'PodDisruptionBudget', 'PodSecurityPolicy'],
  'pratique.dev': ['ImagePolicy', 'ImagePromotion', 'ImagePromotionRun', 'PromotionApproval'],
};
/** Groups of Kubernetes none of whose kinds runs images, e.g. `networking.k8s.io`. `x-k8s.io` is not among them: it has JobSets. */
const GROUP_WITHOUT_IMAGES = '.k8s.io';

function mayRunImages({ group, kind }: ObjectKind): boolean {
  const known = Object.hasOwn(WITHOUT_IMAGES, group) ? WITHOUT_IMAGES[group] : undefined;
  return known ? !known.includes(kind) : !group.endsWith(GROUP_WITHOUT_IMAGES);
}

function unfold(origin: string, value: unknown): readonly { origin: string; resource: Resource }[] {
  const resource = objectOf(value);
  if (textOf(resource.kind).endsWith('List') && Array.isArray(resource.items))
    return resource.items.flatMap((item, index) => unfold(`${origin} items[${index}]`, item));
  return [{ origin, resource }];
}

function kindOf({ apiVersion, kind }: Resource): ObjectKind {
  const [version = '', group = ''] = textOf(apiVersion).split('/', 2).reverse();
  return { group, version, kind: textOf(kind) };
}
