import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Written } from '../../../src/clients/kubernetes/index.ts';
import {
  Fault,
  parseDigest,
  type Digest,
  type ReasonCode,
  type Time,
} from '../../../src/core/model/index.ts';
import {
  parsePromotion,
  type Candidate,
  type Discovery,
  type Execution,
  type ImagePromotion,
  type ImageResult,
} from '../../../src/core/promotion/index.ts';
import { planRun } from '../../../src/core/promotion/plan.ts';
import type { RunOrder } from '../../../src/core/promotion/execute.ts';
import type {
  ApprovalObject,
  GuardedAnswer,
  RunObject,
  RunStore,
} from '../../../src/controllers/promotions/ports.ts';
import { createVirtualTime } from '../../support/virtual-time.ts';
import { NOW } from '../../support/policies.ts';

/** Time of these tests, with a wall clock that begins at the moment at which all tests judge. */
export function promotionTime(): Time & { readonly pass: (ms: number) => Promise<void> } {
  const time = createVirtualTime();
  return {
    now: time.now,
    after: time.after,
    clock: () => new Date(NOW.getTime() + time.now()),
    pass: (ms) => time.advance(ms),
  };
}

/** A different digest for every text. */
export function digestFor(text: string): Digest {
  const digest = parseDigest(`sha256:${createHash('sha256').update(text).digest('hex')}`);
  if (!digest) throw new Error('no digest');
  return digest;
}

/** The document of a promotion called `node-to-golden`. */
export function promotionDocument(spec: object = {}, metadata: object = {}) {
  return {
    apiVersion: 'pratique.dev/v1alpha1',
    kind: 'ImagePromotion',
    metadata: {
      name: 'node-to-golden',
      namespace: 'platform',
      uid: 'promotion-1',
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: NOW.toISOString(),
      ...metadata,
    },
    spec: {
      source: { repository: 'registry.example.com/quarantine/node' },
      target: { repository: 'registry.example.com/golden/node' },
      tags: { include: ['.'] },
      promote: {},
      ...spec,
    },
  };
}

/** That promotion, read. */
export function promotion(spec: object = {}): ImagePromotion {
  const read = parsePromotion(promotionDocument(spec));
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.value;
}

/** A run of that promotion, not begun. */
export function runObject(spec: object = {}, name = 'node-to-golden-1', attempt = 0): RunObject {
  return {
    apiVersion: 'pratique.dev/v1alpha1',
    kind: 'ImagePromotionRun',
    metadata: {
      name,
      namespace: 'platform',
      uid: `uid-${name}`,
      generation: 1,
      resourceVersion: '1',
      creationTimestamp: NOW.toISOString(),
    },
    spec: {
      promotion: { name: 'node-to-golden', uid: 'promotion-1', generation: 1 },
      trigger: 'Change',
      attempt,
      template: promotion(spec).spec,
    },
  };
}

/** A person's decision about an image of that run. */
export function approvalObject(spec: object, uid = 'approval-1'): ApprovalObject {
  const { metadata, ...rest } = runObject();
  return {
    ...rest,
    kind: 'PromotionApproval',
    metadata: { ...metadata, name: uid, uid },
    spec: {
      runName: 'node-to-golden-1',
      approver: 'jane@example.com',
      decision: 'Approve',
      waive: [],
      reason: 'fixed next week',
      until: '2099-01-01',
      ...spec,
    },
  };
}

/** The answer to a write that was stored. */
export const WRITTEN: Written = {
  ok: true,
  object: { apiVersion: 'v1', kind: 'Any', metadata: { name: 'any' } },
  warnings: [],
};

/** Runs as an API server keeps them. */
export interface RunStoreTwin extends RunStore {
  readonly put: (run: RunObject) => void;
  readonly remove: (name: string) => void;
  readonly peek: (name: string) => RunObject | undefined;
  /** Writes that were stored. */
  readonly written: () => number;
  /** Called whenever one was. */
  onWrite: (run: RunObject) => void;
}

/** An empty run store. */
export function runStore(): RunStoreTwin {
  const runs = new Map<string, RunObject>();
  let version = 1;
  let written = 0;
  const store: RunStoreTwin = {
    put: (run) => void runs.set(run.metadata.name, structuredClone(run)),
    remove: (name) => void runs.delete(name),
    peek: (name) => structuredClone(runs.get(name)),
    written: () => written,
    onWrite: () => undefined,
    read: ({ name }) => Promise.resolve(structuredClone(runs.get(name))),
    writeStatus: ({ metadata }, status) => {
      const stored = runs.get(metadata.name);
      if (!stored) return Promise.resolve({ state: 'gone' });
      if (stored.metadata.resourceVersion !== metadata.resourceVersion)
        return Promise.resolve({ state: 'changed' });
      version += 1;
      written += 1;
      const run = {
        ...stored,
        metadata: { ...stored.metadata, resourceVersion: String(version) },
        status: structuredClone(status),
      };
      runs.set(metadata.name, run);
      store.onWrite(run);
      return Promise.resolve<GuardedAnswer>({ state: 'written', run: structuredClone(run) });
    },
  };
  return store;
}

/** What becomes of an image in a fake execution. */
export type Fate = Partial<ImageResult> & Pick<ImageResult, 'decision'>;

/** How a fake execution behaves. */
export interface FakeExecution {
  readonly candidates: readonly Candidate[];
  readonly fate?: (tag: string, order: RunOrder) => Fate;
  /** Milliseconds one image takes. */
  readonly imageMs?: number;
  readonly discovery?: () => Promise<Discovery>;
  readonly onImage?: (tag: string) => void;
}

/** An execution that copies nothing: one image after the other, each with its duration. */
export function fakeExecution(
  { candidates, fate = () => ({ decision: 'Promoted' }), imageMs = 0, discovery, onImage }: FakeExecution,
  { after }: Pick<Time, 'after'>,
): Execution & { readonly plans: () => number } {
  let plans = 0;
  const images = planRun(candidates, { onTagExists: 'Overwrite', tidies: false });
  return {
    plans: () => plans,
    plan: () => {
      plans += 1;
      return discovery ? discovery() : Promise.resolve({ state: 'planned', images });
    },
    run: async (planned, order, signal) => {
      const results: ImageResult[] = [];
      for (const { tag, digest } of planned) {
        await pause(imageMs, after, signal);
        const ended = signal.aborted ? endedBy(signal) : fate(tag, order);
        if (!signal.aborted) onImage?.(tag);
        const result: ImageResult = { tag, ...(digest && { digest }), ...NOTHING, ...ended };
        order.progress.onResult(result);
        results.push(result);
      }
      return results;
    },
    close: () => Promise.resolve(),
  };
}

const NOTHING = {
  bytes: 0,
  blobs: { mounted: 0, copied: 0, skipped: 0 },
  attachments: { found: 0, carried: 0, leftByRule: 0 },
};

function endedBy({ reason }: AbortSignal): Fate {
  return { decision: 'Failed', reason: reason instanceof Fault ? reason.code : 'DeadlineExceeded' };
}

/** Waits, or less when the signal fires. */
export async function pause(ms: number, after: Time['after'], signal: AbortSignal): Promise<void> {
  if (ms === 0 || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      cancel();
      resolve();
    };
    const cancel = after(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** So many tags that are not at the target yet. */
export function candidates(...tags: readonly string[]): readonly Candidate[] {
  return tags.map((tag) => ({ tag, digest: digestFor(tag), expected: digestFor(tag) }));
}

/** A broken connection. */
export function fault(code: ReasonCode, transient: boolean): Fault {
  return new Fault({ code, operation: 'ask', side: 'source', transient, detail: 'it broke' });
}

/** Waits until every promise that can settle has done so. */
export async function settle(): Promise<void> {
  await setImmediate();
  await setImmediate();
}
