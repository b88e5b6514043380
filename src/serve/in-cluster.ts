import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { openCluster, ownNamespace, runElection, type Election } from '../clients/kubernetes/index.ts';
import {
  parsed,
  problem,
  type Parsed,
  errorFields,
  type Gauge,
  type Log,
  failed,
} from '../core/model/index.ts';
import type { Settings } from '../core/settings/index.ts';
import type { Serving } from '../cli/index.ts';
import { operationsOf } from '../controllers/policies/index.ts';
import { openEventReceiver } from './event-receiver.ts';
import { openJudging, type OpenJudging } from './judging.ts';
import { createLeaderTasks } from './leader-tasks.ts';
import { openReplica, type Replica } from './replica.ts';
import type { Parts } from './parts.ts';
import { startIdleCollection } from './idle-collection.ts';
import { createServers, type Servers } from './servers.ts';
import { clock, type ProcessContext } from './process-context.ts';
import { createTelemetry, type Telemetry } from './telemetry.ts';

/**
 * Serves the webhooks with the policies of a cluster, and takes part in the election of the one replica that also writes status,
 * keeps the certificates, audits what runs and tests that enforcement is on. Returns as soon as it is under way: caches and
 * certificates follow, and readiness tells when they are there.
 */
export async function serveInCluster(
  settings: Settings,
  given: { readonly context: ProcessContext; readonly log: Log },
): Promise<Parsed<Serving>> {
  const parts = await openParts(settings, { ...given, telemetry: createTelemetry(given.log) });
  return parts.ok ? start(parts.value) : parts;
}

async function openParts(
  settings: Settings,
  {
    context: context,
    log,
    telemetry,
  }: { readonly context: ProcessContext; readonly log: Log; readonly telemetry: Telemetry },
): Promise<Parsed<Parts>> {
  const { kubeconfig } = settings.cluster;
  // Every pod has this variable; elsewhere a list of files that are missing would not help anybody.
  if (kubeconfig === undefined && context.environment.KUBERNETES_SERVICE_HOST === undefined) {
    return problem('--kubeconfig', 'is needed outside of a pod, or --standalone with a folder of policies');
  }
  const cluster = await openCluster({
    userAgent: `pratique/${context.version}`,
    onRequest: telemetry.onApiRequest,
    ...(kubeconfig !== undefined && { kubeconfig }),
  });
  const judging = await openJudging(settings, context, telemetry);
  const namespace = await namespaceOf(settings);
  const hosts = certificateHosts(settings);
  if (!cluster.ok || !namespace.ok || !judging.ok || !hosts.ok) {
    if (cluster.ok) await cluster.value.close();
    if (judging.ok) await judging.value.close();
    return failed([cluster, namespace, judging, hosts]);
  }
  return parsed({
    settings,
    context: context,
    cluster: cluster.value,
    namespace: namespace.value,
    identity: identityIn(context),
    judging: judging.value,
    telemetry,
    log,
  });
}

async function namespaceOf({ cluster }: Settings): Promise<Parsed<string>> {
  const own = cluster.namespace ?? (await ownNamespace());
  return own === undefined
    ? problem('--namespace', 'is needed outside of a pod: where this is installed')
    : parsed(own);
}

/** A container that is started again in the same pod is another one: what it began before is not its own any more. */
function identityIn({ environment }: ProcessContext): string {
  return `${environment.POD_NAME ?? hostname()}_${randomUUID()}`;
}

/** Without a name in it no API server would believe the certificate that we make. */
function certificateHosts({ certificates: { source, hosts } }: Settings): Parsed<readonly string[]> {
  if (source === 'Files' || hosts.length > 0) return parsed(hosts);
  const why =
    'is needed: names or addresses by which the API server calls, e.g. pratique-webhook.pratique.svc';
  return problem('settings: certificates.hosts', why);
}

/** What is made late and asked for early: callbacks find it here once it is there. */
interface Late {
  door?: Servers;
  election?: Election;
}

async function start(parts: Parts): Promise<Parsed<Serving>> {
  const { settings, cluster, namespace, identity, judging, telemetry, log } = parts;
  const late: Late = {};
  const replica = openReplica({
    ...parts,
    onPolicies: (names) => {
      leading.onPolicies(names);
    },
    onSecret: (name) => {
      if (name === settings.certificates.secret) late.door?.onSecret();
      leading.onSecret(name);
    },
    onNamespace: (name) => {
      leading.onNamespace(name);
    },
  });
  const leading = createLeaderTasks({ ...parts, replica });
  const events = openEventReceiver(parts);
  const operations = operationsOf({
    policies: () => ({ policies: replica.held.current(), roots: replica.held.roots() }),
    publicRoot: replica.publicRoot.status,
    clock,
  });
  const stopGivingBack = startIdleCollection();
  const close = async (): Promise<void> => {
    stopGivingBack();
    // The lease first: the next leader need not wait while the last requests are answered here.
    await late.election?.close();
    await late.door?.close();
    await events.close();
    await replica.close();
    await Promise.all([judging.close(), leading.close()]);
    await cluster.close();
  };
  const door = await createServers({
    ...parts,
    replica,
    events: events.routes,
    details: () => [...operations.details(), `leader: ${leaderOf(late.election)}`, ...leading.details()],
  });
  if (!door.ok) {
    await close();
    return door;
  }
  late.door = door.value;
  // The Secret may have been read before there was anybody to tell.
  door.value.onSecret();
  const { lease, name } = settings.cluster;
  const election = runElection({
    cluster,
    namespace,
    name,
    identity,
    ...lease,
    lead: leading.lead,
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
    ...leading.gauges,
    leaderGauge(election),
    memoryGauge(judging),
    stalledGauge(replica),
  ]);
  const url = door.value.url();
  return parsed({
    url,
    summary: `serving ${cluster.server} from namespace ${namespace}, listening on ${url}`,
    close,
  });
}

function leaderOf(election: Election | undefined): string {
  if (election?.isLeader()) return 'this replica';
  return election?.holder() ?? 'none seen yet';
}

function leaderGauge(election: Election): Gauge {
  return {
    name: 'pratique_leader',
    help: 'Whether this replica leads: 1, or 0.',
    labels: [],
    read: () => [{ labels: {}, value: election.isLeader() ? 1 : 0 }],
  };
}

function memoryGauge({ memory }: OpenJudging): Gauge {
  return {
    name: 'pratique_facts_remembered',
    help: 'Facts in memory, by kind.',
    labels: ['kind'],
    read: () => [...memory.counts()].map(([kind, value]) => ({ labels: { kind }, value })),
  };
}

function stalledGauge({ held }: Replica): Gauge {
  return {
    name: 'pratique_policies_stalled',
    help: 'Whether a policy does not compile as it is written: 1, or 0.',
    labels: ['policy'],
    read: () =>
      [...held.states()].map(([policy, { inForce }]) => ({
        labels: { policy },
        value: inForce === 'as written' ? 0 : 1,
      })),
  };
}
