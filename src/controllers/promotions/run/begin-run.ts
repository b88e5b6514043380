import { openRequest, type DueFacts } from '../due.ts';
import type { RecordedRun } from './recorded-run.ts';
import { runsOf, type Reading } from '../refresh.ts';
import { runName, runObject, type Trigger } from '../run-object.ts';

const ALREADY_THERE = 409;

/** A run was begun, perhaps as the answer to the request of a person. */
export interface Begun {
  readonly runs: readonly RecordedRun[];
  readonly begun: { readonly requestedAt?: string | undefined };
}

/** Creates a run and has it carried out. One that is there already was begun a moment ago, by this process or one before it. */
export async function beginRun(
  { key, object, promotion, runs, now, reconciling }: Reading,
  { trigger, facts }: { readonly trigger: Trigger; readonly facts: DueFacts },
  signal: AbortSignal,
): Promise<Begun> {
  const { ports, begun, woken } = reconciling;
  const { namespace } = object.metadata;
  const requestedAt = openRequest(facts);
  const created = await ports.createRun(
    runObject(object, promotion, { trigger, requestedAt }),
    namespace,
    signal,
  );
  if (!created.ok && created.status !== ALREADY_THERE) throw new Error(created.message);
  // One run answers whatever asked for one before it began.
  woken.delete(key);
  const name = runName(object.metadata, trigger);
  if (runs.some((run) => run.name === name)) return { runs, begun: { requestedAt } };
  const metadata = {
    namespace,
    name,
    uid: '',
    generation: 1,
    resourceVersion: '',
    creationTimestamp: now.toISOString(),
  };
  const { apiVersion } = object;
  const spec = { promotion: { generation: object.metadata.generation }, attempt: trigger.attempt };
  begun.set(key, { apiVersion, kind: 'ImagePromotionRun', metadata, spec });
  reconciling.execute(object.metadata, metadata);
  return { runs: runsOf(object, reconciling), begun: { requestedAt } };
}
