import { type NamedImage, type Problem, objectOf, textOf } from '../core/model/index.ts';
import {
  extractImages,
  isKustomization,
  isWorkload,
  KUBERNETES_WORKLOADS,
  type ObjectKind,
  type WorkloadTable,
} from '../core/workload/index.ts';
import type { Reading } from './ports.ts';

/** The images of one manifest and where it would run. */
export interface ManifestImages {
  /** Empty when the manifest names no namespace. */
  readonly namespace: string;
  readonly images: readonly NamedImage[];
}

/** What a set of manifests asks to run, the namespaces among them, and everything that could not be read. */
export interface ManifestReading {
  readonly workloads: readonly ManifestImages[];
  readonly namespaces: Reading;
  /** Objects of custom kinds that the table does not know, each with its file. */
  readonly notJudged: readonly string[];
  readonly problems: readonly Problem[];
}

type Resource = Readonly<Record<string, unknown>>;

/** Finds every image in manifests; kinds that run nothing are passed over, lists are opened. */
export function imagesOf(
  { documents, problems }: Reading,
  table: WorkloadTable = KUBERNETES_WORKLOADS,
): ManifestReading {
  const resources = documents
    .filter(({ origin }) => !isKustomization(origin))
    .flatMap(({ origin, value }) => unfold(origin, value));
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
      found.push(...images.problems.map(({ path, message }) => ({ path: `${origin}: ${path}`, message })));
      continue;
    }
    const named = images.value.map((image) => ({ ...image, field: `${origin}: ${label} ${image.field}` }));
    workloads.push({ namespace: textOf(metadata.namespace), images: named });
  }
  const namespaces = resources.filter(({ resource }) => resource.kind === 'Namespace');
  return {
    workloads,
    notJudged,
    namespaces: {
      documents: namespaces.map(({ origin, resource }) => ({ origin, value: resource })),
      problems: [],
    },
    problems: found,
  };
}

/** Groups of Kubernetes; its kinds that run images are all in the table. */
const KUBERNETES_GROUP = /^(?:|apps|batch|autoscaling|policy|.+\.k8s\.io)$/;
/** Kinds of the first workload API, which API servers no longer have: they are not in the table. */
const OLD_WORKLOADS = ['Deployment', 'DaemonSet', 'ReplicaSet'];

function mayRunImages({ group, kind }: ObjectKind): boolean {
  if (group === 'extensions') return OLD_WORKLOADS.includes(kind);
  return !KUBERNETES_GROUP.test(group) && group !== 'pratique.dev';
}

function unfold(origin: string, value: unknown): readonly { origin: string; resource: Resource }[] {
  const resource = objectOf(value);
  if (textOf(resource.kind).endsWith('List') && Array.isArray(resource.items)) {
    return resource.items.flatMap((item, index) => unfold(`${origin} items[${String(index)}]`, item));
  }
  return [{ origin, resource }];
}

function kindOf({ apiVersion, kind }: Resource): ObjectKind {
  const [group, version] = textOf(apiVersion).includes('/')
    ? textOf(apiVersion).split('/', 2)
    : ['', textOf(apiVersion)];
  return { group: group ?? '', version: version ?? '', kind: textOf(kind) };
}
