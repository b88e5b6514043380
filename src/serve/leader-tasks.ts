import { createEventRecorder, createPullSecrets, createWorkQueue } from '../clients/kubernetes/index.ts';
import { watchCollection, writeStatus } from '../clients/kubernetes/index.ts';
import { keepAudit } from '../controllers/audit/index.ts';
import { keepRegistration } from '../controllers/certificates/index.ts';
import { keepPolicyStatus } from '../controllers/policies/index.ts';
import { keepPromotions } from '../controllers/promotions/index.ts';
import { keepSelfTest } from '../controllers/self-test/index.ts';
import { errorFields, type Gauge } from '../core/model/index.ts';
import { TIME, clock, logReadFailure, type Parts, type Replica } from './parts.ts';

/** What the leader does besides serving. */
export interface LeaderTasks {
  /** What each replica does once, leader or not. */
  readonly prepare: (signal: AbortSignal) => Promise<void>;
  /** One term; ends with the signal. */
  readonly lead: (signal: AbortSignal) => Promise<void>;
  readonly onPolicies: (names: readonly string[]) => void;
  readonly onSecret: (name: string) => void;
  readonly onNamespace: (name: string) => void;
  readonly gauges: readonly Gauge[];
  /** Lines of readiness. */
  readonly details: () => readonly string[];
  readonly close: () => Promise<void>;
}

/** Starts the tasks of the leader; one that breaks stops no other. */
export function createLeaderTasks(options: Parts & { readonly replica: Replica }): LeaderTasks {
  const { settings, cluster, namespace, identity, replica, judging, telemetry, log } = options;
  const { caches, store, builtIn, namespaceLabels, inForce } = replica.policies;
  const { report } = telemetry;
  const random = Math.random;
  const events = createEventRecorder({
    ...{ cluster, clock, namespaceOfClusterScoped: 'default', reportingInstance: identity },
    onFailure: (error) => {
      log.warn(errorFields(error), 'an event could not be written');
    },
  });
  const status = keepPolicyStatus({
    ...{ cluster, writeStatus, createWorkQueue, log, clock, store },
    policy: (name) => caches.policies.get(name),
  });
  const registration = keepRegistration({
    ...{ settings, cluster, namespace, log, clock },
    secretData: (name) => caches.secrets.get(name, namespace)?.data,
  });
  const promotions = keepPromotions({
    ...{ cluster, identity, watchCollection, createWorkQueue, random, log, report },
    settings: settings.promotions,
    installation: namespace,
    time: TIME,
    pullSecrets: createPullSecrets({ cluster, clock, rememberMs: 0 }).read,
    context: {
      ...judging.opening(replica.publicRoot.current),
      policies: () => Promise.resolve(store.current()),
      granting: { grants: judging.grants, namespaceLabels },
    },
    recordEvent: events.record,
    meter: { images: telemetry.onPromotedImages, bytes: telemetry.onPromotedBytes },
    onReadFailure: logReadFailure(log),
  });
  const selfTest = keepSelfTest({
    ...{ settings, cluster, clock, random, log, report, onEnforced: status.enforced },
  });
  const audit = keepAudit({
    ...{ cluster, watchCollection, writeStatus, createWorkQueue, log, report },
    ...{ clock, random, namespaceLabels },
    settings: { ...settings.audit, unmatchedImages: settings.unmatchedImages, builtInPolicies: builtIn },
    policies: store.current,
    judge: replica.validating.judge,
    recordEvent: events.record,
    after: TIME.after,
  });

  const guarded = (task: Promise<void>) => task.catch(report);
  return {
    prepare: registration.prepare,
    lead: async (signal) => {
      // Before it, what runs looks like images that no policy covers, and a promotion like one whose policy is missing.
      const byPolicies = async ({ run }: Pick<typeof audit, 'run'>) => {
        if (await inForce(signal)) await run(signal);
      };
      await Promise.all([
        guarded(registration.run(signal)),
        guarded(byPolicies(status)),
        ...(settings.selfTest.enabled ? [guarded(selfTest.run(signal))] : []),
        ...(settings.audit.enabled ? [guarded(byPolicies(audit))] : []),
        ...(settings.promotions.enabled ? [guarded(byPolicies(promotions))] : []),
      ]);
    },
    onPolicies: (names) => {
      status.onPolicies(names);
      promotions.onPolicies(names);
      audit.onPolicies();
    },
    onSecret: registration.onSecret,
    onNamespace: audit.onNamespace,
    gauges: [...selfTest.gauges, ...audit.gauges, ...registration.gauges, ...promotions.gauges],
    details: () => [...registration.details(), ...selfTest.lines()],
    close: () => events.close(),
  };
}
