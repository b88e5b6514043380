import { expect } from 'chai';
import { openReportsCrd } from '../../support/open-reports.ts';
import { openAuditLog, type AuditedRequest, type AuditLog } from '../support/cluster/audit-log.ts';
import { withoutTests } from '../support/helm.ts';
import { allows, grantsIn, reported, type Call, type Grant } from '../support/installation/grants.ts';
import {
  openClusterFixture,
  REQUIRE_SIGNATURES,
  type ClusterFixture,
} from '../support/cluster/cluster-fixture.ts';
import type { Replica } from '../support/installation/installation.ts';
import { policy } from '../support/installation/policies.ts';
import { ROLLOUT_KIND, rollout, rolloutCrd } from '../support/cluster/rollouts.ts';
import { openRunningPods, type RunningPods } from '../support/cluster/running-pods.ts';
import { until } from '../support/wait.ts';
import { kindNamed, oneContainer, pod } from '../support/workload-objects.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';

const CONTROLLER = 'system:serviceaccount:pratique:pratique';
const WITHIN_MS = 40_000;
/** How the API server logs the decision of RBAC. */
const DECISION = 'authorization.k8s.io/decision';
/** Kinds whose scaling is judged by the object behind it, by their name in a URL. */
const SCALED = {
  deployments: 'Deployment',
  replicasets: 'ReplicaSet',
  statefulsets: 'StatefulSet',
  replicationcontrollers: 'ReplicationController',
} as const;

/** Rights that are granted although the audit log of a day without failures does not show them. */
const RARELY_USED: Readonly<Record<string, string>> = {
  'get /namespaces': 'a namespace that was read before the watch reported it',
  'create openreports.io/reports': 'an apply that creates is logged as a patch, and needs both',
  'get /configmaps': 'a key of those who sign reports, for a promotion that names it in a ConfigMap',
};

describe('the rights of the controller', () => {
  let workspace: Workspace;
  let log: AuditLog;
  let fixture: ClusterFixture;
  let running: RunningPods;
  let grants: readonly Grant[];

  before(async () => {
    workspace = await openWorkspace('rights');
    log = await openAuditLog(workspace);
    fixture = await openClusterFixture({
      cluster: { apiserverArgs: log.apiserverArgs },
      values: {
        pinning: { enabled: true },
        workloadKinds: [ROLLOUT_KIND],
        settings: { selfTest: { everyMs: 10_000 } },
      },
      prepare: async (cluster) => {
        await cluster.apply(rolloutCrd());
        await cluster.apply(openReportsCrd());
        // For the canary among ephemeral containers.
        await cluster.apply(pod('running', 'registry.example.com/running'));
      },
    });
    const { code, stdout, stderr } = await fixture.installation.helm(['get', 'manifest', 'pratique']);
    if (code !== 0) throw new Error(stderr);
    // What `helm test` needs besides is for its pod: test/e2e/chart/nodes.test.ts.
    grants = grantsIn(withoutTests(stdout));
    const { cluster, registry } = fixture;
    running = await openRunningPods(cluster, 'shop');
    const spec = { ...REQUIRE_SIGNATURES, pinDigests: true };
    await cluster.apply(policy('production', `${registry.host}/shop/**`, spec));
  });

  after(async () => {
    await fixture.stop();
    await workspace.close();
  });

  const kubectl = async (args: readonly string[], input?: object): Promise<string> => {
    const given = input === undefined ? {} : { input: JSON.stringify(input) };
    const { code, stdout, stderr } = await fixture.cluster.kubectl(['-n', 'shop', ...args], given);
    expect(code, stderr).to.equal(0);
    return stdout;
  };
  const create = (object: object) => kubectl(['create', '-f', '-'], object);
  const leader = async (): Promise<Replica> => {
    for (const replica of fixture.replicas) {
      const { body } = await replica.page('/metrics').catch(() => ({ body: '' }));
      if (/^pratique_leader 1$/m.test(body)) return replica;
    }
    throw new Error('there is no leader');
  };
  const calls = async (): Promise<readonly Call[]> =>
    (await log.requestsOf(CONTROLLER)).flatMap((request) => callOf(request) ?? []);
  const untilCalled = (line: string, name?: string): Promise<void> =>
    until({
      what: line,
      withinMs: WITHIN_MS,
      everyMs: 250,
      check: async () =>
        (await calls()).some(
          (call) => reported(call).startsWith(line) && (name === undefined || call.name === name),
        ),
    });

  it('are sufficient for admission: pull secrets, digests, and scaled objects', async () => {
    const image = await fixture.push('web', fixture.keys.release);
    const config = JSON.stringify({ auths: { 'registry.example.com': { auth: 'dTpw' } } });
    await create({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/dockerconfigjson',
      metadata: { name: 'pull' },
      stringData: { '.dockerconfigjson': config },
    });
    const { spec, ...rest } = pod('pulls', image.replace(/@.*/, ':v1'));
    await create({ ...rest, spec: { ...(spec as object), imagePullSecrets: [{ name: 'pull' }] } });
    expect(await kubectl(['get', 'pod/pulls', '-o', 'jsonpath={.spec.containers[0].image}'])).to.equal(
      image.replace(/@/, ':v1@'),
    );
    for (const [plural, kind] of Object.entries(SCALED)) {
      await create(kindNamed(kind).make('web', oneContainer(image)));
      await kubectl(['scale', `${plural}/web`, '--replicas=1']);
    }
    await create(rollout('web', oneContainer(image), 0));
    await kubectl(['scale', 'rollouts/web', '--replicas=1']);
    const refused = await fixture.run(await fixture.push('unsigned'));
    expect(refused.stderr).to.contain('Unsigned');
  });

  it('are sufficient for the certificate: issued, trusted, and issued again', async () => {
    await untilCalled('create /secrets in pratique');
    await untilCalled('patch admissionregistration.k8s.io/validatingwebhookconfigurations');
    await untilCalled('patch admissionregistration.k8s.io/mutatingwebhookconfigurations');
    const rubbish = JSON.stringify({ data: { 'tls.crt': 'AAAA' } });
    await kubectl(['-n', 'pratique', 'patch', 'secret/pratique-webhook-tls', '-p', rubbish]);
    await untilCalled('update /secrets in pratique', 'pratique-webhook-tls');
  });

  it('are sufficient for the audit and for the next leader: events in a series, and deleted reports', async () => {
    const { cluster, registry } = fixture;
    const bad = await fixture.push('bad');
    await cluster.apply(
      policy('production', `${registry.host}/shop/**`, { ...REQUIRE_SIGNATURES, enforcement: 'Audit' }),
    );
    await until({
      what: 'the audit policy',
      withinMs: WITHIN_MS,
      check: async () => (await fixture.run(bad, '--dry-run=server')).code === 0,
    });
    await running.start('bad', bad);
    await cluster.apply(policy('production', `${registry.host}/shop/**`, REQUIRE_SIGNATURES));
    await untilCalled('create events.k8s.io/events in shop');
    await untilCalled('patch openreports.io/reports in shop');
    await (await leader()).stop();
    await untilCalled('patch events.k8s.io/events in shop');
    await kubectl(['delete', 'pods', '--all', '--force', '--grace-period=0']);
    await kubectl(['delete', 'deployments,replicasets,statefulsets,replicationcontrollers', '--all']);
    await untilCalled('delete openreports.io/reports in shop');
  });

  it('are sufficient for promotions: runs are created, carried out, and deleted above the history limit', async () => {
    const { host } = fixture.registry;
    await fixture.push('public');
    await fixture.cluster.apply({
      apiVersion: 'pratique.dev/v1alpha1',
      kind: 'ImagePromotion',
      metadata: { name: 'public', namespace: 'shop' },
      spec: {
        source: { repository: `${host}/shop/public` },
        target: { repository: `${host}/quarantine/public`, secretRef: { name: 'push' } },
        tags: { include: ['^v'] },
        mirror: {},
        historyLimits: { succeeded: 0 },
      },
    });
    const auths = { [host]: { auth: 'dTpw' } };
    const stringData = { '.dockerconfigjson': JSON.stringify({ auths }) };
    await create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'push' }, stringData });
    await untilCalled('patch pratique.dev/imagepromotions/status in shop');
    const runNow = (when: string) =>
      kubectl(['annotate', 'ipr/public', `reconcile.pratique.dev/requestedAt=${when}`, '--overwrite']);
    await runNow('once');
    await kubectl(['wait', 'ipr/public', '--for=condition=Ready', '--timeout=30s']);
    await runNow('twice');
    await untilCalled('delete pratique.dev/imagepromotionruns in shop');
  });

  it('are sufficient for the self-test', async () => {
    await untilCalled('patch /pods/ephemeralcontainers in default');
    await untilCalled('create acme.example.com/rollouts in default');
    await until({
      what: 'the self-test to be proven',
      withinMs: WITHIN_MS,
      check: async () => (await (await leader()).page('/readyz')).body.includes('self-test: proven'),
    });
  });

  it('are never too few: RBAC has refused no request', async () => {
    const refused = (await log.requestsOf(CONTROLLER)).filter(
      ({ annotations }) => annotations?.[DECISION] !== 'allow',
    );
    expect(refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`)).to.deep.equal([]);
  });

  it('all come from the chart: no request needed more than it grants', async () => {
    const outside = (await calls()).filter((call) => !grants.some((grant) => allows(grant, call)));
    expect([...new Set(outside.map(reported))]).to.deep.equal([]);
    const paths = (await log.requestsOf(CONTROLLER)).filter(({ objectRef }) => !objectRef);
    expect(paths.map(({ requestURI }) => requestURI)).to.deep.equal([]);
  });

  it('are never too many: each of them was used, except those that are listed with a reason', async () => {
    const made = await calls();
    const unused = grants.filter((grant) => !made.some((call) => allows(grant, call)));
    console.log(`      (${String(grants.length)} rights, ${String(made.length)} calls)`);
    expect(grants.map(reported)).to.include.members(Object.keys(RARELY_USED));
    expect(unused.map(reported).filter((line) => RARELY_USED[line] === undefined)).to.deep.equal([]);
  });
});

function callOf({ verb, objectRef }: AuditedRequest): Call | undefined {
  if (!objectRef) return undefined;
  const { apiGroup: group = '', resource, subresource, namespace, name } = objectRef;
  return {
    verb,
    group,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
  };
}
