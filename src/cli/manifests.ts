import type { NamedImage, Problem } from '../core/model/index.ts';
import {
  extractImages,
  isWorkload,
  KUBERNETES_WORKLOADS,
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
  readonly problems: readonly Problem[];
}

type Resource = Readonly<Record<string, unknown>>;

/** Finds every image in manifests; kinds that run nothing are passed over, lists are opened. */
export function imagesOf(
  { documents, problems }: Reading,
  table: WorkloadTable = KUBERNETES_WORKLOADS,
): ManifestReading {
  const resources = documents.flatMap(({ origin, value }) => unfold(origin, value));
  const found: Problem[] = [...problems];
  const workloads: ManifestImages[] = [];
  for (const { origin, resource } of resources) {
    const kind = kindOf(resource);
    // Without both nobody can tell what it is, and it must not pass for something that runs nothing.
    for (const field of ['apiVersion', 'kind'])
      if (text(resource[field]) === '') found.push({ path: `${origin}: ${field}`, message: 'is missing' });
    if (!isWorkload(kind, table)) continue;
    const metadata = asResource(resource.metadata);
    const label = `${kind.kind}/${text(metadata.name)}`;
    const images = extractImages(resource, kind, table);
    if (!images.ok) {
      found.push(...images.problems.map(({ path, message }) => ({ path: `${origin}: ${path}`, message })));
      continue;
    }
    const named = images.value.map((image) => ({ ...image, field: `${origin}: ${label} ${image.field}` }));
    workloads.push({ namespace: text(metadata.namespace), images: named });
  }
  const namespaces = resources.filter(({ resource }) => resource.kind === 'Namespace');
  return {
    workloads,
    namespaces: {
      documents: namespaces.map(({ origin, resource }) => ({ origin, value: resource })),
      problems: [],
    },
    problems: found,
  };
}

function unfold(origin: string, value: unknown): readonly { origin: string; resource: Resource }[] {
  const resource = asResource(value);
  if (text(resource.kind).endsWith('List') && Array.isArray(resource.items)) {
    return resource.items.flatMap((item, index) => unfold(`${origin} items[${String(index)}]`, item));
  }
  return [{ origin, resource }];
}

function kindOf({ apiVersion, kind }: Resource) {
  const [group, version] = text(apiVersion).includes('/')
    ? text(apiVersion).split('/', 2)
    : ['', text(apiVersion)];
  return { group: group ?? '', version: version ?? '', kind: text(kind) };
}

function asResource(value: unknown): Resource {
  return typeof value === 'object' && value !== null ? (value as Resource) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
