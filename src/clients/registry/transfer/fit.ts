import type { Descriptor } from '../../../core/model/index.ts';
import { contentType, drop, header } from '../answer.ts';
import type { Answer, Call } from '../call.ts';
import { misbehaved, quote } from '../fault.ts';

/**
 * Most bytes of a blob that is read whole and proven by its digest before any of it is handed on: what internal services answer is
 * shorter (documents, credentials), and most layers are longer.
 */
export const DEFAULT_PROVEN_BYTES = 4 * 1024 * 1024;

/** Types of documents: pages, errors and answers of services, and what is served where nothing is known of a file that reads well. */
const DOCUMENT = /^text\/|^application\/(?:json|xml|xhtml\+xml|problem\+json|problem\+xml)$/;
/** Types of blobs that may be served as documents. */
const READABLE = /^text\/|[/+](?:json|xml|yaml)$/;

/**
 * Refuses an answer that cannot be the blob, from `offset` on, before any of it is read: a place that a registry redirects to may
 * answer with anything. Its length has to be that of the descriptor. The type counts where the digest is proven only at the end.
 */
export function refuseOtherContent(
  call: Call,
  answer: Answer,
  { size, mediaType }: Pick<Descriptor, 'size' | 'mediaType'>,
  offset: number,
): void {
  const length = header(answer, 'content-length');
  const expected = answer.status === 206 ? size - offset : size;
  if (length !== undefined && Number(length) !== expected) {
    drop(answer);
    throw misbehaved(
      call,
      `${answer.url.host} sends ${quote(length)} bytes, and the descriptor says ${expected}`,
    );
  }
  const type = contentType(answer) ?? '';
  if (size <= DEFAULT_PROVEN_BYTES || !DOCUMENT.test(type) || READABLE.test(mediaType)) return;
  drop(answer);
  throw misbehaved(call, `${answer.url.host} sends ${quote(type)} in place of the blob`);
}
