import { parseAllDocuments } from 'yaml';

/** One right that RBAC grants: one verb on one resource. */
export interface Grant {
  readonly verb: string;
  readonly group: string;
  /** With its subresource, e.g. `pods/ephemeralcontainers`. */
  readonly resource: string;
  /** The one namespace in which it applies; absent = all. */
  readonly namespace?: string;
  /** The objects to which it applies; absent = all. */
  readonly names?: readonly string[];
}

/** A request to the API server, as RBAC sees it. */
export interface Call {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}
interface Rbac {
  readonly kind: string;
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[];
}

/** Every right that these rendered documents grant: by roles with a binding, not by roles that users may bind. */
export function grantsIn(yaml: string): readonly Grant[] {
  const objects = parseAllDocuments(yaml).flatMap((document) => (document.toJS() as Rbac | null) ?? []);
  const bound = objects.flatMap(({ roleRef }) => (roleRef ? [`${roleRef.kind} ${roleRef.name}`] : []));
  return objects
    .filter(({ kind, metadata }) => bound.includes(`${kind} ${metadata.name}`))
    .flatMap(({ rules = [], metadata }) => rules.flatMap((rule) => grantsOf(rule, metadata.namespace)));
}

function grantsOf(rule: Rule, namespace?: string): readonly Grant[] {
  return rule.apiGroups.flatMap((group) =>
    rule.resources.flatMap((resource) =>
      rule.verbs.map((verb) => ({
        verb,
        group,
        resource,
        ...(namespace !== undefined && { namespace }),
        ...(rule.resourceNames && { names: rule.resourceNames }),
      })),
    ),
  );
}

/** Whether this right allows this call. */
export function allows(grant: Grant, call: Call): boolean {
  return (
    grant.verb === call.verb &&
    grant.group === call.group &&
    grant.resource === call.resource &&
    (grant.namespace === undefined || grant.namespace === call.namespace) &&
    (grant.names === undefined || (call.name !== undefined && grant.names.includes(call.name)))
  );
}

/** A right or a call in one line: `patch events.k8s.io/events`, `create /secrets in pratique`. */
export function reported({ verb, group, resource, namespace }: Grant | Call): string {
  return `${verb} ${group}/${resource}${namespace === undefined ? '' : ` in ${namespace}`}`;
}
