import {
  isObject,
  parsed,
  problem,
  textOf,
  type NamedImage,
  type Parsed,
  type Problem,
} from '../model/index.ts';
import { KUBERNETES_WORKLOADS, workloadOf, type ObjectKind, type WorkloadTable } from './kinds.ts';
import { listAt, ownImagesOf, podSpecsOf, textAt, type Fields, type Workload } from './kinds.ts';

/** How an image is used: by a container of one of the three lists, or mounted as a volume. */
export type ImageRole = 'container' | 'init' | 'ephemeral' | 'volume';

/** One image of an object: who uses it (the name of the container or volume), as what, and in which field it stands. */
export interface ImageUse extends NamedImage {
  readonly role: ImageRole;
  /** When the node pulls it, as the object says; absent where it does not. */
  readonly pullPolicy?: string;
}

/** Most images one object may use: far beyond real pods, and all can be judged within one admission deadline. */
export const MAX_IMAGES_PER_OBJECT = 1_000;
/** Most problems that are reported; bounds the answer to an object that is wrong a million times. */
const MAX_PROBLEMS = 20;

/** Only these count as blank: any other odd character is part of a reference, and the reference is judged as invalid. */
const BLANK = /^[ \t\r\n]*$/;

interface ImageList {
  readonly list: string;
  readonly role: ImageRole;
  /** The object inside the element that holds the image, where it is not the element itself. */
  readonly holder?: string;
  readonly image: string;
  /** The field beside the image that says when it is pulled. */
  readonly pullPolicy: string;
}

/** The lists of a pod spec that use images. */
const LISTS: readonly ImageList[] = [
  { list: 'containers', role: 'container', image: 'image', pullPolicy: 'imagePullPolicy' },
  { list: 'initContainers', role: 'init', image: 'image', pullPolicy: 'imagePullPolicy' },
  { list: 'ephemeralContainers', role: 'ephemeral', image: 'image', pullPolicy: 'imagePullPolicy' },
  { list: 'volumes', role: 'volume', holder: 'image', image: 'reference', pullPolicy: 'pullPolicy' },
];

/**
 * Every image an object uses, in the order of its paths; none for a kind without a pod spec. A blank image is skipped:
 * something else fills it in before there is a container, and the pod is judged when it is made; so is a placeholder of a
 * template. Whatever cannot be
 * read is a problem with its field path, as is an object with more than {@link MAX_IMAGES_PER_OBJECT} images: the caller
 * must not take either for "no image".
 */
export function extractImages(
  object: unknown,
  kind: ObjectKind,
  table: WorkloadTable = KUBERNETES_WORKLOADS,
): Parsed<readonly ImageUse[]> {
  const workload = workloadOf(kind, table);
  if (workload === undefined) return parsed([]);
  const uses = usesOf(object, workload);
  return uses.ok ? parsed(uses.value.filter(({ image }) => !isFilledIn(image, workload))) : uses;
}

/** Variables of Tekton, Argo and shells. No reference has such characters, so that a node could not pull it as it stands. */
const VARIABLE = /\$[({]|\{\{/;

/** Whether an image of a template is filled in before there is a container; the Pod is judged by the one that it has. */
function isFilledIn(image: string, { placeholders, optional }: Workload): boolean {
  return placeholders?.has(image) === true || (optional === 'all' && VARIABLE.test(image));
}

function usesOf(object: unknown, workload: Workload): Parsed<readonly ImageUse[]> {
  const uses: ImageUse[] = [];
  const problems: Problem[] = [];
  for (const { path, use } of usesIn(object, workload)) {
    if (use.ok) uses.push(...use.value);
    else problems.push(...use.problems);
    if (problems.length >= MAX_PROBLEMS) break;
    if (uses.length > MAX_IMAGES_PER_OBJECT) {
      problems.push({ path, message: `uses more than ${MAX_IMAGES_PER_OBJECT} images` });
      break;
    }
  }
  return problems.length === 0 ? parsed(uses) : { ok: false, problems };
}

/** The uses of all pod specs, and of fields that are images by themselves: those are named for the field. */
function* usesIn(
  object: unknown,
  workload: Workload,
): Generator<{ readonly path: string; readonly use: Parsed<readonly ImageUse[]> }> {
  const [specs, own] = [podSpecsOf(object, workload), ownImagesOf(object, workload)];
  if (!specs.ok) yield { path: '', use: specs };
  else
    for (const { path, fields } of specs.value) for (const use of readUses(fields, path)) yield { path, use };
  if (!own.ok) yield { path: '', use: own };
  else
    for (const { path: field, image } of own.value.filter((one) => !BLANK.test(one.image)))
      yield { path: field, use: parsed([{ container: field, role: 'container', field, image }]) };
}

function* readUses(spec: Fields, path: string): Generator<Parsed<readonly ImageUse[]>> {
  for (const images of LISTS) {
    const elements = listAt(spec, images.list, path);
    if (!elements.ok) yield elements;
    else
      for (const [index, element] of elements.value.entries())
        yield useOf(element, `${path}.${images.list}[${index}]`, images);
  }
}

function useOf(element: unknown, path: string, images: ImageList): Parsed<readonly ImageUse[]> {
  if (!isObject(element)) return problem(path, 'is not an object');
  const at = images.holder === undefined ? path : `${path}.${images.holder}`;
  const holder = images.holder === undefined ? element : (element[images.holder] ?? {});
  if (!isObject(holder)) return problem(at, 'is not an object');
  const name = textAt(element, 'name', path);
  if (!name.ok) return name;
  const image = textAt(holder, images.image, at);
  if (!image.ok) return image;
  if (BLANK.test(image.value)) return parsed([]);
  const field = `${at}.${images.image}`;
  // It decides nothing: one that is no text is as good as none.
  const pullPolicy = textOf(holder[images.pullPolicy]);
  const use = { container: name.value, role: images.role, field, image: image.value };
  return parsed([{ ...use, ...(pullPolicy !== '' && { pullPolicy }) }]);
}

/**
 * The uses of `now` that `before` does not have: a new container, a changed image, a container that became another kind
 * of container. Order and field do not matter; of several uses that look the same, as many count as there are more of.
 */
export function changedImages(now: readonly ImageUse[], before: readonly ImageUse[]): readonly ImageUse[] {
  const left = new Map<string, number>();
  for (const use of before) left.set(keyOf(use), (left.get(keyOf(use)) ?? 0) + 1);
  return now.filter((use) => {
    const count = left.get(keyOf(use)) ?? 0;
    left.set(keyOf(use), count - 1);
    return count <= 0;
  });
}

function keyOf({ role, container, image }: ImageUse): string {
  return JSON.stringify([role, container, image]);
}
