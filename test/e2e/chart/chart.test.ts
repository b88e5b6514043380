import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { beginRelease } from '../support/installation/start-release.ts';
import { startCluster, type Cluster } from '../support/cluster/cluster.ts';
import { chart, helm, installManifest, readInstallManifest, RELEASE, renderChart } from '../support/helm.ts';
import { until } from '../support/wait.ts';

interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
}

const ROLLOUT = {
  apiGroup: 'argoproj.io',
  apiVersions: ['v1alpha1'],
  kind: 'Rollout',
  resource: 'rollouts',
  podSpec: 'spec.template.spec',
  replicas: 'spec.replicas',
};
const EVERYTHING = {
  pinning: { enabled: true },
  autoscaling: { enabled: true },
  workloadKinds: [ROLLOUT],
  networkPolicy: {
    egress: { restrict: true },
    ingress: { webhookFrom: [{ ipBlock: { cidr: '192.0.2.0/24' } }], operationsFrom: [{ podSelector: {} }] },
  },
  webhook: { clientCA: { configMap: 'client-ca' }, clientNames: ['kube-apiserver'] },
  registries: { dockerConfigSecret: 'logins', ca: { configMap: 'ca' } },
  settings: { trust: { refresh: { cache: '/var/cache/pratique' } } },
  controller: { priorityClassName: 'system-cluster-critical', extraArgs: ['--help'] },
  grafanaDashboard: { enabled: true },
};
/** Values that create only kinds that every cluster has. */
const VALUE_SETS: Readonly<Record<string, object>> = {
  'default values': {},
  'nearly everything': EVERYTHING,
  'a webhook outside of the cluster': {
    controller: { enabled: false },
    webhook: { url: 'https://pratique.example.com:8443/' },
  },
  'as few rights as can be': {
    settings: {
      credentials: { pullSecrets: false },
      audit: { enabled: false },
      selfTest: { enabled: false },
    },
  },
  'runs as Jobs': {
    promotions: { jobs: { namespaces: ['default'], policySecrets: ['keys'], policyConfigMaps: ['roots'] } },
    settings: {
      promotions: {
        execution: 'Job',
        jobTemplate: { image: 'registry.example.com/pratique:1', serviceAccountName: 'promotion-runs' },
      },
    },
  },
  'the gate': {
    gate: { enabled: true, tlsSecret: 'tls', tokenSecret: 'a', autoscaling: { enabled: true } },
    settings: { gate: { upstreams: [{ match: ['docker.io/**'] }], callers: { serviceAccounts: true } } },
  },
  'the gate with a cache': {
    gate: { enabled: true, cache: { enabled: true } },
    settings: { gate: { upstreams: [{ match: ['docker.io/**'] }], redirects: 'Pass' } },
  },
  'no promotions': { promotions: { enabled: false } },
  'a certificate of your own': {
    certificates: { source: 'Secret', secretName: 'own' },
    webhook: { caBundle: '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n' },
  },
};
const DELIVERIES: Readonly<Record<string, object>> = {
  'Trivy copied from its image': { scanner: { enabled: true } },
  'Trivy in a volume, its databases in another that stays': {
    scanner: { enabled: true, delivery: 'Mount', cache: { existingClaim: 'trivy' } },
  },
};
/** Kinds of operators that are not installed in this cluster. */
const OPERATORS = {
  certificates: { source: 'CertManager' },
  serviceMonitor: { enabled: true },
  prometheusRule: { enabled: true },
};

async function render(values: object, args: readonly string[] = []): Promise<readonly Rendered[]> {
  const { code, stdout, stderr } = await renderChart(values, args);
  expect(code, stderr).to.equal(0);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
}

/** The kind that Helm deletes first, as its debug output shows. */
const firstDeleted = (outcome: string) =>
  /delet.*\b(ValidatingWebhookConfiguration|Service|Deployment)\b/i.exec(outcome)?.[1];

const names = (objects: readonly Rendered[]) =>
  objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);

describe('the Helm chart', () => {
  it('passes lint, also in its strict form', async () => {
    const { code, stdout, stderr } = await helm(['lint', '--strict', chart, '--namespace', RELEASE]);
    expect(code, stdout + stderr).to.equal(0);
  });

  it('is equal to manifests/install.yaml; if not, run npm run generate:install', async () => {
    expect(await readInstallManifest()).to.equal(await installManifest());
  });

  it('creates objects that need an operator only when they are enabled', async () => {
    const added = names(await render(OPERATORS)).filter((name) =>
      /Issuer|Certificate|Monitor|Rule/.test(name),
    );
    expect(added).to.have.members([
      'Issuer/pratique',
      'Certificate/pratique-webhook',
      'ServiceMonitor/pratique',
      'PrometheusRule/pratique',
    ]);
  });

  it('grants no right to promotions when they are disabled', async () => {
    const objects = await render({ promotions: { enabled: false } });
    const others = objects.filter(({ kind }) => kind !== 'CustomResourceDefinition');
    // Names of definitions, which `helm test` reads, end in the group.
    expect(JSON.stringify(others))
      .to.include('"imagepolicies"')
      .and.not.match(/"(?:imagepromotion|promotionapproval)[^".]*"/);
    expect(names(others).filter((name) => /promotion|approv/.test(name))).to.deep.equal([]);
  });

  it('deletes webhook configurations before anything else when it is uninstalled', async () => {
    const hooks = (await render({ pinning: { enabled: true } })).filter(
      ({ metadata }) => metadata.annotations?.['helm.sh/hook'] === 'pre-delete',
    );
    expect(names(hooks)).to.have.members([
      'ValidatingWebhookConfiguration/pratique',
      'MutatingWebhookConfiguration/pratique',
    ]);
  });

  const refusals: readonly (readonly [string, object, string])[] = [
    ['an unknown key', { controler: {} }, 'controler'],
    ['a setting it sets itself', { settings: { cluster: { name: 'other' } } }, 'name'],
    ['a misspelt word', { webhook: { failurePolicy: 'fail' } }, 'failurePolicy'],
    ['a webhook by http', { webhook: { url: 'http://pratique.example.com' } }, 'url'],
    ['no webhook at all', { controller: { enabled: false } }, 'webhook.url is needed'],
    ['a canary where nothing is judged', { settings: { selfTest: { namespace: 'kube-system' } } }, 'exempt'],
    [
      'pods that end before their requests',
      { settings: { webhook: { lingerMs: 20_000 } } },
      'terminationGracePeriodSeconds is shorter',
    ],
    [
      'names of clients without their authorities',
      { webhook: { clientNames: ['a'] } },
      'webhook.clientCA is needed',
    ],
    ['a Secret without a name', { certificates: { source: 'Secret' } }, 'secretName is needed'],
  ];
  for (const [what, values, message] of refusals) {
    it(`refuses ${what}`, async () => {
      const { code, stderr } = await renderChart(values);
      expect(code).to.equal(1);
      expect(stderr).to.include(message);
    });
  }

  describe('at a real API server', () => {
    let cluster: Cluster;
    const release = (args: readonly string[], values: object = {}) =>
      helm([...args, '--namespace', RELEASE], { kubeconfigPath: cluster.kubeconfigPath, values });
    const install = ['upgrade', '--install', RELEASE, chart, '-f', '-'];
    const get = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await cluster.kubectl([
        'get',
        ...args,
        '--ignore-not-found',
        '-o',
        'name',
      ]);
      expect(code, stderr).to.equal(0);
      return stdout.trim().split('\n').filter(Boolean);
    };
    before(async () => {
      cluster = await startCluster();
      // Pods are refused and templates cause warnings, which fail this test.
      const restricted = ['enforce', 'warn'].map((mode) => [
        `pod-security.kubernetes.io/${mode}`,
        'restricted',
      ]);
      await cluster.createNamespace(RELEASE, Object.fromEntries(restricted) as Record<string, string>);
    });
    after(() => cluster.stop());

    for (const [what, values] of Object.entries({ ...VALUE_SETS, ...DELIVERIES })) {
      it(`accepts every object: ${what}`, async () => {
        const { stdout } = await renderChart({ ...values, defaultPolicy: { enabled: false } }, [
          '--skip-tests',
        ]);
        const dryRun = ['--dry-run=server', '--validate=strict', '--warnings-as-errors', '--server-side'];
        const { code, stderr } = await cluster.kubectl(['apply', ...dryRun, '-f', '-'], { input: stdout });
        expect(code, stderr).to.equal(0);
      });
    }

    it('is installed, changed and uninstalled, with its policy from the start', async () => {
      const outcome = await beginRelease({
        install: () => release([...install, '--create-namespace']),
        uninstall: () => release(['uninstall', RELEASE]),
      });
      expect(outcome.code, outcome.stderr).to.equal(0);
      expect(outcome.stdout).to.include('kube-system, pratique');
      expect(await get('imagepolicies')).to.deep.equal(['imagepolicy.pratique.dev/default']);
      const enforcement = async () =>
        (
          await cluster.kubectl([
            'get',
            'ipol',
            'default',
            '-o',
            'jsonpath={.spec.enforcement} {.metadata.uid}',
          ])
        ).stdout;
      expect(await enforcement()).to.match(/^Warn /);
      const doctor = await helm([
        'template',
        RELEASE,
        chart,
        '-n',
        RELEASE,
        '-s',
        'templates/tests/doctor.yaml',
      ]);
      const pod = await cluster.kubectl(['apply', '--dry-run=server', '-f', '-'], { input: doctor.stdout });
      expect(pod.code, pod.stderr).to.equal(0);

      const first = await release(install, {
        defaultPolicy: { enforcement: 'Deny' },
        pinning: { enabled: true },
      });
      expect(first.code, first.stderr).to.equal(0);
      const [deny, uid] = (await enforcement()).split(' ');
      expect(deny).to.equal('Deny');
      expect(await get('mutatingwebhookconfigurations', RELEASE)).to.have.length(1);

      const second = await release(install, { defaultPolicy: { enforcement: 'Audit' } });
      expect(second.code, second.stderr).to.equal(0);
      // The same object: from the first upgrade on it is updated, not deleted and created again.
      expect(await enforcement()).to.equal(`Audit ${uid}`);

      const back = await release(['rollback', RELEASE, '1']);
      expect(back.code, back.stderr).to.equal(0);
      expect(await enforcement()).to.match(/^Warn /);

      const without = await release(install, { defaultPolicy: { enabled: false } });
      expect(without.code, without.stderr).to.equal(0);
      expect(await get('imagepolicies')).to.deep.equal([]);

      const gone = await release(['uninstall', RELEASE, '--debug']);
      expect(gone.code, gone.stderr).to.equal(0);
      // The webhook is unregistered by the time that its pods are gone.
      expect(firstDeleted(gone.stdout + gone.stderr)).to.equal('ValidatingWebhookConfiguration');
      const kinds =
        'validatingwebhookconfigurations,mutatingwebhookconfigurations,validatingadmissionpolicies';
      expect(await get(kinds, '-l', 'app.kubernetes.io/instance=pratique')).to.deep.equal([]);
      expect(await get('crd', 'imagepolicies.pratique.dev')).to.have.length(1);
    });

    it('keeps the rights of the self-test to dry runs, in every namespace', async () => {
      const outcome = await release(install);
      expect(outcome.code, outcome.stderr).to.equal(0);
      // No pod serves the webhook in this cluster.
      await cluster.kubectl(['delete', 'validatingwebhookconfiguration', RELEASE]);
      const as = `--as=system:serviceaccount:${RELEASE}:${RELEASE}`;
      const create = (...args: readonly string[]) =>
        cluster.kubectl(['run', 'canary', '--image=self-test.pratique.invalid/canary', as, ...args]);
      await until({
        what: 'the admission policy in force',
        withinMs: 20_000,
        check: async () => {
          const { stderr } = await create();
          await cluster.kubectl(['delete', 'pod', 'canary', '--ignore-not-found', '--force']);
          return stderr.includes('dry runs only');
        },
      });
      const [dry, elsewhere] = [
        await create('--dry-run=server'),
        await create('-n', 'kube-system', '--dry-run=server'),
      ];
      expect(dry.code, dry.stderr).to.equal(0);
      expect(elsewhere.stderr).to.include('forbidden');
      const admin = await cluster.kubectl(['run', 'canary', '--image=self-test.pratique.invalid/canary']);
      expect(admin.code, admin.stderr).to.equal(0);
    });
  });
});
