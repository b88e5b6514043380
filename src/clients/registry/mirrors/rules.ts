import { parseReference, type ImageRef } from '../../../core/model/index.ts';
import type { Settings } from '../../../core/settings/index.ts';

export type MirrorRules = Settings['registries']['mirrors'];

/** A mirror, as the settings name it. */
export interface Mirror extends Pick<MirrorRules[number]['endpoints'][number], 'location' | 'complete'> {
  readonly registry: string;
  /** The path before that of the image; empty, or with a slash at the end. */
  readonly path: string;
}

/** The mirrors of all names below a prefix. */
export interface Rule {
  /** The path of an image below the prefix; `undefined` where it is not below it. */
  readonly below: (ref: ImageRef) => string | undefined;
  readonly mirrors: readonly Mirror[];
  /** Whether the registry itself may be read. */
  readonly upstream: boolean;
}

/** Rules with the longest prefix first; hosts before patterns. */
export function compileMirrors(rules: MirrorRules): readonly Rule[] {
  const weight = ({ prefix }: MirrorRules[number]): number => {
    if (prefix.startsWith('*')) return prefix.length;
    // Docker Hub has several names, of which none is longer than another here.
    const { registry, path } = placeOf(prefix);
    return 1_000 + registry.length + path.length;
  };
  return rules
    .toSorted((a, b) => weight(b) - weight(a))
    .map(({ prefix, endpoints, upstream }) => ({
      below: belowOf(prefix),
      mirrors: endpoints.map(mirrorAt),
      upstream: upstream === 'Allow',
    }));
}

function belowOf(prefix: string): Rule['below'] {
  if (prefix.startsWith('*'))
    return ({ registry, repository }) => (registry.endsWith(prefix.slice(1)) ? repository : undefined);
  const { registry, path } = placeOf(prefix);
  return (ref) =>
    ref.registry === registry && ref.repository.startsWith(path)
      ? ref.repository.slice(path.length)
      : undefined;
}

function mirrorAt({ location, complete }: MirrorRules[number]['endpoints'][number]): Mirror {
  return { location, complete, ...placeOf(location) };
}

/** Below a place, to read it by the rules for images. */
const BELOW = 'a/b';

/** A host with an optional path, which the settings have checked. */
function placeOf(place: string): Pick<Mirror, 'registry' | 'path'> {
  const read = parseReference(`${place}/${BELOW}`);
  if (!read.ok) throw new Error(`${place} is no place of images`);
  const { registry, repository } = read.value;
  return { registry, path: repository.slice(0, -BELOW.length) };
}

/** Whether an image is named where this mirror has it. */
export function isAt({ registry, path }: Mirror, ref: ImageRef): boolean {
  return ref.registry === registry && ref.repository.startsWith(path);
}
