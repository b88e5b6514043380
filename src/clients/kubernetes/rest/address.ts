import type { Collection, ObjectAddress } from '../types.ts';

/** Query parameters; those that are `undefined` are left out. */
type Query = Readonly<Record<string, string | number | undefined>>;

/** The path of a collection or an object; `undefined` when it is addressed by what cannot be a name. */
export function pathOf(target: Collection | ObjectAddress, query: Query = {}): string | undefined {
  const { resource, namespace } = target;
  const api = resource.group === '' ? ['api'] : ['apis', resource.group];
  const scope = namespace === undefined ? [] : ['namespaces', namespace];
  const object = 'name' in target ? [target.name, target.subresource ?? []].flat() : [];
  const segments = [...api, resource.version, ...scope, resource.plural, ...object];
  if (!segments.every(isSegment)) return undefined;
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
  return `/${segments.map(encodeURIComponent).join('/')}${search.size === 0 ? '' : `?${search.toString()}`}`;
}

/**
 * Whether the text can be the name of an object. Names come from objects that are not validated yet: `..` would climb to
 * another path, and an empty name would address the whole collection.
 */
function isSegment(text: string): boolean {
  return text !== '' && text !== '.' && text !== '..' && !/[/%]/.test(text);
}

/** A collection or an object as faults name it: `secrets acme/pull`, `imagepolicies.pratique.dev`. */
export function describeTarget(target: Collection | ObjectAddress): string {
  const { resource, namespace } = target;
  const names = 'name' in target ? [namespace, target.name] : [namespace];
  const where = names.filter((name) => name !== undefined).join('/');
  const kind = resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
  return `${kind}${where && ` ${where}`}`;
}

/** The resource as counters name it: `pods`, `imagepolicies/status`. */
export function resourceLabel(target: Collection | ObjectAddress): string {
  const subresource = 'name' in target ? target.subresource : undefined;
  return subresource === undefined ? target.resource.plural : `${target.resource.plural}/${subresource}`;
}
