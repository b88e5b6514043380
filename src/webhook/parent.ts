import { problem, type Fact, type Parsed } from '../core/model/index.ts';
import type { ObjectKind, WorkloadTable } from '../core/workload/index.ts';
import type { AdmissionRequest } from './decode.ts';
import type { AdmissionPorts, ObjectAddress } from './ports.ts';
import { wholeScope, type Scope } from './scope.ts';

/** Why the object that is to be scaled could not be judged. */
export interface ParentUnknown {
  readonly detail: string;
  readonly transient: boolean;
}

/** An object that is to be scaled, found or not. */
export type ParentScope =
  { readonly found: true; readonly scope: Parsed<Scope> } | ({ readonly found: false } & ParentUnknown);

/** Reads the object that is to run more pods and says what it brings: all of its images. */
export async function parentScope(
  address: ObjectAddress,
  request: AdmissionRequest,
  { read, table }: { readonly read: AdmissionPorts['parent']; readonly table: WorkloadTable },
  signal: AbortSignal,
): Promise<ParentScope> {
  const what = nameOf(address);
  if (read === undefined) {
    const detail = `${what} is to run more pods, and this webhook runs without access to the cluster and cannot read its images`;
    return { found: false, detail, transient: false };
  }
  const parent = await read(address, signal);
  if (parent.state !== 'found') return { found: false, ...whyUnknown(what, parent) };
  const kind = kindOf(parent.value, address);
  if (kind === undefined) return { found: true, scope: problem('', `${what} has no kind`) };
  return { found: true, scope: wholeScope(parent.value, { ...request, kind }, table) };
}

function whyUnknown(what: string, parent: Exclude<Fact<unknown>, { state: 'found' }>): ParentUnknown {
  // It was there when the API server took the request: it has just gone, or has just come.
  if (parent.state === 'absent') return { detail: `${what} was not found`, transient: true };
  const { reason, transient } = parent;
  return { detail: `${what} could not be read: ${reason.code}: ${reason.detail}`, transient };
}

/** The group is that of the resource asked for; only the kind is taken from the object. */
function kindOf(object: unknown, { resource }: ObjectAddress): Required<ObjectKind> | undefined {
  if (typeof object !== 'object' || object === null || !('kind' in object)) return undefined;
  const { kind } = object;
  return typeof kind === 'string' && kind !== ''
    ? { group: resource.group, version: resource.version, kind }
    : undefined;
}

function nameOf({ resource, namespace, name }: ObjectAddress): string {
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
  return `${resource.plural}${resource.group === '' ? '' : `.${resource.group}`} "${name}"${where}`;
}
