import { createWorkQueue, type RecordedEvent } from '../../../src/clients/kubernetes/index.ts';
import type { Fact, JudgedImage } from '../../../src/core/model/index.ts';
import { parseReference } from '../../../src/core/model/index.ts';
import type { CompiledPolicy, Labels } from '../../../src/core/policy/index.ts';
import { createAudit } from '../../../src/controllers/audit/audit.ts';
import type { AuditChange, AuditPorts } from '../../../src/controllers/audit/ports.ts';
import { PUBLISH_EVERY_MS, type Audit } from '../../../src/controllers/audit/audit.ts';
import type { AuditQuestion, AuditSettings, AuditStatus } from '../../../src/controllers/audit/ports.ts';
import type { Report } from '../../../src/controllers/audit/report.ts';
import { countVerdicts } from '../../../src/controllers/audit/tally.ts';
import type { RunningPod } from '../../../src/controllers/audit/running-pods.ts';
import { evidenceOf, found, verdictOf } from '../../support/policies.ts';
import { settle, stillTime, type StillTime } from './time.ts';

/** An audit over values, with every request and every report of it in lists. */
export interface AuditFixture {
  readonly time: StillTime;
  readonly audit: Audit;
  readonly pods: Map<string, RunningPod>;
  policies: readonly CompiledPolicy[];
  /** Labels of namespaces; empty for any other. */
  labels: Readonly<Record<string, Fact<Labels>>>;
  /** What the registry shows, by the reference asked for; by default an image without referrers and signatures. */
  evidence: Readonly<Record<string, Parameters<typeof evidenceOf>[0]>>;
  /** Answers instead of judging. */
  answer: ((question: AuditQuestion) => Promise<readonly JudgedImage[]>) | undefined;
  /** Reports are kept when this is set. */
  installed: boolean;
  readonly asked: AuditQuestion[];
  readonly events: RecordedEvent[];
  readonly statuses: { readonly policy: string; readonly status: AuditStatus }[];
  /** What is written, by namespace. */
  readonly store: Map<string, Report>;
  readonly writes: string[];
  readonly troubles: { readonly operation: string; readonly detail: string }[];
  readonly bugs: unknown[];
  readonly put: (pod: RunningPod) => void;
  readonly remove: (pod: RunningPod) => void;
  readonly change: (change: AuditChange) => void;
  /** Leads until `stop`, and waits until the first round is reported. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Settings under which nothing waits for its budget. */
export const SETTINGS: AuditSettings = {
  everyMs: 600_000,
  perRegistryPerSecond: 1_000,
  unmatchedImages: 'Allow',
  builtInPolicies: ['built-in'],
};

/** A bench that has not started. */
export function auditFixture(
  settings: Partial<AuditSettings> = {},
  ports: Partial<AuditPorts> = {},
): AuditFixture {
  const time = stillTime();
  const change = (one: AuditChange) => fixture.audit.follow(one);
  const leading = new AbortController();
  let run = Promise.resolve();
  const all: AuditPorts = {
    policies: () => fixture.policies,
    namespaceLabels: async (namespace) => fixture.labels[namespace] ?? found({}),
    judge: async (question) => {
      fixture.asked.push(question);
      return fixture.answer ? fixture.answer(question) : judgeAsked(question, fixture);
    },
    writeStatus: async (policy, status) => {
      fixture.statuses.push({ policy, status });
      return { ok: true };
    },
    recordEvent: (event) => fixture.events.push(event),
    reports: {
      installed: async () => fixture.installed,
      namespaces: async () => [...fixture.store.keys()],
      write: async (namespace, report) => {
        fixture.writes.push(`write ${namespace}`);
        // As the API server keeps it.
        fixture.store.set(namespace, JSON.parse(JSON.stringify(report)) as Report);
        return { ok: true };
      },
      remove: async (namespace) => {
        fixture.writes.push(`remove ${namespace}`);
        fixture.store.delete(namespace);
        return { ok: true };
      },
    },
    makeQueue: (options) => createWorkQueue({ ...options, timers: time.timers }),
    clock: time.clock,
    after: time.after,
    random: () => 0.5,
    onError: (trouble) => fixture.troubles.push(trouble),
    report: (error) => fixture.bugs.push(error),
    ...ports,
  };
  const fixture: AuditFixture = {
    time,
    audit: createAudit(all, { ...SETTINGS, ...settings }),
    pods: new Map(),
    policies: [],
    labels: {},
    evidence: {},
    answer: undefined,
    installed: false,
    asked: [],
    events: [],
    statuses: [],
    store: new Map(),
    writes: [],
    troubles: [],
    bugs: [],
    put: (pod) => {
      fixture.pods.set(`${pod.namespace}/${pod.name}`, pod);
      change({ type: 'set', name: pod.name, namespace: pod.namespace, value: pod });
    },
    remove: (pod) => {
      const { name, namespace } = pod;
      fixture.pods.delete(`${namespace}/${name}`);
      change({ type: 'removed', name, namespace, previous: pod });
    },
    change,
    start: async () => {
      run = fixture.audit.run(leading.signal, () => fixture.pods.values());
      // Many pods are read some at a time.
      for (let read = 0; read < fixture.pods.size; read += 100) await settle();
      await time.pass(PUBLISH_EVERY_MS);
    },
    stop: async () => {
      leading.abort();
      await run;
    },
  };
  return fixture;
}

function judgeAsked(
  { images, policies, labels }: AuditQuestion,
  fixture: AuditFixture,
): readonly JudgedImage[] {
  return images.map((image) => {
    const use = parseReference(image.image);
    if (!use.ok) return { ...image, verdict: { kind: 'allow', findings: [] } };
    const evidence = evidenceOf({ image: use.value, ...fixture.evidence[image.image] });
    const verdict = verdictOf(policies, { use: use.value, evidence, labels, now: fixture.time.clock() });
    return { ...image, reference: use.value, verdict, evidence };
  });
}

/** How far an audit is: images by the worst verdict on them, and units, which are judged one by one. */
export function snapshotOf({ audit }: AuditFixture) {
  const session = audit.session();
  const images = { allow: 0, warn: 0, deny: 0, unknown: 0 };
  for (const { verdict, images: count } of countVerdicts(session?.findings.values() ?? []))
    images[verdict] += count;
  return {
    running: session !== undefined,
    images,
    ...(session?.units.counts() ?? { units: 0, pods: 0, waiting: 0 }),
    judged: session?.findings.size ?? 0,
    queued: session?.queued() ?? 0,
  };
}
