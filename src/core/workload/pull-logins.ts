import { isObject, parsed, problem, type Parsed } from '../model/index.ts';
import { KUBERNETES_WORKLOADS, workloadOf, type ObjectKind, type WorkloadTable } from './kinds.ts';
import { listAt, podSpecOf, textAt, type Fields } from './kinds.ts';

/** With what the kubelet would pull the images of an object: names of Secrets and of a ServiceAccount, in its namespace. */
export interface PullLogins {
  /** Each once, in the order written; what the ServiceAccount adds is not among them. */
  readonly pullSecrets: readonly string[];
  readonly serviceAccount: string;
}

/** Most pull secrets an object may name: each costs a read at the API server, and no real object needs more. */
export const MAX_PULL_SECRETS = 64;

/** The ServiceAccount of a pod that names none. */
const DEFAULT_SERVICE_ACCOUNT = 'default';

/**
 * The pull secrets and the ServiceAccount that the pod spec of an object names. Reads as the API server does: an entry
 * without a name is none, `serviceAccount` is the old word for `serviceAccountName`. Whatever cannot be read is a problem
 * with its field path, and so are more than {@link MAX_PULL_SECRETS} secrets.
 */
export function pullSecretsOf(
  object: unknown,
  kind: ObjectKind,
  table: WorkloadTable = KUBERNETES_WORKLOADS,
): Parsed<PullLogins> {
  const workload = workloadOf(kind, table);
  if (workload === undefined) return parsed({ pullSecrets: [], serviceAccount: DEFAULT_SERVICE_ACCOUNT });
  const read = podSpecOf(object, workload);
  if (!read.ok) return read;
  const spec = read.value ?? {};
  const path = workload.podSpec.join('.');
  const names = secretNames(spec, path);
  if (!names.ok) return names;
  const account = textAt(spec, 'serviceAccountName', path);
  const used = account.ok && account.value === '' ? textAt(spec, 'serviceAccount', path) : account;
  if (!used.ok) return used;
  return parsed({ pullSecrets: names.value, serviceAccount: used.value || DEFAULT_SERVICE_ACCOUNT });
}

function secretNames(spec: Fields, podSpec: string): Parsed<readonly string[]> {
  const path = `${podSpec}.imagePullSecrets`;
  const entries = listAt(spec, 'imagePullSecrets', podSpec);
  if (!entries.ok) return entries;
  const names = new Set<string>();
  for (const [index, entry] of entries.value.entries()) {
    const at = `${path}[${index}]`;
    if (!isObject(entry)) return problem(at, 'is not an object');
    const name = textAt(entry, 'name', at);
    if (!name.ok) return name;
    if (name.value !== '') names.add(name.value);
    if (names.size > MAX_PULL_SECRETS) return problem(path, `names more than ${MAX_PULL_SECRETS} secrets`);
  }
  return parsed([...names]);
}
