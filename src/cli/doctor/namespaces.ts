import {
  listAll,
  listAt,
  objectAt,
  ok,
  textAt,
  warning,
  type CheckResult,
  type Examination,
} from './check.ts';

/** Most names in one line. */
const MAX_NAMES = 20;
/** The cluster must be able to start itself. */
const SYSTEM = 'kube-system';

/** Which namespaces the webhook is not called for. */
export async function checkNamespaces(given: Examination, webhook: unknown): Promise<CheckResult> {
  const check = 'exempt namespaces';
  const selector = objectAt(webhook, 'namespaceSelector');
  const namespaces = await listAll(given, { resource: { group: '', version: 'v1', plural: 'namespaces' } });
  const exempt = namespaces
    .filter((one) => !selects(selector, objectAt(one, 'metadata', 'labels')))
    .map((one) => textAt(one, 'metadata', 'name'))
    .toSorted();
  const others = exempt.filter((name) => name !== given.namespace && name !== SYSTEM);
  if (others.length === 0) return ok(check, exempt.length === 0 ? 'none' : exempt.join(', '));
  const named = others.slice(0, MAX_NAMES).join(', ');
  const more = others.length > MAX_NAMES ? ` and ${others.length - MAX_NAMES} more` : '';
  return warning(
    check,
    `${named}${more}: nothing is refused there`,
    'leave out as few namespaces as you can',
  );
}

/** A label selector, as the API server reads it. */
export function selects(selector: unknown, labels: Readonly<Record<string, unknown>>): boolean {
  const equal = Object.entries(objectAt(selector, 'matchLabels')).every(
    ([key, value]) => labels[key] === value,
  );
  return equal && listAt(selector, 'matchExpressions').every((one) => holds(one, labels));
}

function holds(expression: unknown, labels: Readonly<Record<string, unknown>>): boolean {
  const key = textAt(expression, 'key');
  const there = Object.hasOwn(labels, key);
  const among = there && listAt(expression, 'values').includes(labels[key]);
  switch (textAt(expression, 'operator')) {
    case 'In':
      return among;
    case 'NotIn':
      return !among;
    case 'Exists':
      return there;
    case 'DoesNotExist':
      return !there;
    default:
      // The operator is newer than this program, and what it selects is unknown: it counts as left out, and is reported.
      return false;
  }
}
