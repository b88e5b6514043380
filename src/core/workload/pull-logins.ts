import { parsed, problem, type Parsed, isObject } from '../model/index.ts';
import { listAt, textAt, type Fields, podSpecOf } from './pod-spec.ts';
import { KUBERNETES_WORKLOADS, workloadOf, type ObjectKind, type WorkloadTable } from './kinds.ts';

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
  const spec = podSpecOf(object, workload);
  if (!spec.ok) return spec;
  const path = workload.podSpec.join('.');
  const names = secretNames(spec.value ?? {}, `${path}.imagePullSecrets`);
  const account = accountOf(spec.value ?? {}, path);
  if (!names.ok) return names;
  if (!account.ok) return account;
  return parsed({ pullSecrets: names.value, serviceAccount: account.value });
}

function secretNames(spec: Fields, path: string): Parsed<readonly string[]> {
  const entries = listAt(spec, 'imagePullSecrets', path);
  if (!entries.ok) return entries;
  const names = new Set<string>();
  for (const [index, entry] of entries.value.entries()) {
    const at = `${path}[${index}]`;
    if (!isObject(entry)) return problem(at, 'is not an object');
    const name = textAt(entry, 'name', `${at}.name`);
    if (!name.ok) return name;
    if (name.value !== '') names.add(name.value);
    if (names.size > MAX_PULL_SECRETS) return problem(path, `names more than ${MAX_PULL_SECRETS} secrets`);
  }
  return parsed([...names]);
}

function accountOf(spec: Fields, path: string): Parsed<string> {
  const name = textAt(spec, 'serviceAccountName', `${path}.serviceAccountName`);
  if (!name.ok || name.value !== '') return name;
  const old = textAt(spec, 'serviceAccount', `${path}.serviceAccount`);
  return old.ok ? parsed(old.value === '' ? DEFAULT_SERVICE_ACCOUNT : old.value) : old;
}
