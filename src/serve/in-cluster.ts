import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Serving } from '../cli/index.ts';
import { readText } from '../clients/files/index.ts';
import { openCluster, runElection, watchCollection, type Election } from '../clients/kubernetes/index.ts';
import { createTokenVerifier } from '../clients/oidc/index.ts';
import { certificateHosts } from '../controllers/certificates/index.ts';
import { openEventReceiver } from '../controllers/events/index.ts';
import { operationsOf } from '../controllers/policies/index.ts';
import { errorFields, failed, parsed, problem, type Parsed } from '../core/model/index.ts';
import type { Settings } from '../core/settings/index.ts';
import { startIdleCollection } from './idle-collection.ts';
import { openJudging } from './judging.ts';
import { createLeaderTasks } from './leader-tasks.ts';
import {
  TIME,
  answerParser,
  clock,
  logReadFailure,
  namespaceOf,
  type ProcessContext,
  type Parts,
} from './parts.ts';
import { openReplica } from './replica.ts';
import { createServers, type Servers } from './servers.ts';
import { createTelemetry } from './telemetry.ts';

/**
 * Serves the webhooks with the policies of a cluster, and takes part in the election of the one replica that also writes status,
 * keeps the certificates, audits what runs and tests that enforcement is on. Returns as soon as everything is started: caches and
 * certificates follow, and readiness shows when they are complete.
 */
export async function serveInCluster(
  settings: Settings,
  given: Pick<Parts, 'context' | 'log'>,
): Promise<Parsed<Serving>> {
  const parts = await openParts(settings, given);
  return parts.ok ? start(parts.value) : parts;
}

async function openParts(
  settings: Settings,
  { context, log }: Pick<Parts, 'context' | 'log'>,
): Promise<Parsed<Parts>> {
  const { kubeconfig } = settings.cluster;
  // Every pod has this variable; elsewhere a list of files that are missing would help no one.
  if (kubeconfig === undefined && context.environment.KUBERNETES_SERVICE_HOST === undefined) {
    return problem('--kubeconfig', 'is needed outside of a pod, or --standalone with a folder of policies');
  }
  const telemetry = createTelemetry(log);
  const judging = await openJudging(settings, context, telemetry, {
    loopback: context.environment.KUBERNETES_SERVICE_HOST === undefined ? 'Allow' : 'Refuse',
  });
  const cluster = await openCluster({
    userAgent: `pratique/${context.version}`,
    onRequest: telemetry.onApiRequest,
    ...{ kubeconfig, parseElsewhere: answerParser(judging) },
  });
  const namespace = await namespaceOf(settings);
  const hosts = certificateHosts(settings.certificates);
  if (!cluster.ok || !namespace.ok || !judging.ok || !hosts.ok) {
    if (cluster.ok) await cluster.value.close();
    if (judging.ok) await judging.value.close();
    return failed([cluster, namespace, judging, hosts]);
  }
  return parsed({
    ...{ settings, context, telemetry, log, identity: identityIn(context) },
    cluster: cluster.value,
    namespace: namespace.value,
    judging: judging.value,
  });
}

/** A container that is started again in the same pod is another one: it does not hold what it began before. */
function identityIn({ environment }: ProcessContext): string {
  return `${environment.POD_NAME ?? hostname()}_${randomUUID()}`;
}

async function start(parts: Parts): Promise<Parsed<Serving>> {
  const { settings, cluster, namespace, identity, judging, telemetry, log } = parts;
  // Made late, and used by callbacks that are made early.
  const late: { servers?: Servers; election?: Election } = {};
  const replica = openReplica({
    ...parts,
    onPolicies: (names) => {
      leader.onPolicies(names);
    },
    onSecret: (name) => {
      if ([settings.certificates.secret, settings.webhook.pathSecret].includes(name))
        late.servers?.onSecret();
      leader.onSecret(name);
    },
    onNamespace: (name) => {
      leader.onNamespace(name);
    },
  });
  const { store } = replica.policies;
  const leader = createLeaderTasks({ ...parts, replica });
  const { receivers } = settings.events;
  const events = openEventReceiver({
    ...{ ...TIME, cluster, watchCollection, readText, log, onReadFailure: logReadFailure(log) },
    settings: { ...settings.events, receivers: settings.promotions.enabled ? receivers : [] },
    verifyToken: createTokenVerifier({ clock, reach: { ...settings.registries, proxies: judging.proxies } }),
    onAnswered: telemetry.onEvent,
  });
  const operations = operationsOf({
    policies: () => ({ policies: store.current(), roots: store.roots() }),
    publicRoot: replica.publicRoot.status,
    clock,
  });
  const stopCollecting = startIdleCollection();
  const preparing = new AbortController();
  const close = async (): Promise<void> => {
    stopCollecting();
    preparing.abort();
    // The lease first: the next leader need not wait while the last requests are answered here.
    await late.election?.close();
    await late.servers?.close();
    await events.close();
    await replica.close();
    await Promise.all([judging.close(), leader.close()]);
    await cluster.close();
  };
  const servers = await createServers({
    ...parts,
    replica,
    events: events.routes,
    details: () => [
      ...operations.details(),
      `leader: ${late.election?.describe() ?? 'none seen yet'}`,
      ...leader.details(),
    ],
  });
  if (!servers.ok) {
    await close();
    return servers;
  }
  late.servers = servers.value;
  // The Secret may have been read before there were servers.
  servers.value.onSecret();
  void leader.prepare(preparing.signal).catch(telemetry.report);
  const { lease, name } = settings.cluster;
  const election = runElection({
    ...{ cluster, namespace, name, identity, ...lease, lead: leader.lead },
    onChange: (state) => {
      log.info(state, 'leadership changed');
    },
    onError: (error) => {
      log.warn(errorFields(error), 'the lease could not be read or written, it is tried again');
    },
  });
  late.election = election;
  telemetry.metrics.addGauges([
    ...operations.gauges,
    ...replica.policies.gauges,
    ...leader.gauges,
    election.gauge,
    judging.memoryGauge,
  ]);
  const url = servers.value.url();
  return parsed({
    url,
    summary: `serving ${cluster.server} from namespace ${namespace}, listening on ${url}`,
    close,
  });
}
