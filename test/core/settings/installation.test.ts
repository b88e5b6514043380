import { expect } from 'chai';
import { pathsOf, settingsOf } from './settings.ts';

const DAY_MS = 86_400_000;

const ROLLOUT = { apiGroup: 'acme.example', kind: 'Rollout', podSpec: 'spec.template.spec' };
const grant = (fields: object) => ({
  promotions: { grants: [{ namespaces: ['a'], repositories: ['b/**'], access: ['Read'], ...fields }] },
});
const job = (fields: object) => ({
  promotions: {
    execution: 'Job',
    jobTemplate: { image: 'registry.example.com/pratique:1', serviceAccountName: 'pratique-runs', ...fields },
  },
});
const lease = (figures: object) => ({ cluster: { lease: figures } });

describe('settings of an installation', () => {
  it('have a default for everything', () => {
    const {
      credentials,
      operations,
      pinning,
      workloadKinds,
      cluster,
      certificates,
      audit,
      selfTest,
      promotions,
    } = settingsOf({});
    expect({
      credentials,
      operations,
      pinning,
      workloadKinds,
      cluster,
      certificates,
      audit,
      selfTest,
      promotions,
    }).to.deep.equal({
      credentials: { pullSecrets: true, rememberMs: 10_000 },
      operations: {},
      pinning: { objects: 'All' },
      workloadKinds: [],
      cluster: { name: 'pratique', lease: { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 } },
      certificates: {
        source: 'Managed',
        secret: 'pratique-webhook-tls',
        hosts: [],
        lifetimeMs: 90 * DAY_MS,
        authorityLifetimeMs: 730 * DAY_MS,
      },
      audit: { enabled: true, everyMs: 600_000, perRegistryPerSecond: 5, reports: true },
      selfTest: { enabled: true, namespace: 'default', everyMs: 60_000 },
      promotions: {
        enabled: true,
        maxConcurrentRuns: 2,
        execution: 'InController',
        rejudgeEveryMs: 21_600_000,
        rejudgePerSecond: 5,
        grants: [],
      },
    });
  });

  it('are kept as they are written', () => {
    const written = {
      credentials: { pullSecrets: false, rememberMs: 1 },
      operations: { listen: ':8080' },
      pinning: { objects: 'Pods' },
      workloadKinds: [{ ...ROLLOUT, replicas: 'spec.replicas' }],
      cluster: {
        kubeconfig: 'admin.kubeconfig',
        namespace: 'team-a',
        name: 'pratique-a',
        lease: { durationMs: 4, renewDeadlineMs: 3, retryMs: 1 },
      },
      certificates: {
        source: 'Files',
        secret: 'tls',
        hosts: ['webhook.team-a.svc', '::1'],
        lifetimeMs: 60_000,
        authorityLifetimeMs: 120_000,
      },
      audit: { enabled: false, everyMs: 1, perRegistryPerSecond: 0.1, reports: false },
      selfTest: { enabled: false, namespace: 'team-a', everyMs: 1 },
      promotions: {
        enabled: false,
        maxConcurrentRuns: 64,
        rejudgeEveryMs: 1,
        rejudgePerSecond: 0.1,
        grants: [{ namespaces: ['platform'], repositories: ['golden/**'], access: ['Read'] }],
        execution: 'Job',
        jobTemplate: {
          image: 'registry.example.com/pratique:1',
          serviceAccountName: 'pratique-runs',
          settingsConfigMap: 'pratique-runs',
          scanner: { image: 'registry.example.com/trivy:1', path: '/trivy' },
          resources: { requests: { cpu: '1' }, limits: { memory: '1.5Gi' } },
        },
      },
    };
    expect(settingsOf(written)).to.deep.include({
      ...written,
      operations: { listen: { host: '', port: 8_080 } },
    });
  });

  const good: readonly [string, unknown][] = [
    ['one kind in two groups', { workloadKinds: [ROLLOUT, { ...ROLLOUT, apiGroup: 'other.example' }] }],
    ['two kinds of one group', { workloadKinds: [ROLLOUT, { ...ROLLOUT, kind: 'Canary' }] }],
    [
      'a pod spec that is the object itself but for one step',
      { workloadKinds: [{ ...ROLLOUT, podSpec: 'spec' }] },
    ],
  ];
  for (const [what, input] of good) it(`take ${what}`, () => expect(pathsOf(input)).to.deep.equal([]));

  const wrong: readonly [string, unknown, string][] = [
    ['an unknown key of credentials', { credentials: { secrets: true } }, 'credentials'],
    ['pull secrets that are a text', { credentials: { pullSecrets: 'yes' } }, 'credentials.pullSecrets'],
    ['a login remembered for no time', { credentials: { rememberMs: 0 } }, 'credentials.rememberMs'],
    ['an unknown key of operations', { operations: { port: 8080 } }, 'operations'],
    ['no address for operations', { operations: { listen: '8080' } }, 'operations.listen'],
    ['an unknown key of pinning', { pinning: { pods: true } }, 'pinning'],
    ['objects that cannot be pinned', { pinning: { objects: 'None' } }, 'pinning.objects'],
    ['an unknown key of a kind', { workloadKinds: [{ ...ROLLOUT, version: 'v1' }] }, 'workloadKinds[0]'],
    [
      'a kind of the core group, all of which are known',
      { workloadKinds: [{ ...ROLLOUT, apiGroup: '' }] },
      'workloadKinds[0].apiGroup',
    ],
    [
      'a group in capitals',
      { workloadKinds: [ROLLOUT, { ...ROLLOUT, apiGroup: 'Acme' }] },
      'workloadKinds[1].apiGroup',
    ],
    ['a plural for a kind', { workloadKinds: [{ ...ROLLOUT, kind: 'rollouts' }] }, 'workloadKinds[0].kind'],
    [
      'a kind without a pod spec',
      { workloadKinds: [{ ...ROLLOUT, podSpec: undefined }] },
      'workloadKinds[0].podSpec',
    ],
    [
      'a pod spec that is a JSON pointer',
      { workloadKinds: [{ ...ROLLOUT, podSpec: '/spec/template' }] },
      'workloadKinds[0].podSpec',
    ],
    [
      'a pod spec in a list',
      { workloadKinds: [{ ...ROLLOUT, podSpec: 'spec.pods[0]' }] },
      'workloadKinds[0].podSpec',
    ],
    [
      'a place deeper than any kind has',
      { workloadKinds: [{ ...ROLLOUT, podSpec: Array.from({ length: 17 }, () => 'a').join('.') }] },
      'workloadKinds[0].podSpec',
    ],
    ['no place for replicas', { workloadKinds: [{ ...ROLLOUT, replicas: '' }] }, 'workloadKinds[0].replicas'],
    [
      'a kind that is listed twice',
      { workloadKinds: [ROLLOUT, { ...ROLLOUT, podSpec: 'spec' }] },
      'workloadKinds[1]',
    ],
    [
      'more kinds than the limit',
      { workloadKinds: Array.from({ length: 65 }, (_, index) => ({ ...ROLLOUT, kind: `K${index}` })) },
      'workloadKinds',
    ],
    ['an unknown key of the cluster', { cluster: { context: 'x' } }, 'cluster'],
    ['an empty kubeconfig', { cluster: { kubeconfig: '' } }, 'cluster.kubeconfig'],
    ['a namespace in capitals', { cluster: { namespace: 'Team-A' } }, 'cluster.namespace'],
    ['a name with a slash', { cluster: { name: 'a/b' } }, 'cluster.name'],
    ['an unknown key of the lease', lease({ durationMS: 1 }), 'cluster.lease'],
    ['a lease longer than a day', lease({ durationMs: DAY_MS + 1 }), 'cluster.lease.durationMs'],
    ['half a millisecond to renew', lease({ renewDeadlineMs: 9_999.5 }), 'cluster.lease.renewDeadlineMs'],
    ['no pause between tries', lease({ retryMs: 0 }), 'cluster.lease.retryMs'],
    [
      'a renew deadline that is not shorter than the Lease',
      lease({ durationMs: 10_000, renewDeadlineMs: 10_000 }),
      'cluster.lease.renewDeadlineMs',
    ],
    [
      'a leader that tries once in its time to renew',
      lease({ renewDeadlineMs: 4_000, retryMs: 2_000 }),
      'cluster.lease.retryMs',
    ],
    [
      'a lease shorter than the default time to renew',
      lease({ durationMs: 9_000 }),
      'cluster.lease.renewDeadlineMs',
    ],
    ['an unknown key of certificates', { certificates: { issuer: 'x' } }, 'certificates'],
    ['another source of certificates', { certificates: { source: 'CertManager' } }, 'certificates.source'],
    ['a Secret without a name', { certificates: { secret: '' } }, 'certificates.secret'],
    ['a host without a name', { certificates: { hosts: ['a.svc', ''] } }, 'certificates.hosts[1]'],
    [
      'more hosts than a service has',
      { certificates: { hosts: Array.from({ length: 33 }, () => 'a') } },
      'certificates.hosts',
    ],
    ['a certificate for seconds', { certificates: { lifetimeMs: 59_999 } }, 'certificates.lifetimeMs'],
    [
      'an authority for seconds',
      { certificates: { lifetimeMs: 60_000, authorityLifetimeMs: 119_999 } },
      'certificates.authorityLifetimeMs',
    ],
    [
      'a certificate that lives as long as its authority',
      { certificates: { lifetimeMs: 120_000, authorityLifetimeMs: 120_000 } },
      'certificates.lifetimeMs',
    ],
    ['an unknown key of the audit', { audit: { interval: 1 } }, 'audit'],
    ['an audit that is neither on nor off', { audit: { enabled: 1 } }, 'audit.enabled'],
    ['an audit without a pause', { audit: { everyMs: 0 } }, 'audit.everyMs'],
    ['an audit of no images', { audit: { perRegistryPerSecond: 0 } }, 'audit.perRegistryPerSecond'],
    ['an audit like a flood', { audit: { perRegistryPerSecond: 1_001 } }, 'audit.perRegistryPerSecond'],
    ['reports that are a text', { audit: { reports: 'yes' } }, 'audit.reports'],
    ['an unknown key of promotions', { promotions: { runs: 1 } }, 'promotions'],
    ['promotions that are neither on nor off', { promotions: { enabled: 1 } }, 'promotions.enabled'],
    ['no run at a time', { promotions: { maxConcurrentRuns: 0 } }, 'promotions.maxConcurrentRuns'],
    ['runs like a flood', { promotions: { maxConcurrentRuns: 65 } }, 'promotions.maxConcurrentRuns'],
    ['judging again without a pause', { promotions: { rejudgeEveryMs: 0 } }, 'promotions.rejudgeEveryMs'],
    [
      'judging again like a flood',
      { promotions: { rejudgePerSecond: 1_001 } },
      'promotions.rejudgePerSecond',
    ],
    ['a grant of no namespace', grant({ namespaces: undefined }), 'promotions.grants[0]'],
    ['a grant of an empty list of namespaces', grant({ namespaces: [] }), 'promotions.grants[0].namespaces'],
    [
      'a grant of namespaces by a pattern',
      grant({ namespaces: ['*'] }),
      'promotions.grants[0].namespaces[0]',
    ],
    ['a grant of no repository', grant({ repositories: [] }), 'promotions.grants[0].repositories'],
    ['a grant of no access', grant({ access: [] }), 'promotions.grants[0].access'],
    ['a grant of another access', grant({ access: ['Push'] }), 'promotions.grants[0].access[0]'],
    ['an unknown key of a grant', grant({ registry: 'x' }), 'promotions.grants[0]'],
    ['another way to run', { promotions: { execution: 'Pod' } }, 'promotions.execution'],
    ['Jobs without a template', { promotions: { execution: 'Job' } }, 'promotions.jobTemplate'],
    ['an unknown key of Jobs', job({ nodeName: 'a' }), 'promotions.jobTemplate'],
    ['Jobs without image', job({ image: '' }), 'promotions.jobTemplate.image'],
    ['Jobs with Trivy from no image', job({ scanner: {} }), 'promotions.jobTemplate.scanner.image'],
    [
      'Jobs with an invalid service account',
      job({ serviceAccountName: 'A' }),
      'promotions.jobTemplate.serviceAccountName',
    ],
    [
      'Jobs with settings nowhere',
      job({ settingsConfigMap: '' }),
      'promotions.jobTemplate.settingsConfigMap',
    ],
    ['an unknown key of resources', job({ resources: { claims: [] } }), 'promotions.jobTemplate.resources'],
    [
      'a resource that is no quantity',
      job({ resources: { limits: { memory: 'much' } } }),
      'promotions.jobTemplate.resources.limits.memory',
    ],
    ['an unknown key of the self-test', { selfTest: { image: 'x' } }, 'selfTest'],
    ['a self-test that is neither on nor off', { selfTest: { enabled: null } }, 'selfTest.enabled'],
    ['a self-test nowhere', { selfTest: { namespace: '' } }, 'selfTest.namespace'],
    ['a self-test without a pause', { selfTest: { everyMs: 0 } }, 'selfTest.everyMs'],
  ];
  for (const [what, input, path] of wrong) {
    it(`refuse ${what}`, () => expect(pathsOf(input)).to.deep.equal([path]));
  }

  it('explain both rules for the durations of a Lease at once', () => {
    expect(pathsOf(lease({ durationMs: 1, renewDeadlineMs: 1, retryMs: 1 }))).to.deep.equal([
      'cluster.lease.renewDeadlineMs',
      'cluster.lease.retryMs',
    ]);
  });
});
