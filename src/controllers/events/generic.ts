import * as z from 'zod';
import { parsed, parseReference, problem, type Parsed } from '../../core/model/index.ts';
import { pushedImage, readPiece, single, type PushedImage } from './pushed-image.ts';

/** Our own form, for pipelines: `{"repository": "registry.example.com/shop/web", "tag": "1.4"}`. */
const event = z.strictObject({ repository: z.string(), tag: z.string().optional() });

/** Reads what a pipeline sends by hand. Docker Hub may be left out, as people do. */
export function readGeneric(body: unknown, registry: string | undefined): Parsed<readonly PushedImage[]> {
  const read = readPiece(event, body);
  if (!read.ok) return read;
  const { repository, tag } = read.value;
  const named = parseReference(`${repository}:latest`);
  if (!named.ok) return problem('repository', named.problems[0]?.message ?? 'is not valid');
  const name = `${named.value.registry}/${named.value.repository}`;
  const image = pushedImage({ name, tag, registry, path: 'tag' });
  return image.ok ? single(parsed(image.value)) : image;
}
