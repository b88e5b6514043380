import { isObject, parsed, problem, type Parsed } from '../model/index.ts';
import { KUBERNETES_WORKLOADS, workloadOf, type ObjectKind, type WorkloadTable } from './kinds.ts';
import { listAt, podSpecsOf, textAt, type Fields } from './kinds.ts';

/** With what the kubelet would pull the images of an object: names of Secrets and of a ServiceAccount, in its namespace. */
export interface PullLogins {
  /** Each once, in the order written; what the ServiceAccount adds is not among them. */
  readonly pullSecrets: readonly string[];
  readonly serviceAccount: string;
}

/** Most pull secrets an object may name: each costs a read at the API server, and no real object needs more. */
export const MAX_PULL_SECRETS = 64;

/** The logins of a pod that names none. */
const NOTHING_NAMED: PullLogins = { pullSecrets: [], serviceAccount: 'default' };

/**
 * The pull secrets that the pod specs of an object name, and the first ServiceAccount. Reads as the API server does: an entry
 * without a name is none, `serviceAccount` is the old word for `serviceAccountName`. Whatever cannot be read is a problem
 * with its field path, and so are more than {@link MAX_PULL_SECRETS} secrets.
 */
export function pullSecretsOf(
  object: unknown,
  kind: ObjectKind,
  table: WorkloadTable = KUBERNETES_WORKLOADS,
): Parsed<PullLogins> {
  const workload = workloadOf(kind, table);
  if (workload === undefined) return parsed(NOTHING_NAMED);
  const specs = podSpecsOf(object, workload);
  if (!specs.ok) return specs;
  const pullSecrets = new Set<string>();
  const accounts = [];
  for (const { path, fields } of specs.value) {
    const [names, account] = [secretNames(fields, path), accountOf(fields, path)];
    if (!names.ok) return names;
    if (!account.ok) return account;
    for (const name of names.value) pullSecrets.add(name);
    if (pullSecrets.size > MAX_PULL_SECRETS) return tooMany(path);
    accounts.push(account.value);
  }
  const serviceAccount = accounts.find((name) => name !== '') ?? NOTHING_NAMED.serviceAccount;
  return parsed({ pullSecrets: [...pullSecrets], serviceAccount });
}

function tooMany(podSpec: string): Parsed<never> {
  return problem(`${podSpec}.imagePullSecrets`, `names more than ${MAX_PULL_SECRETS} secrets`);
}

function accountOf(spec: Fields, path: string): Parsed<string> {
  const account = textAt(spec, 'serviceAccountName', path);
  return account.ok && account.value === '' ? textAt(spec, 'serviceAccount', path) : account;
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
    if (names.size > MAX_PULL_SECRETS) return tooMany(podSpec);
  }
  return parsed([...names]);
}
