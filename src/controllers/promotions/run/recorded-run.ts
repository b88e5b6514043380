import * as z from 'zod';
import type { RunObject } from '../ports.ts';
import { type KnownApproval, decideBy, goesOn, isOver } from '../run-state.ts';

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

/** Whether a run that has ended continues, because a person has decided since. */
export function isDecided(run: RecordedRun, approvals: readonly KnownApproval[], now: Date): boolean {
  const { status = {} } = run.object;
  return run.over && goesOn(status, decideBy(run.name, approvals, { considered: status.considered, now }));
}

function recordedRun(object: RunObject): RecordedRun {
  const { metadata, spec, status = {} } = object;
  const { promotion, attempt } = wanted.safeParse(spec).data ?? UNREADABLE;
  const requestedAt = metadata.annotations?.[ANSWERS_REQUEST];
  const over = isOver(status);
  return {
    object,
    name: metadata.name,
    generation: promotion.generation,
    attempt,
    createdAt: new Date(metadata.creationTimestamp),
    over,
    ...(requestedAt !== undefined && { requestedAt }),
    ...(over && status.completionTime !== undefined && { endedAt: new Date(status.completionTime) }),
    ...(status.plan?.nothing !== undefined && { nothing: status.plan.nothing }),
    ...failureOf(object),
  };
}

function failureOf({ status = {} }: RunObject): Pick<RecordedRun, 'failure'> {
  if (status.phase !== 'Failed') return {};
  const failed = status.conditions?.find(({ type }) => type === 'Failed');
  const { reason = 'Failed', message = '' } = failed ?? {};
  return { failure: { code: reason, message, retryable: status.retryable ?? false } };
}
