import { KUBERNETES_KINDS, KUBERNETES_WORKLOADS } from '../../core/workload/index.ts';
import { failed, listAt, ok, textAt, warning, type CheckResult } from './check.ts';

/** One kind of request that has to reach the webhook. */
export interface ExpectedRule {
  readonly group: string;
  readonly version: string;
  /** With its subresource, e.g. `pods/ephemeralcontainers`. */
  readonly resource: string;
  readonly operation: 'CREATE' | 'UPDATE';
}

/** Every request that may start an image: each kind, debugging, and scaling up. */
export const EXPECTED_RULES: readonly ExpectedRule[] = [
  ...KUBERNETES_KINDS.flatMap(({ group, version, plural }) =>
    (['CREATE', 'UPDATE'] as const).map((operation) => ({ group, version, resource: plural, operation })),
  ),
  { group: '', version: 'v1', resource: 'pods/ephemeralcontainers', operation: 'UPDATE' },
  ...KUBERNETES_KINDS.filter(({ group, kind }) => KUBERNETES_WORKLOADS.get(`${group}/${kind}`)?.replicas).map(
    ({ group, version, plural }) => ({
      group,
      version,
      resource: `${plural}/scale`,
      operation: 'UPDATE' as const,
    }),
  ),
];

/** Whether the rules of a webhook send us everything we have to judge. */
export function checkRules(webhook: unknown): CheckResult {
  const check = 'webhook rules';
  const rules = listAt(webhook, 'rules');
  const missing = EXPECTED_RULES.filter((wanted) => !rules.some((rule) => covers(rule, wanted)));
  const next = 'register the webhook as the chart or manifests/webhook.yaml does';
  if (missing.length === 0) return ok(check, `${EXPECTED_RULES.length} of ${EXPECTED_RULES.length} covered`);
  const names = missing.map(({ operation, resource }) => `${operation} ${resource}`).join(', ');
  // Without scaling rules an image is judged when its object is written, and its pods are judged when they are made.
  const onlyScale = missing.every(({ resource }) => resource.endsWith('/scale'));
  return (onlyScale ? warning : failed)(check, `not covered: ${names}`, next);
}

function covers(rule: unknown, { group, version, resource, operation }: ExpectedRule): boolean {
  const has = (field: string, ...wanted: readonly string[]) =>
    listAt(rule, field).some((value) => typeof value === 'string' && wanted.includes(value));
  const [plural = '', subresource] = resource.split('/');
  const names = subresource === undefined ? ['*'] : [`${plural}/*`, `*/${subresource}`];
  return (
    ['', '*', 'Namespaced'].includes(textAt(rule, 'scope')) &&
    has('apiGroups', group, '*') &&
    has('apiVersions', version, '*') &&
    has('operations', operation, '*') &&
    has('resources', resource, '*/*', ...names)
  );
}
