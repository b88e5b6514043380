import * as z from 'zod';
import {
  excessOfJson,
  explainFailure,
  MAX_JSON_VALUES,
  parsed,
  parseJson,
  parseWith,
  problem,
} from '../core/model/index.ts';
import type { JobOutcome, Parsed, ReasonCode } from '../core/model/index.ts';
import { isWorkload, KUBERNETES_WORKLOADS, reducedObject } from '../core/workload/index.ts';
import type { WorkloadTable } from '../core/workload/index.ts';
import { within } from './deadline.ts';

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

/** A request, or its problems, with the uid as far as it could be read. */
export type DecodedReview = Parsed<AdmissionRequest> & { readonly uid: string };

/** Bytes up to which a review is decoded whole and on the main thread: at worst it takes two milliseconds, and real ones have some KiB. */
export const SMALL_REVIEW_BYTES = 64 * 1024;

/** Reads an AdmissionReview; problems come with the field path, `uid` as far as it could be read. */
export function decodeReview(body: Uint8Array): DecodedReview {
  const json = parseJson(body);
  if (json === undefined) return { ...problem('', 'the body is not JSON'), uid: '' };
  const read = parseWith(review, json);
  if (read.ok) return { ...parsed(read.value.request), uid: read.value.request.uid };
  return { ...read, uid: uidOnly.safeParse(json).data?.request.uid ?? '' };
}

/** A large review, and the kinds whose objects have images. */
export interface LargeReview {
  readonly body: Uint8Array;
  readonly workloads: WorkloadTable;
}

const EXCESS = {
  values: `the review has more than ${String(MAX_JSON_VALUES)} values`,
  depth: 'the review is nested too deeply',
} as const;

/** Reads a large AdmissionReview, and leaves out of its objects what is not read of them. May run on another thread. */
export function decodeLargeReview({ body, workloads }: LargeReview): DecodedReview {
  const excess = excessOfJson(body);
  if (excess) return { ...refused('LimitExceeded', EXCESS[excess]), uid: headOf(body).uid };
  const read = decodeReview(body);
  if (!read.ok) return read;
  const { uid, value: request } = read;
  const object = reducedObject(request.object, request.kind, workloads);
  const oldObject = reducedObject(request.oldObject, request.kind, workloads);
  // What is no workload brings nothing, whatever it lists.
  if (!object.ok && isWorkload(request.kind, workloads))
    return { ...refused('LimitExceeded', object.problems[0]?.message ?? '', object.problems[0]?.path), uid };
  // Without a readable old object nothing counts as unchanged.
  const reduced = {
    object: object.ok ? object.value : {},
    oldObject: oldObject.ok ? oldObject.value : undefined,
  };
  return { ...parsed({ ...request, ...reduced }), uid };
}

/** A problem with a reason of its own. */
export function refused(reason: ReasonCode, message: string, path = ''): Parsed<never> {
  return { ok: false, problems: [{ path: path && `request.object.${path}`, message, reason }] };
}

/** Bytes in which an API server writes the names of a request, before the object. */
const HEAD_BYTES = 4_096;

/**
 * What the first bytes of a review say, without parsing all of it: good enough to address a refusal and to let namespaces take
 * turns. Quotes inside of names are escaped, so no name can be taken for a field.
 */
export function headOf(body: Uint8Array): { readonly uid: string; readonly namespace: string } {
  const head = Buffer.from(body.subarray(0, HEAD_BYTES)).toString('latin1');
  const [, uid = ''] = /"request":\s*\{\s*"uid":\s*"([\w-]{1,64})"/.exec(head) ?? [];
  const [, namespace = ''] = /"namespace":\s*"([a-z0-9-]{1,63})"/.exec(head) ?? [];
  return { uid, namespace };
}

/** Bytes of a review, and the milliseconds that it may take in all. */
export interface Review {
  readonly body: Uint8Array;
  readonly budgetMs: number;
}

/** What decoding needs: which kinds hold a pod spec, and another thread. */
export interface DecodePorts {
  /** Absent = the kinds of Kubernetes alone. */
  readonly workloads?: WorkloadTable;
  /** Decodes large reviews beside the main thread; never rejects. Absent = they are decoded on it. */
  readonly decodeElsewhere?: (
    review: LargeReview,
    weight: { readonly bytes: number; readonly owner: string },
  ) => Promise<JobOutcome<DecodedReview>>;
}

/** Decodes a review: a small one here, a large one elsewhere, where namespaces take turns. Never rejects. */
export async function readReview({ body, budgetMs }: Review, ports: DecodePorts): Promise<DecodedReview> {
  const { workloads = KUBERNETES_WORKLOADS, decodeElsewhere } = ports;
  const bytes = body.byteLength;
  if (bytes <= SMALL_REVIEW_BYTES) return decodeReview(body);
  if (decodeElsewhere === undefined) return decodeLargeReview({ body, workloads });
  const { uid, namespace: owner } = headOf(body);
  const decoding = decodeElsewhere({ body, workloads }, { bytes, owner });
  const outcome = (await within(budgetMs, () => decoding)) ?? LATE;
  if (outcome.ok) return outcome.value;
  const { code, detail, transient } = explainFailure(
    outcome.failure,
    `read a review of ${String(bytes)} bytes`,
  );
  return { ...refused(code, transient ? `${detail} (temporary, try again)` : detail), uid };
}

const LATE = { ok: false, failure: 'late' } as const;
