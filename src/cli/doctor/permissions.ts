import { KUBERNETES_KINDS, RESOURCES } from '../../core/workload/index.ts';
import { failed, objectAt, ok, unknown, warning, type CheckResult, type Examination } from './check.ts';

/** One call that the controller makes; `own` = in its own namespace, else in all or where there are none. */
export interface Permission {
  readonly verb: string;
  readonly group: string;
  /** With its subresource, e.g. `imagepolicies/status`. */
  readonly resource: string;
  readonly own?: true;
  /** Asked for the one object that has the name of the installation: the right may end there. */
  readonly named?: true;
  /** What does not work without it. */
  readonly for: string;
}

/** These rights are asked for in the namespace of the canaries only. */
const SELF_TEST = 'the self-test, as dry runs';
const SCALE = 'judging what is scaled up';
const CACHED = ['list', 'watch'] as const;
const allowing = (
  verbs: readonly string[],
  group: string,
  resource: string,
  more: Pick<Permission, 'for' | 'own' | 'named'>,
) => verbs.map((verb) => ({ verb, group, resource, ...more }));

/** Every call that the controller makes and must be allowed; what only some settings need is left out. */
export const REQUIRED_PERMISSIONS: readonly Permission[] = [
  ...allowing(CACHED, 'pratique.dev', 'imagepolicies', { for: 'policies' }),
  { verb: 'patch', group: 'pratique.dev', resource: 'imagepolicies/status', for: 'status of policies' },
  ...allowing(['get', ...CACHED], '', 'namespaces', { for: 'policies that select namespaces' }),
  ...allowing(CACHED, '', 'pods', { for: 'the audit' }),
  ...allowing(['get', ...CACHED], '', 'secrets', { own: true, for: 'keys that policies name' }),
  { verb: 'create', group: '', resource: 'secrets', own: true, for: 'the path of the webhooks' },
  ...['validatingwebhookconfigurations', 'mutatingwebhookconfigurations'].flatMap((resource) =>
    allowing(['get', 'patch'], 'admissionregistration.k8s.io', resource, {
      named: true,
      for: 'the path of the webhooks',
    }),
  ),
  ...allowing(CACHED, '', 'configmaps', { own: true, for: 'keys that policies name' }),
  { verb: 'create', group: 'coordination.k8s.io', resource: 'leases', own: true, for: 'the election' },
  ...allowing(['get', 'update'], 'coordination.k8s.io', 'leases', {
    own: true,
    named: true,
    for: 'the election',
  }),
  ...allowing(['create', 'get', 'patch'], 'events.k8s.io', 'events', { for: 'events' }),
  { verb: 'get', group: '', resource: 'replicationcontrollers', for: SCALE },
  ...['deployments', 'replicasets', 'statefulsets'].map((resource) => {
    return { verb: 'get', group: 'apps', resource, for: SCALE };
  }),
  ...KUBERNETES_KINDS.map(({ group, plural }) => {
    return { verb: 'create', group, resource: plural, for: SELF_TEST };
  }),
  { verb: 'patch', group: '', resource: 'pods/ephemeralcontainers', for: SELF_TEST },
];

const REVIEWS = { group: 'authorization.k8s.io', version: 'v1', plural: 'subjectaccessreviews' };

/** Whether the controller's ServiceAccount may do all that it has to; unknown to who may not ask. */
export async function checkPermissions(given: Examination): Promise<CheckResult> {
  const check = 'permissions';
  const { ports, namespace, serviceAccount, signal } = given;
  const who = `ServiceAccount ${namespace}/${serviceAccount}`;
  const account = { resource: RESOURCES.serviceAccounts, namespace, name: serviceAccount };
  if (!(await ports.get(account, signal)))
    return warning(check, `${who} is not there`, 'name it by --service-account, unless it runs elsewhere');
  const answers = await Promise.all(REQUIRED_PERMISSIONS.map((one) => isAllowed(given, one)));
  const unanswered = answers.find((answer) => typeof answer === 'string');
  if (unanswered !== undefined)
    return unknown(check, unanswered, 'ask again with the right to create SubjectAccessReviews');
  const missing = REQUIRED_PERMISSIONS.filter((_, index) => answers[index] === false);
  if (missing.length === 0) return ok(check, `${who} may do all ${answers.length} things it has to`);
  const tasks = [...Map.groupBy(missing, (one) => one.for)].map(([task, rights]) => {
    return `${rights.map(({ verb, resource }) => `${verb} ${resource}`).join(', ')} (for ${task})`;
  });
  return failed(check, `${who} may not ${tasks.join('; ')}`, 'give it the roles of the chart');
}

/** Whether the access is allowed, or the message of the API server that did not answer the question. */
async function isAllowed(
  { ports, namespace, name, canaryNamespace, serviceAccount, signal }: Examination,
  { verb, group, resource: written, own, named, for: task }: Permission,
): Promise<boolean | string> {
  const [resource = '', subresource] = written.split('/');
  const where = task === SELF_TEST ? canaryNamespace : '';
  const asked = { verb, group, resource, subresource, namespace: own ? namespace : where };
  const spec = {
    user: `system:serviceaccount:${namespace}:${serviceAccount}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    resourceAttributes: { ...asked, ...(named && { name }) },
  };
  const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec };
  const answer = await ports.create({ resource: REVIEWS }, review, { signal });
  return answer.ok ? objectAt(answer.object, 'status').allowed === true : answer.message;
}
