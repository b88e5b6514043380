import type { Keychain } from '../../evidence/index.ts';
import { failed, nameOf, parsed } from '../../model/index.ts';
import type { Fact, ImageRef, Parsed, Problem, Reason } from '../../model/index.ts';
import { compileGlobs, compileNamespaceSelector, type Labels } from '../../policy/index.ts';

/** What a login may be used for: to read, to write tags and manifests, to delete them. */
export type GrantedAccess = 'Read' | 'Write' | 'Delete';

/** A grant as the settings have it; a namespace must satisfy all that it says of namespaces. */
interface WrittenGrant {
  readonly namespaces?: readonly string[] | undefined;
  /** A label selector of Kubernetes. */
  readonly namespaceSelector?: unknown;
  readonly repositories: readonly string[];
  readonly access: readonly GrantedAccess[];
}

/** Lets namespaces use the installation's own logins for some repositories. */
export interface Grant {
  readonly namespaces?: readonly string[] | undefined;
  readonly selects?: ((labels: Labels) => boolean) | undefined;
  /** Whether it covers a repository, by its normalised name. */
  readonly covers: (name: string) => boolean;
  readonly access: readonly GrantedAccess[];
}

/** Compiles the grants of the settings; problems name the field of the settings. */
export function compileGrants(written: readonly WrittenGrant[]): Parsed<readonly Grant[]> {
  const all = written.map((one, index) => compileGrant(one, `promotions.grants[${String(index)}]`));
  const wrong = failed(all);
  return wrong.problems.length > 0 ? wrong : parsed(all.flatMap((one) => (one.ok ? [one.value] : [])));
}

function compileGrant(
  { namespaces, namespaceSelector, repositories, access }: WrittenGrant,
  path: string,
): Parsed<Grant> {
  const problems: Problem[] = [];
  const covers = compileGlobs(repositories, `${path}.repositories`, problems);
  const selector = namespaceSelector === undefined ? undefined : compileNamespaceSelector(namespaceSelector);
  if (selector && !selector.ok)
    for (const one of selector.problems)
      problems.push({ ...one, path: `${path}.namespaceSelector${one.path && '.'}${one.path}` });
  if (problems.length > 0) return { ok: false, problems };
  return parsed({ namespaces, selects: selector?.ok ? selector.value : undefined, covers, access });
}

/** The grants of the settings, and how the labels of namespaces are learned that they may select by. */
export interface Granting {
  readonly grants: readonly Grant[];
  readonly namespaceLabels: (namespace: string, signal: AbortSignal) => Promise<Fact<Labels>>;
  /** A missing grant to read is a refusal, too, where the installation has a login: else it is first tried without one. */
  readonly alsoReading?: boolean;
}

/** What one namespace may do with the installation's own logins at this moment. */
export interface Granted {
  readonly namespace: string;
  /** Numbers of the grants that it has. */
  readonly numbers: readonly number[];
  /** Why its labels are not known, where a grant selects by them: such a grant does not hold. */
  readonly unknown?: Reason;
  readonly covers: (place: ImageRef, access: GrantedAccess) => boolean;
}

/** Learns what a namespace may do. Its labels are read only where a grant selects by labels. */
export async function grantedTo(
  namespace: string,
  { grants, namespaceLabels }: Granting,
  signal: AbortSignal,
): Promise<Granted> {
  const named = grants.map(({ namespaces }) => namespaces?.includes(namespace) ?? true);
  const selecting = grants.some(({ selects }, index) => selects && named[index]);
  const labels = selecting ? await namespaceLabels(namespace, signal) : undefined;
  const has = ({ selects }: Grant): boolean =>
    !selects || (labels?.state === 'found' && selects(labels.value));
  const held = grants.filter((grant, index) => named[index] && has(grant));
  return {
    namespace,
    numbers: held.map((grant) => grants.indexOf(grant)),
    ...(labels?.state === 'unknown' && { unknown: labels.reason }),
    covers: (place, access) =>
      held.some((grant) => grant.access.includes(access) && grant.covers(nameOf(place))),
  };
}

/** What an access to a registry is by name, as keychains are asked for it. */
const ACCESS: Readonly<Record<NonNullable<Parameters<Keychain>[2]>, GrantedAccess>> = {
  pull: 'Read',
  push: 'Write',
  delete: 'Delete',
};

/** The installation's own logins, as far as they are granted. */
export function grantedKeychain(own: Keychain, { covers }: Granted): Keychain {
  return async (place, signal, access = 'pull') =>
    covers(place, ACCESS[access]) ? own(place, signal, access) : undefined;
}

/** Why a login of the installation is not used for an access, with the grant that would let it; `undefined` = it is used. */
export function withheldFrom(
  { namespace, covers, unknown }: Granted,
  place: ImageRef,
  accesses: readonly GrantedAccess[],
): string | undefined {
  const lacking = accesses.filter((access) => !covers(place, access));
  if (lacking.length === 0) return undefined;
  const grant = `{ namespaces: [${namespace}], repositories: ["${nameOf(place)}"], access: [${lacking.join(', ')}] }`;
  const why = unknown ? `; grants that select by labels do not count, as ${unknown.detail}` : '';
  return `namespace "${namespace}" may not use the login of the installation; promotions.grants of the settings lacks ${grant}${why}`;
}

/** The access to a repository that a request needs, for {@link withheldFrom}. */
export function accessFor(access: keyof typeof ACCESS): readonly GrantedAccess[] {
  return [ACCESS[access]];
}
