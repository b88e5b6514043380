import { createHash } from 'node:crypto';
import {
  failed,
  listAt,
  objectAt,
  ok,
  textAt,
  unknown,
  warning,
  type CheckResult,
  type Examination,
} from './check.ts';
import type { JsonObject } from '../ports.ts';

const CRDS = { group: 'apiextensions.k8s.io', version: 'v1', plural: 'customresourcedefinitions' };

/** A CustomResourceDefinition of the cluster; `undefined` when there is none. */
export function readCrd({ ports, signal }: Examination, name: string): Promise<JsonObject | undefined> {
  return ports.get({ resource: CRDS, name }, signal);
}

/** Whether the CustomResourceDefinitions of promotions are those that this program ships; an installation may do without them. */
export async function checkPromotionCrd(given: Examination, shipped: JsonObject): Promise<CheckResult> {
  const name = textAt(shipped, 'metadata', 'name');
  const found = await readCrd(given, name);
  return found
    ? compare(found, shipped)
    : warning(checkOf(name), 'is not installed: promotions need it', APPLY);
}

/** Whether a CustomResourceDefinition is there, accepted, and the one that this program ships. */
export async function checkCrd(given: Examination, shipped: JsonObject): Promise<CheckResult> {
  const name = textAt(shipped, 'metadata', 'name');
  const found = await readCrd(given, name);
  return found ? compare(found, shipped) : failed(checkOf(name), 'is not installed', APPLY);
}

const APPLY = 'apply it from crds/';

function checkOf(name: string): string {
  return `crd ${name}`;
}

function compare(found: JsonObject, shipped: JsonObject): CheckResult {
  const name = textAt(shipped, 'metadata', 'name');
  const check = checkOf(name);
  const established = listAt(found, 'status', 'conditions').find(
    (one) => textAt(one, 'type') === 'Established',
  );
  if (textAt(established, 'status') !== 'True')
    return failed(check, 'the API server has not accepted it', `kubectl describe crd ${name}`);
  const [here, there] = [schemaHash(shipped), schemaHash(found)];
  return here === there ? ok(check, `installed, schema ${there}`) : unknownOrOld(check, here, there);
}

function unknownOrOld(check: string, here: string, there: string): CheckResult {
  if (there === '') return unknown(check, 'its schema cannot be read', 'ask again with the right to read it');
  return failed(
    check,
    `its schema ${there} is not that of this version, ${here}: fields may be dropped`,
    'apply the one from crds/ (Helm never updates it), or run doctor of the installed version',
  );
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
