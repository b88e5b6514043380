import * as z from 'zod';
import type { RunObject } from '../ports.ts';
import { isOver } from '../run-state.ts';

/** A run, as its promotion needs it. */
export interface RecordedRun {
  readonly object: RunObject;
  readonly name: string;
  readonly generation: number;
  readonly attempt: number;
  /** The request of a person that it answers. */
  readonly requestedAt?: string;
  readonly createdAt: Date;
  readonly over: boolean;
  readonly endedAt?: Date;
  /** Why it selected no image. */
  readonly nothing?: string;
  /** Why it failed, and whether the failure is transient. */
  readonly failure?: { readonly code: string; readonly message: string; readonly retryable: boolean };
}

/** Annotation of a run: the request of a person that was answered by it. */
export const ANSWERS_REQUEST = 'pratique.dev/answers-request';

const wanted = z.object({
  promotion: z.object({ generation: z.number() }),
  attempt: z.number().default(0),
});
/** For a run that another version of the program wrote. */
const UNREADABLE = { promotion: { generation: 0 }, attempt: 0 };

/** Reads the runs of a promotion, the newest first. */
export function knownRuns(objects: readonly RunObject[]): readonly RecordedRun[] {
  return objects
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(recordedRun)
    .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime() || (a.name < b.name ? 1 : -1));
}

function recordedRun(object: RunObject): RecordedRun {
  const { metadata, spec, status = {} } = object;
  const { promotion, attempt } = wanted.safeParse(spec).data ?? UNREADABLE;
  const over = isOver(status);
  const { completionTime } = status;
  return {
    object,
    name: metadata.name,
    generation: promotion.generation,
    attempt,
    requestedAt: metadata.annotations?.[ANSWERS_REQUEST],
    createdAt: new Date(metadata.creationTimestamp),
    over,
    endedAt: over && completionTime !== undefined ? new Date(completionTime) : undefined,
    nothing: status.plan?.nothing,
    failure: failureOf(status),
  };
}

function failureOf(status: NonNullable<RunObject['status']>): RecordedRun['failure'] {
  if (status.phase !== 'Failed') return undefined;
  const failed = status.conditions?.find(({ type }) => type === 'Failed');
  const { reason = 'Failed', message = '' } = failed ?? {};
  return { code: reason, message, retryable: status.retryable ?? false };
}
