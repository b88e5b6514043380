import * as z from 'zod';
import { parsed, parseJson, parseWith, problem, type Parsed } from '../core/model/index.ts';

/** The API server sends null for what is not there, and reviews that were recorded or written by hand leave it out. */
const orElse = <T, F>(schema: z.ZodType<T>, fallback: F) =>
  schema.nullish().transform((value) => value ?? fallback);
const text = orElse(z.string(), '');

const review = z.object({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: z.object({
    uid: z.string().min(1),
    kind: z.object({ group: text, version: z.string(), kind: z.string().min(1) }),
    resource: orElse(
      z.object({ group: text, version: z.string().min(1), resource: z.string().min(1) }),
      undefined,
    ),
    subResource: text,
    operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
    namespace: text,
    name: text,
    object: z.unknown().optional(),
    oldObject: z.unknown().optional(),
    dryRun: orElse(z.boolean(), false),
  }),
});

/** The parts of an AdmissionReview v1 request that are used; `resource` is absent in reviews written by hand. */
export type AdmissionRequest = z.output<typeof review>['request'];

/** The uid of a review that may be broken elsewhere, so that even its refusal is an answer to that request. */
const uidOnly = z.object({ request: z.object({ uid: z.string().min(1) }) });

/** Reads an AdmissionReview; problems come with the field path, `uid` as far as it could be read. */
export function decodeReview(body: Uint8Array): Parsed<AdmissionRequest> & { readonly uid: string } {
  const json = parseJson(body);
  if (json === undefined) return { ...problem('', 'the body is not JSON'), uid: '' };
  const uid = uidOnly.safeParse(json).data?.request.uid ?? '';
  const read = parseWith(review, json);
  return read.ok ? { ...parsed(read.value.request), uid } : { ...read, uid };
}
