import { createWorkQueue, type RecordedEvent } from '../../../src/clients/kubernetes/index.ts';
import type { Reason } from '../../../src/core/model/index.ts';
import { PUSHED_AT, type Execution, type ImagePromotionStatus } from '../../../src/core/promotion/index.ts';
import { promotionStatusSchema } from '../../../src/core/promotion/schema/promotion-status.ts';
import { runSpecSchema, runStatusSchema } from '../../../src/core/promotion/schema/run.ts';
import {
  createPromotionController,
  type ControllerOptions,
} from '../../../src/controllers/promotions/controller.ts';
import type {
  ApprovalObject,
  ControllerPorts,
  PromotionObject,
  RunObject,
  RunSubject,
} from '../../../src/controllers/promotions/ports.ts';
import { no } from '../../support/twins/cluster.ts';
import {
  fakeExecution,
  promotionDocument,
  promotionTime,
  runStore,
  WRITTEN,
  type FakeExecution,
} from './fixture.ts';

const NAME = { namespace: 'platform', name: 'node-to-golden' };

/** What the cluster does besides storing objects. */
export interface ControllerFixture {
  fake: FakeExecution;
  check: () => Promise<Reason | undefined>;
  open: (subject: RunSubject) => Promise<Execution>;
  rejudge: NonNullable<ControllerPorts['rejudge']>;
}

/** A cluster in memory with one promotion and a controller that leads. Objects are seen at once. */
export function controllerFixture(
  fake: FakeExecution,
  spec: object = {},
  options: Partial<ControllerOptions> & Pick<ControllerPorts, 'jobs'> & { readonly rejudges?: boolean } = {},
) {
  const time = promotionTime();
  const store = runStore();
  const promotions = new Map<string, PromotionObject>();
  const runNames = new Map<string, string>();
  const approvals: ApprovalObject[] = [];
  const events: RecordedEvent[] = [];
  const counted: string[] = [];
  const troubles: string[] = [];
  const flagged: number[] = [];
  const waits: boolean[] = [];
  const removed: string[] = [];
  const begun: string[] = [];
  let statusWrites = 0;
  let hiddenMs = 0;
  const fixture: ControllerFixture = {
    fake,
    check: () => Promise.resolve(undefined),
    open: () => Promise.resolve(fakeExecution(fixture.fake, time)),
    rejudge: () => Promise.resolve(undefined),
  };
  const put = (
    change: { readonly spec?: object; readonly metadata?: object } = {},
    name = NAME.name,
  ): void => {
    const before = promotions.get(name);
    const document = promotionDocument(change.spec ?? spec, {
      name,
      uid: `uid-${name}`,
      ...before?.metadata,
      ...change.metadata,
    });
    promotions.set(name, {
      ...document,
      ...(before?.status && { status: before.status }),
    });
    controller.onPromotion({ ...NAME, name });
  };
  const ports: ControllerPorts = {
    ...time,
    identity: 'controller-a',
    runs: store,
    executions: { check: () => fixture.check(), open: (subject) => fixture.open(subject) },
    approvals: ({ name }) => approvals.filter((one) => (one.spec as { runName: string }).runName === name),
    report: (error) => troubles.push(String(error)),
    promotions: () => promotions.values(),
    promotion: ({ name }) => promotions.get(name),
    runsOf: ({ metadata }) =>
      time.now() < hiddenMs
        ? []
        : [...runNames].flatMap(([name, owner]) => (owner === metadata.name ? (store.peek(name) ?? []) : [])),
    createRun: (run) => {
      const { metadata, spec: frozen, ...rest } = run as RunObject;
      if (runNames.has(metadata.name)) return Promise.resolve(no(409, 'AlreadyExists', 'is there'));
      const { promotion, trigger } = runSpecSchema.parse(frozen);
      begun.push(trigger);
      runNames.set(metadata.name, promotion.name);
      store.put({
        ...rest,
        spec: frozen,
        metadata: {
          ...metadata,
          uid: `uid-${metadata.name}`,
          generation: 1,
          resourceVersion: '1',
          creationTimestamp: `${time.clock().toISOString().slice(0, 19)}Z`,
        },
      });
      controller.onRun(metadata, promotion.name);
      return Promise.resolve(WRITTEN);
    },
    removeRun: ({ name }) => {
      removed.push(name);
      runNames.delete(name);
      store.remove(name);
      return Promise.resolve();
    },
    writePromotionStatus: ({ metadata }, status) => {
      const before = promotions.get(metadata.name);
      if (!before) return Promise.resolve(no(404, 'NotFound', 'gone'));
      const stored = JSON.parse(JSON.stringify(status)) as ImagePromotionStatus;
      promotionStatusSchema.parse(stored);
      statusWrites += 1;
      promotions.set(metadata.name, { ...before, status: stored });
      controller.onPromotion(metadata);
      return Promise.resolve(WRITTEN);
    },
    makeQueue: (queue) => createWorkQueue({ ...queue, timers: time, random: () => 0.5 }),
    ...(options.jobs && { jobs: options.jobs }),
    ...(options.rejudges !== false && { rejudge: (...given) => fixture.rejudge(...given) }),
    recordEvent: (event) => events.push(event),
    meter: {
      images: (decision, reason, count) => counted.push(`${decision}/${reason}/${String(count)}`),
      bytes: () => undefined,
      flagged: (_, count) => flagged.push(count),
      waiting: (_, isWaiting) => waits.push(isWaiting),
    },
    random: () => 0.5,
    onError: ({ operation, detail }) => troubles.push(`${operation}: ${detail}`),
  };
  const { maxConcurrentRuns = 2, rejudgeEveryMs = 6 * 3_600_000, job } = options;
  const controller = createPromotionController(ports, {
    maxConcurrentRuns,
    rejudgeEveryMs,
    ...(job && { job }),
  });
  store.onWrite = (run) => {
    runStatusSchema.parse(run.status);
    controller.onRun(run.metadata, runNames.get(run.metadata.name));
  };
  const term = new AbortController();
  const lead = (): (() => Promise<void>) => {
    const leading = new AbortController();
    const running = controller.run(AbortSignal.any([leading.signal, term.signal]));
    return async () => {
      leading.abort();
      await time.pass(100);
      await running;
    };
  };
  const runs = () => [...runNames.keys()].map((name) => store.peek(name)).filter((run) => run !== undefined);
  return {
    fixture,
    time,
    store,
    promotions,
    approvals,
    events,
    counted,
    troubles,
    flagged,
    waits,
    removed,
    begun,
    controller,
    lead,
    put,
    /** A replica received an event about a push to its source. */
    push: () => {
      const annotations = promotions.get(NAME.name)?.metadata.annotations;
      put({ metadata: { annotations: { ...annotations, [PUSHED_AT]: time.clock().toISOString() } } });
    },
    runs,
    ports,
    /** The cache of runs shows nothing until then. */
    hideRunsMs: (ms: number) => {
      hiddenMs = ms;
    },
    statusWrites: () => statusWrites,
    status: (): ImagePromotionStatus => promotions.get(NAME.name)?.status ?? {},
    condition: (type: string) => {
      const found = promotions.get(NAME.name)?.status?.conditions?.find((one) => one.type === type);
      return found && `${found.status} ${found.reason}`;
    },
    conditions: () =>
      Object.fromEntries(
        (promotions.get(NAME.name)?.status?.conditions ?? []).map(({ type, status, reason }) => [
          type,
          `${status} ${reason}`,
        ]),
      ),
    phases: () => runs().map(({ status }) => status?.phase),
    remove: () => {
      promotions.delete(NAME.name);
      for (const [name, owner] of runNames)
        if (owner === NAME.name) {
          runNames.delete(name);
          store.remove(name);
        }
      controller.onPromotion(NAME);
    },
    name: NAME,
  };
}
