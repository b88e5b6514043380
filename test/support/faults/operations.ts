// The four operations, as the program does them: each gives a short answer.
import { createWorkQueue, SYSTEM_TIMERS } from '../../../src/clients/kubernetes/index.ts';
import { podSelector } from '../../../src/controllers/audit/running-pods.ts';
import { openSession, UNIT_DEADLINE_MS } from '../../../src/controllers/audit/session.ts';
import { Fault } from '../../../src/core/model/index.ts';
import type { CompiledPolicy } from '../../../src/core/policy/index.ts';
import { review } from '../../../src/webhook/index.ts';
import { podReview } from '../reviews.ts';
import type { PromotionOutcome } from '../promotions/promotion-fixture.ts';
import type { Target } from '../registry/push.ts';
import { isSource, type Knob } from './knob.ts';
import type { Installation, OpenStage } from './stage.ts';

/** Does it, and gives reason codes joined by `+`, else the decision. */
export function carryOut(knob: Knob, stage: OpenStage, installation: Installation): Promise<string> {
  switch (stage.operation) {
    case 'admission':
      return admit(stage.badPlace, installation);
    case 'audit':
      return audit(stage, installation);
    default:
      return promote(knob, stage, installation);
  }
}

/** What must be true of an image: signed, not flagged, not past its end. */
function policyOf({ fixture, key }: Installation): CompiledPolicy {
  return fixture.policy({
    match: { images: ['**'] },
    authorities: [{ name: 'release', key: { pem: key.pem } }],
    require: { signatures: { from: ['release'] }, quarantine: { releasedBy: ['release'] }, lifecycle: {} },
  });
}

const nothing = (): void => undefined;
const labels = { state: 'found', value: {}, seenAt: new Date() } as const;
const answerOf = (verdict: string, reasons: readonly string[]): string =>
  reasons.length === 0 ? verdict : [...new Set(reasons)].toSorted().join('+');

/** The answer to a pod that names the image. */
export async function admit({ registry, repository, tag }: Target, at: Installation): Promise<string> {
  const body = Buffer.from(JSON.stringify(podReview([`${registry}/${repository}:${tag}`])));
  const policies = [policyOf(at)];
  const { verdict, reasons } = await review(
    { body, budgetMs: at.budgetMs.admission },
    {
      policies: () => policies,
      namespaceLabels: () => Promise.resolve(labels),
      judge: (question) => at.fixture.judgeImages({ ...question, credentials: undefined }),
      onDecision: nothing,
      report: nothing, // the answer is InternalError then
    },
  );
  return answerOf(verdict, reasons);
}

/** The finding of the audit about a pod that runs the image. */
async function audit({ badPlace, image }: OpenStage, at: Installation): Promise<string> {
  const { registry, repository, tag } = badPlace;
  const name = `${registry}/${repository}`;
  const pod = podSelector()({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', uid: 'uid-web' },
    spec: { containers: [{ name: 'web', image: `${name}:${tag}` }] },
    status: {
      phase: 'Running',
      containerStatuses: [{ name: 'web', image: `${name}:${tag}`, imageID: `${name}@${image.digest}` }],
    },
  });
  const ending = new AbortController();
  const { promise: failed, resolve: fail } = Promise.withResolvers<string>();
  const { promise: judged, resolve: judge } = Promise.withResolvers<undefined>();
  const policies = [policyOf(at)];
  const session = openSession(
    () => [pod],
    {
      ports: {
        ...SYSTEM_TIMERS,
        clock: () => new Date(),
        // The deadline of a unit, at the scale of the other limits.
        after: (ms, run) => SYSTEM_TIMERS.after((ms * at.budgetMs.audit) / UNIT_DEADLINE_MS, run),
        policies: () => policies,
        namespaceLabels: () => Promise.resolve(labels),
        judge: async (question) => {
          const answer = await at.fixture.judgeImages({ ...question, credentials: undefined });
          // The audit may ask about the tag as well, before it has found anything.
          setImmediate(() => {
            if (session.findings.size > 0) judge(undefined);
          });
          return answer;
        },
        writeStatus: () => Promise.resolve({ ok: true }),
        recordEvent: nothing,
        makeQueue: (options) => createWorkQueue({ ...options, timers: SYSTEM_TIMERS }),
        random: () => 0.5,
        onError: ({ detail }) => {
          fail(detail);
        },
        report: (error) => {
          fail(`bug: ${String(error)}`);
        },
      },
      settings: {
        ...{ everyMs: 600_000, perRegistryPerSecond: 1_000 },
        ...{ unmatchedImages: 'Allow', builtInPolicies: [] },
      },
    },
    ending.signal,
  );
  try {
    const failure = await Promise.race([failed, judged]);
    if (failure !== undefined) return failure;
    const [{ judgement: { verdict } } = { judgement: { verdict: undefined } }] = session.findings.values();
    if (verdict === undefined) return 'nothing was found';
    return answerOf(
      verdict.kind,
      verdict.findings.map(({ reason }) => reason),
    );
  } finally {
    ending.abort();
    await session.close();
  }
}

/** The result of a mirror from or to the bad registry, or of a promotion. */
async function promote(knob: Knob, stage: OpenStage, at: Installation): Promise<string> {
  const { operation, badPlace, goodPlace } = stage;
  const [source, target] = isSource(knob, operation) ? [badPlace, goodPlace] : [goodPlace, badPlace];
  const sign = { secretRef: { name: 'cosign-key' } };
  const rules =
    operation === 'mirror' ? { mirror: {} } : { promote: { deleteSource: knob.side === 'delete', sign } };
  const run = at.fixture.run({
    spec: {
      source: { repository: `${source.registry}/${source.repository}` },
      target: { repository: `${target.registry}/${target.repository}` },
      tags: { explicit: ['1.0.0'] },
      ...rules,
    },
    secrets: { 'cosign-key': { 'cosign.key': at.signingPem } },
    signal: AbortSignal.timeout(at.budgetMs[operation]),
  });
  return run.then(resultOf, reasonOf);
}

function resultOf({ results }: PromotionOutcome): string {
  const [{ decision, reason, message = '' } = { decision: 'no result', reason: undefined }] = results;
  return `${reason ?? decision}${message.includes('the source was not deleted') ? '-and-left' : ''}`;
}

/** The code of a Fault, or of a plan that is refused. */
function reasonOf(error: unknown): string {
  if (error instanceof Fault) return error.code;
  const refused = /^([A-Z]\w+): /.exec(error instanceof Error ? error.message : '')?.[1];
  if (refused === undefined) throw error;
  return refused;
}
