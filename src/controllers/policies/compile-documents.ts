import {
  parsed,
  type Fact,
  type Parsed,
  type Problem,
  objectOf,
  textOf,
  inFile,
} from '../../core/model/index.ts';
import { isKustomization } from '../../core/workload/index.ts';
import {
  compilePolicy,
  type CompiledPolicy,
  type Labels,
  type MaterialRef,
  type TrustRoots,
  type FolderPolicies,
} from '../../core/policy/index.ts';

/**
 * Resources, each with where it came from (`policies/production.yaml#2`), and what could not be read: a broken file never means
 * "no policy".
 */
export interface PolicyReading {
  readonly documents: readonly { readonly origin: string; readonly value: unknown }[];
  readonly problems: readonly Problem[];
}

/** A trust root that policies use besides the public-good one. */
export interface RootInUse {
  /** Where it came from, e.g. `ConfigMap sigstore-root/trusted_root.json`. */
  readonly source: string;
  readonly fingerprint: string;
  readonly since: Date;
}

/** Everything a folder of resources says, compiled. */
export interface PolicySet extends FolderPolicies {
  readonly roots: readonly RootInUse[];
}

/**
 * Compiles every ImagePolicy among the documents, with the Secrets and ConfigMaps among them as key material and the
 * Namespaces as labels. Lists all problems of all documents, each as `file: field`. What is applied together with policies and
 * is none (promotions, their accounts and roles, kustomization.yaml) is passed over. Other kinds are a problem: a misspelled kind
 * must not quietly mean "no policy". So are two of one name: neither may silently win. Only a Namespace
 * may come again, the last one counts.
 */
export function compileDocuments(
  { documents, problems: unread }: PolicyReading,
  { now, roots }: { readonly now: Date; readonly roots: TrustRoots },
): Parsed<PolicySet> {
  const resources = documents
    .filter((document) => !isKustomization(document))
    .map(({ origin, value }) => ({ origin, resource: objectOf(value) }))
    .filter(({ resource }) => !isPassedOver(resource));
  const problems = [...unread, ...resources.flatMap(({ origin, resource }) => unknownKind(origin, resource))];
  const all = resources.map(({ resource }) => resource);
  const material = materialOf(all);
  const used = new Map<string, RootInUse>();
  const noted = noting(roots, now, (root) => used.set(root.source, root));
  const policies: CompiledPolicy[] = [];
  const seen = new Map<string, string>();
  for (const { origin, resource } of resources.filter(({ resource }) => resource.kind !== 'Namespace')) {
    const name = textOf(objectOf(resource.metadata).name);
    const named = `${textOf(resource.kind)}/${name}`;
    const twin = seen.get(named);
    if (twin !== undefined)
      problems.push({ path: `${origin}: metadata.name`, message: `"${name}" is also in ${twin}` });
    if (name !== '') seen.set(named, origin);
    if (resource.kind !== 'ImagePolicy') continue;
    const compiled = compilePolicy(resource, { material, roots: noted });
    if (compiled.ok) policies.push(compiled.value);
    else problems.push(...inFile(origin, compiled.problems));
  }
  if (problems.length > 0) return { ok: false, problems };
  const namespaceLabels = labelsOf(all, now);
  return parsed({ policies, roots: [...used.values()], namespaceLabels });
}

/** The same roots; the ones that are read are noted. */
export function noting(roots: TrustRoots, now: Date, note: (root: RootInUse) => unknown): TrustRoots {
  return {
    ...roots,
    read: (json, source) => {
      const root = roots.read(json, source);
      if (root.ok) note({ source, fingerprint: root.value.fingerprint, since: now });
      return root;
    },
  };
}

type Resource = Readonly<Record<string, unknown>>;

const KINDS: ReadonlySet<unknown> = new Set(['ImagePolicy', 'Secret', 'ConfigMap', 'Namespace']);

/** Group → kinds that are applied from the same folder and say nothing about policies. */
const PASSED_OVER: Readonly<Record<string, readonly string[]>> = {
  'pratique.dev': ['ImagePromotion', 'ImagePromotionRun', 'PromotionApproval'],
  'kustomize.config.k8s.io': ['Component'],
  'rbac.authorization.k8s.io': ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'],
  '': ['ServiceAccount'],
};

function isPassedOver({ apiVersion, kind }: Resource): boolean {
  const [group, version] = textOf(apiVersion).split('/');
  return PASSED_OVER[version === undefined ? '' : (group ?? '')]?.includes(textOf(kind)) === true;
}

function unknownKind(origin: string, { kind, apiVersion }: Resource): readonly Problem[] {
  if (kind === undefined) return [{ path: `${origin}: kind`, message: 'is missing' }];
  if (KINDS.has(kind)) return [];
  const what = `${textOf(apiVersion)} ${textOf(kind)}`.trim();
  return [{ path: `${origin}: kind`, message: `"${what}" is none of ${[...KINDS].join(', ')}` }];
}

function materialOf(resources: readonly Resource[]): (ref: MaterialRef) => string | undefined {
  return ({ kind, name, key }) => {
    const object = resources.find((one) => one.kind === kind && objectOf(one.metadata).name === name);
    const plain = objectOf(kind === 'Secret' ? object?.stringData : object?.data)[key];
    if (typeof plain === 'string') return plain;
    const encoded = kind === 'Secret' ? objectOf(object?.data)[key] : undefined;
    return typeof encoded === 'string' ? Buffer.from(encoded, 'base64').toString('utf8') : undefined;
  };
}

function labelsOf(resources: readonly Resource[], now: Date): (namespace: string) => Fact<Labels> {
  const byName = new Map(
    resources
      .filter(({ kind }) => kind === 'Namespace')
      .map(({ metadata }) => [textOf(objectOf(metadata).name), labels(objectOf(metadata))]),
  );
  return (namespace) => {
    const value = byName.get(namespace);
    if (value) return { state: 'found', value, seenAt: now };
    const detail =
      namespace === '' ? 'no namespace is named' : `no Namespace document describes "${namespace}"`;
    return { state: 'unknown', reason: { code: 'NamespaceUnknown', detail }, transient: false };
  };
}

function labels(metadata: Resource): Labels {
  const own = Object.entries(objectOf(metadata.labels)).map(([key, value]) => [key, textOf(value)] as const);
  // The API server sets this one on every namespace.
  return { 'kubernetes.io/metadata.name': textOf(metadata.name), ...Object.fromEntries(own) };
}
