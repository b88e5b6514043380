import { randomBytes } from 'node:crypto';
import { errorFields, type Gauge } from '../core/model/index.ts';
import {
  createSelfTest,
  enforcedCondition,
  customKindFinder,
  podFinder,
  type SelfTestPorts,
} from '../controllers/self-test/index.ts';
import {
  createEventRecorder,
  createWorkQueue,
  watchCollection,
  writeStatus,
} from '../clients/kubernetes/index.ts';
import { createAudit, podSelector, type AuditChange } from '../controllers/audit/index.ts';
import { auditPorts } from './audit-ports.ts';
import type { LeaderOptions } from './parts.ts';
import { keepPolicyStatus } from '../controllers/policies/index.ts';
import { keepPromotions } from './promotions.ts';
import { keepRegistration } from '../controllers/certificates/index.ts';
import { RESOURCES, unprovenCanaries } from '../core/workload/index.ts';
import { clock } from './process-context.ts';

/** What the leader does besides serving. */
export interface LeaderTasks {
  /** One term; ends with the signal. */
  readonly lead: (signal: AbortSignal) => Promise<void>;
  readonly onPolicies: (names: readonly string[]) => void;
  readonly onSecret: (name: string) => void;
  readonly onNamespace: (name: string) => void;
  readonly gauges: readonly Gauge[];
  /** What readiness tells, one line each. */
  readonly details: () => readonly string[];
  readonly close: () => Promise<void>;
}

/**
 * Pods asked for at once. A page is held as bytes, as text and as objects, about ten times what the pods on it take in JSON,
 * before anything of it can be let go; 5,000 pods are fifty calls that take two seconds together.
 */
const PODS_ON_PAGE = 100;

/** Joins the leader's duties; each goes on by itself, and one that breaks stops no other. */
export function createLeaderTasks(options: LeaderOptions): LeaderTasks {
  const { settings, cluster, namespace, identity, replica, telemetry, log } = options;
  const listeners = new Set<(change: AuditChange) => void>();
  const logLeader = (change: AuditChange) => {
    for (const listener of listeners) listener(change);
  };
  const events = createEventRecorder({
    cluster,
    namespaceOfClusterScoped: 'default',
    reportingInstance: identity,
    clock,
    onFailure: (error) => {
      log.warn(errorFields(error), 'an event could not be written');
    },
  });
  const status = keepPolicyStatus({
    ...{ cluster, writeStatus, createWorkQueue, log, clock },
    policy: (name) => replica.caches.policies.get(name),
    store: replica.held,
    synced: replica.caches.synced,
  });
  const registration = keepRegistration({
    ...{ settings, cluster, namespace, log, clock },
    secretData: (name) => replica.caches.secrets.get(name, namespace)?.data,
  });
  const promotions = keepPromotions(options, { recordEvent: events.record });
  const selfTest = createSelfTest(
    selfTestPorts(options, (result) => status.enforced(enforcedCondition(result))),
    settings.selfTest,
  );
  const audit = createAudit(
    auditPorts(options, {
      recordEvent: events.record,
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    }),
    {
      everyMs: settings.audit.everyMs,
      perRegistryPerSecond: settings.audit.perRegistryPerSecond,
      unmatchedImages: settings.unmatchedImages,
      builtInPolicies: replica.builtIn,
    },
  );

  const auditTerm = async (signal: AbortSignal): Promise<void> => {
    // Only the leader holds the pods: they are what there is most of.
    const pods = watchCollection({
      cluster,
      collection: { resource: RESOURCES.pods },
      select: podSelector(),
      pageSize: PODS_ON_PAGE,
      onChange: logLeader,
      onError: (error) => {
        log.warn(
          { what: 'pods', ...errorFields(error) },
          'reading from the API server failed, it is tried again',
        );
      },
    });
    signal.addEventListener('abort', () => void pods.close(), { once: true });
    await pods.synced.catch(() => undefined);
    if (!signal.aborted) await audit.run(signal, () => pods.values());
    await pods.close();
  };

  const guarded = async (duty: Promise<void>): Promise<void> => {
    try {
      await duty;
    } catch (error) {
      telemetry.report(error);
    }
  };
  return {
    lead: async (signal) => {
      await Promise.all([
        guarded(registration.run(signal)),
        guarded(status.run(signal)),
        ...(settings.selfTest.enabled ? [guarded(selfTest.run(signal))] : []),
        ...(settings.audit.enabled ? [guarded(auditTerm(signal))] : []),
        ...(settings.promotions.enabled ? [guarded(promotions.run(signal))] : []),
      ]);
    },
    onPolicies: (names) => {
      status.onPolicies(names);
      promotions.onPolicies(names);
      logLeader({ type: 'policies' });
    },
    onSecret: registration.onSecret,
    onNamespace: (namespace) => {
      logLeader({ type: 'namespace', namespace });
    },
    gauges: [...selfTest.gauges, ...audit.gauges, ...registration.gauges, ...promotions.gauges],
    details: () => [...registration.details(), ...selfTest.lines()],
    close: () => events.close(),
  };
}

/** What the self-test needs, over the API server. */
function selfTestPorts(
  { settings, cluster, telemetry, log }: LeaderOptions,
  onResult: (result: Parameters<SelfTestPorts['onChange']>[0]) => void,
): SelfTestPorts {
  return {
    ...cluster,
    findPod: podFinder(cluster),
    customKinds: customKindFinder({ ...cluster, kinds: settings.workloadKinds }),
    hex: () => randomBytes(32).toString('hex'),
    report: telemetry.report,
    clock,
    random: Math.random,
    onChange: (result) => {
      const unwell = unprovenCanaries(result.canaries);
      const reported = {
        state: result.state,
        unwell: unwell.map(({ id, outcome, detail }) => ({ id, outcome, detail })),
      };
      if (result.state === 'proven') log.info(reported, 'self-test');
      else log.warn(reported, 'self-test');
      onResult(result);
    },
  };
}
