import { unprovenCanaries } from '../../core/workload/index.ts';
import { API_VERSION } from '../../core/policy/index.ts';
import { failed, listAll, listAt, objectAt, ok, textAt, unknown, warning } from './check.ts';
import type { CheckResult, Examination } from './check.ts';

export async function checkLease({ ports, namespace, name, now, signal }: Examination): Promise<CheckResult> {
  const check = 'leader';
  const resource = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' };
  const lease = await ports.get({ resource, namespace, name }, signal);
  const pods = `kubectl -n ${namespace} get pods`;
  const holder = textAt(lease, 'spec', 'holderIdentity');
  if (holder === '') return failed(check, 'no replica leads: no status, no renewal, no audit', pods);
  const renewed = Date.parse(textAt(lease, 'spec', 'renewTime'));
  if (Number.isNaN(renewed)) return failed(check, `${holder} has never renewed its term`, pods);
  const age = Math.max(0, Math.round((now.getTime() - renewed) / 1_000));
  const term = Number(objectAt(lease, 'spec').leaseDurationSeconds ?? 15);
  const reported = `${holder}, renewed ${age} s ago`;
  return age <= term ? ok(check, reported) : failed(check, `${reported}: its term is over`, pods);
}

export async function checkPolicies(given: Examination): Promise<readonly CheckResult[]> {
  const [group = '', version = ''] = API_VERSION.split('/');
  const policies = await listAll(given, { resource: { group, version, plural: 'imagepolicies' } });
  if (policies.length === 0)
    return [warning('policies', 'there is no ImagePolicy: nothing is required', 'apply one')];
  return policies.map(checkPolicy);
}

function checkPolicy(policy: unknown): CheckResult {
  const name = textAt(policy, 'metadata', 'name');
  const check = `policy ${name}`;
  const ready = listAt(policy, 'status', 'conditions').find((one) => textAt(one, 'type') === 'Ready');
  const enforcement = textAt(policy, 'spec', 'enforcement') || 'Deny';
  const message = textAt(ready, 'message');
  const seen = objectAt(policy, 'status').observedGeneration === objectAt(policy, 'metadata').generation;
  if (textAt(ready, 'status') === 'False')
    return failed(check, `${textAt(ready, 'reason')}: ${message}`, 'correct it, or what it names');
  if (!seen || textAt(ready, 'status') !== 'True')
    return unknown(check, 'the controller has not reported its state', 'wait, or see the log of the leader');
  return ok(check, `${enforcement}, in force`);
}

/** The canaries, sent from here and with the rights of the caller. */
export async function checkSelfTest(given: Examination): Promise<readonly CheckResult[]> {
  const { ports, canaryNamespace, signal } = given;
  const { state, canaries } = await ports.selfTest(canaryNamespace, signal);
  const proven = canaries.filter(({ outcome }) => outcome === 'proven').length;
  const untried = canaries.filter(({ outcome }) => outcome === 'not applicable');
  const left = untried.map(({ id, detail }) => `; not tried: ${id} (${detail})`).join('');
  const count = `${proven} of ${canaries.length} canaries refused${left}`;
  if (state === 'proven') return [ok('self-test', count)];
  return [
    state === 'not enforced'
      ? failed('self-test', `${count}; an image was admitted`, 'see the checks of the webhook above')
      : unknown('self-test', `${count}; not all could be found out`, 'see each canary below'),
    ...unprovenCanaries(canaries).map(({ id, outcome, detail }) =>
      outcome === 'not enforced'
        ? failed(`self-test ${id}`, detail, 'see the rules and the policies')
        : unknown(`self-test ${id}`, detail, `try as a user who may create it in ${canaryNamespace}`),
    ),
  ];
}
