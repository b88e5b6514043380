import { RESOURCES } from '../../core/workload/index.ts';
import { listAll, listAt, objectAt, ok, textAt, warning } from './check.ts';
import type { CheckResult, Examination } from './check.ts';

/** Most names in one line. */
const MAX_NAMES = 20;
/** The cluster must be able to start itself. */
const SYSTEM = 'kube-system';

/** Which namespaces the webhook is not called for. */
export async function checkNamespaces(given: Examination, webhook: unknown): Promise<CheckResult> {
  const check = 'exempt namespaces';
  const selector = objectAt(webhook, 'namespaceSelector');
  const namespaces = await listAll(given, { resource: RESOURCES.namespaces });
  const exempt = namespaces
    .filter((one) => !selects(selector, objectAt(one, 'metadata', 'labels')))
    .map((one) => textAt(one, 'metadata', 'name'))
    .toSorted();
  const others = exempt.filter((name) => name !== given.namespace && name !== SYSTEM);
  if (others.length === 0) return ok(check, exempt.length === 0 ? 'none' : exempt.join(', '));
  const named = others.slice(0, MAX_NAMES).join(', ');
  const more = others.length > MAX_NAMES ? ` and ${others.length - MAX_NAMES} more` : '';
  const detail = `${named}${more}: nothing is refused there`;
  return warning(check, detail, 'leave out as few namespaces as you can');
}

/** A label selector, as the API server reads it. */
function selects(selector: unknown, labels: Readonly<Record<string, unknown>>): boolean {
  const wanted = Object.entries(objectAt(selector, 'matchLabels'));
  const equal = wanted.every(([key, value]) => labels[key] === value);
  return equal && listAt(selector, 'matchExpressions').every((one) => holds(one, labels));
}

function holds(expression: unknown, labels: Readonly<Record<string, unknown>>): boolean {
  const key = textAt(expression, 'key');
  const isThere = Object.hasOwn(labels, key);
  const isAmong = isThere && listAt(expression, 'values').includes(labels[key]);
  const answers = new Map([
    ['In', isAmong],
    ['NotIn', !isAmong],
    ['Exists', isThere],
    ['DoesNotExist', !isThere],
  ]);
  // An operator newer than this program selects what is not known: that counts as left out, and is reported.
  return answers.get(textAt(expression, 'operator')) ?? false;
}
