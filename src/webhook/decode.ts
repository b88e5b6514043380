import * as z from 'zod';
import { parsed, problem, type Parsed, parseJson, schemaProblems } from '../core/model/index.ts';

/** The parts of an AdmissionReview v1 request that are used. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  /** What was asked for, e.g. `deployments`; absent in reviews written by hand. */
  readonly resource?:
    { readonly group: string; readonly version: string; readonly resource: string } | undefined;
  readonly subResource: string;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly namespace: string;
  readonly name: string;
  readonly object?: unknown;
  readonly oldObject?: unknown;
  readonly dryRun: boolean;
}

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');

const review = z.object({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: z.object({
    uid: z.string().min(1),
    kind: z.object({ group: text, version: z.string(), kind: z.string().min(1) }),
    resource: z
      .object({ group: text, version: z.string().min(1), resource: z.string().min(1) })
      .nullish()
      .transform((value) => value ?? undefined),
    subResource: text,
    operation: z.enum(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']),
    namespace: text,
    name: text,
    // Absent in reviews that were recorded or written by hand; the API server sends null.
    object: z.unknown().optional(),
    oldObject: z.unknown().optional(),
    dryRun: z
      .boolean()
      .nullish()
      .transform((value) => value ?? false),
  }),
});

/** The uid of a review that may be broken elsewhere, so that even its refusal is an answer to that request. */
const uidOnly = z.object({ request: z.object({ uid: z.string().min(1) }) });

/** Reads an AdmissionReview; problems come with the field path, `uid` as far as it could be read. */
export function decodeReview(body: Uint8Array): Parsed<AdmissionRequest> & { readonly uid: string } {
  const json = parseJson(body);
  if (json === undefined) return { ...problem('', 'the body is not JSON'), uid: '' };
  const uid = uidOnly.safeParse(json).data?.request.uid ?? '';
  const read = review.safeParse(json);
  if (read.success) return { ...parsed(read.data.request), uid };
  return { ok: false, problems: schemaProblems(read.error), uid };
}
