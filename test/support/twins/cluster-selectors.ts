import type { Collection, KubeObject } from '../../../src/clients/kubernetes/types.ts';
import { isJson } from './cluster-json.ts';

/** Whether an object stored in `namespace` belongs to a collection (equality, existence and `in` of labels; fields by `=`, `!=`). */
export function belongs(
  object: KubeObject,
  { namespace, labelSelector, fieldSelector }: Collection,
): boolean {
  if (namespace !== undefined && object.metadata.namespace !== namespace) return false;
  const labels = object.metadata.labels ?? {};
  return (
    requirements(labelSelector).every((one) => holds(one, (key) => labels[key])) &&
    requirements(fieldSelector).every((one) => holds(one, (path) => fieldOf(object, path)))
  );
}

function requirements(selector = ''): readonly string[] {
  return selector
    .split(/,(?![^(]*\))/)
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function holds(requirement: string, valueOf: (key: string) => string | undefined): boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(requirement);
  if (set) {
    const value = valueOf(set[1] ?? '');
    const listed = value !== undefined && (set[3] ?? '').split(',').some((each) => each.trim() === value);
    return listed === (set[2] === 'in');
  }
  const comparison = /^([^!=\s]+)\s*(!=|==?)\s*(.*)$/.exec(requirement);
  if (comparison) return (valueOf(comparison[1] ?? '') === comparison[3]) === (comparison[2] !== '!=');
  return requirement.startsWith('!')
    ? valueOf(requirement.slice(1)) === undefined
    : valueOf(requirement) !== undefined;
}

function fieldOf(object: KubeObject, path: string): string | undefined {
  const value = path.split('.').reduce<unknown>((at, key) => (isJson(at) ? at[key] : undefined), object);
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
