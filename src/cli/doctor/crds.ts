import { createHash } from 'node:crypto';
import { RESOURCES } from '../../core/workload/index.ts';
import type { JsonObject } from '../ports.ts';
import { failed, listAt, objectAt, ok, textAt, unknown, warning } from './check.ts';
import type { CheckResult, Examination } from './check.ts';

/** A CustomResourceDefinition of the cluster; `undefined` when there is none. */
export function readCrd({ ports, signal }: Examination, name: string): Promise<JsonObject | undefined> {
  return ports.get({ resource: RESOURCES.definitions, name }, signal);
}

/** Whether a CustomResourceDefinition is there, accepted, and as shipped; those of promotions may be missing. */
export async function checkCrd(
  given: Examination,
  shipped: JsonObject,
  isOptional: boolean,
): Promise<CheckResult> {
  const name = textAt(shipped, 'metadata', 'name');
  const check = `crd ${name}`;
  const apply = 'apply it from crds/';
  const found = await readCrd(given, name);
  if (!found && isOptional) return warning(check, 'is not installed: promotions need it', apply);
  if (!found) return failed(check, 'is not installed', apply);
  const conditions = listAt(found, 'status', 'conditions');
  const established = conditions.find((one) => textAt(one, 'type') === 'Established');
  if (textAt(established, 'status') !== 'True')
    return failed(check, 'the API server has not accepted it', `kubectl describe crd ${name}`);
  const [here, there] = [schemaHash(shipped), schemaHash(found)];
  if (here === there) return ok(check, `installed, schema ${there}`);
  if (there === '') return unknown(check, 'its schema cannot be read', 'ask again with the right to read it');
  const detail = `its schema ${there} is not that of this version, ${here}: fields may be dropped`;
  const next = 'apply the one from crds/ (Helm never updates it), or run doctor of the installed version';
  return failed(check, detail, next);
}

/** Names what versions are served with which schema, whatever order and empty fields the API server stores it with. */
function schemaHash(crd: JsonObject): string {
  const versions = listAt(crd, 'spec', 'versions').map((version) => ({
    name: textAt(version, 'name'),
    schema: canonical(objectAt(version, 'schema', 'openAPIV3Schema')),
  }));
  if (versions.length === 0) return '';
  return createHash('sha256').update(JSON.stringify(versions)).digest('hex').slice(0, 12);
}

/** Sorted keys; what the API server's own types leave out when it is empty is left out, but for defaults. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => key === 'default' || !isEmpty(inner))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, canonical(inner)]),
  );
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === false || value === '';
}
