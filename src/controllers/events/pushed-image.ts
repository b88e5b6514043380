import type * as z from 'zod';
import {
  isTag,
  parsed,
  parseReference,
  problem,
  type ImageRef,
  type Parsed,
  type Problem,
} from '../../core/model/index.ts';

/** The image that an event reports as pushed. A claim: it shows where to check, and proves nothing about the content. */
export type PushedImage = Pick<ImageRef, 'registry' | 'repository' | 'tag'>;

/** What is read beside a body. */
export interface Beside {
  /** Stands in for the host that the sender names. */
  readonly registry: string | undefined;
  /** The type of a CloudEvent whose attributes are in headers. */
  readonly type?: string | undefined;
}

/** How one sender's body is read: the images that were pushed, none for events of other kinds. */
export type ReadEvents = (body: unknown, beside: Beside) => Parsed<readonly PushedImage[]>;

/** Most pushes in one request, of which senders put a handful together. */
export const MAX_EVENTS = 1_000;

/** The name in a reference, which may have a tag or a digest. */
export function nameIn(reference: string): string {
  const [named = ''] = reference.split('@', 1);
  const colon = named.lastIndexOf(':');
  return colon > named.lastIndexOf('/') ? named.slice(0, colon) : named;
}

/** Reads a piece of a body; problems are reported below `path`. Unlike zod's own messages, these never quote what came. */
export function readPiece<T>(schema: z.ZodType<T>, value: unknown, path = ''): Parsed<T> {
  const read = schema.safeParse(value);
  if (read.success) return parsed(read.data);
  const problems = read.error.issues.map((issue) => ({
    path: issue.path.reduce<string>(below, path),
    message: issue.code === 'unrecognized_keys' ? 'has unknown fields' : issue.message,
  }));
  return { ok: false, problems };
}

/** The path of a field below another. */
export function below(path: string, part: PropertyKey): string {
  if (typeof part === 'number') return `${path}[${part}]`;
  return path === '' ? String(part) : `${path}.${String(part)}`;
}

/** What {@link pushedImage} puts together, and where it was read. */
interface Named {
  /** With the host in front, without tag and digest. */
  readonly name: string;
  readonly tag: string | undefined;
  /** Stands in for the host in `name`. */
  readonly registry: string | undefined;
  readonly path: string;
}

/** The one image that was pushed, by the name of its repository. */
export function pushedImage({ name, tag, registry, path }: Named): Parsed<readonly PushedImage[]> {
  const slash = name.indexOf('/');
  const host = slash < 0 ? '' : (registry ?? name.slice(0, slash));
  // As part of a path it would be another repository, on Docker Hub.
  if (!isHost(host)) return problem(path, 'does not begin with the host of a registry');
  const read = parseReference(`${host}${name.slice(slash)}:latest`);
  if (!read.ok) return problem(path, read.problems[0]?.message ?? 'is not valid');
  const image = { registry: read.value.registry, repository: read.value.repository };
  if (tag === undefined || tag === '') return parsed([image]);
  return isTag(tag) ? parsed([{ ...image, tag }]) : problem(path, 'comes with a tag that cannot be one');
}

function isHost(text: string): boolean {
  return /[.:]/.test(text) || text.toLowerCase() === 'localhost';
}

/** All of them, each image once; or all that is wrong with any. */
export function allOf(read: readonly Parsed<readonly PushedImage[]>[]): Parsed<readonly PushedImage[]> {
  const problems: Problem[] = [];
  const images = new Map<string, PushedImage>();
  for (const one of read) {
    if (!one.ok) problems.push(...one.problems);
    else
      for (const image of one.value)
        images.set(`${image.registry}/${image.repository}:${image.tag ?? ''}`, image);
  }
  return problems.length > 0 ? { ok: false, problems } : parsed([...images.values()]);
}
