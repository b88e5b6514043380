import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import type { Outcome } from './support/programs/command.ts';
import { createAuthority } from '../support/certificates.ts';
import {
  openClusterFixture,
  REQUIRE_SIGNATURES,
  type ClusterFixture,
} from './support/cluster/cluster-fixture.ts';
import { untilGuarded, type Replica } from './support/installation/installation.ts';
import { policy } from './support/installation/policies.ts';
import { until } from './support/wait.ts';

interface Reported {
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'unknown';
  readonly detail: string;
  readonly next?: string;
}
interface Rule {
  readonly resources: readonly string[];
}
interface Webhook {
  readonly rules: readonly Rule[];
  readonly namespaceSelector: { readonly matchExpressions: readonly object[] };
}

const WITHIN_MS = 40_000;
const CONFIGURATION = 'validatingwebhookconfiguration/pratique';

describe('pratique doctor at a real API server', () => {
  let fixture: ClusterFixture;

  before(async () => {
    fixture = await openClusterFixture();
    await untilWell();
  });

  after(() => fixture.stop());

  const doctor = (...args: readonly string[]): Promise<Outcome> =>
    fixture.installation.pratique(['doctor', ...args], fixture.cluster.kubeconfigPath);
  const examine = async (
    ...args: readonly string[]
  ): Promise<{ readonly code: number; readonly checks: readonly Reported[] }> => {
    const { code, stdout, stderr } = await doctor('-o', 'json', ...args);
    expect(stderr).to.equal('');
    return { code, checks: (JSON.parse(stdout) as { checks: readonly Reported[] }).checks };
  };
  /** The one line of a check; a problem includes the next step. */
  const line = (checks: readonly Reported[], check: string): Reported => {
    const lines = checks.filter((one) => one.check === check);
    expect(lines, check).to.have.lengthOf(1);
    for (const one of checks) if (one.status !== 'ok') expect(one.next, one.check).to.be.a('string');
    return lines[0]!;
  };
  const untilWell = (): Promise<void> =>
    until({
      what: 'doctor to find all well',
      withinMs: WITHIN_MS,
      everyMs: 500,
      check: async () => (await doctor()).code === 0,
    });
  const kubectl = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await fixture.cluster.kubectl(args);
    expect(code, stderr).to.equal(0);
    return stdout;
  };
  const change = (path: string, value: unknown): Promise<string> => {
    const operations = JSON.stringify([{ op: 'replace', path: `/webhooks/0/${path}`, value }]);
    return kubectl('patch', CONFIGURATION, '--type=json', '-p', operations);
  };
  const webhook = async (): Promise<Webhook> =>
    (JSON.parse(await kubectl('get', CONFIGURATION, '-o', 'json')) as { webhooks: readonly Webhook[] })
      .webhooks[0]!;

  it('reports every check of a healthy installation as passed', async () => {
    const { code, checks } = await examine();
    expect(checks.filter(({ status }) => status !== 'ok')).to.deep.equal([]);
    expect(code).to.equal(0);
    expect(line(checks, 'self-test').detail).to.contain('not tried: Pod ephemeralContainers');
    expect(checks.map(({ check }) => check)).to.include.members([
      'api server',
      'crd imagepolicies.pratique.dev',
      'crd imagepromotions.pratique.dev',
      'crd imagepromotionruns.pratique.dev',
      'crd promotionapprovals.pratique.dev',
      'webhook',
      'webhook rules',
      'webhook failurePolicy',
      'webhook timeout',
      'webhook caBundle',
      'certificate',
      'webhook target',
      'exempt namespaces',
      'leader',
      'policy production',
      'permissions',
      'self-test',
    ]);
  });

  it('works with the rights of helm test, and reports what it may not read without them', async () => {
    const { helm } = fixture.installation;
    const { stdout } = await helm(['get', 'manifest', 'pratique']);
    const objects = parseAllDocuments(stdout)
      .map((document) => document.toJS() as { readonly kind: string; readonly metadata: { name: string } })
      .filter(({ metadata }) => metadata.name === 'pratique-test');
    expect(objects).to.have.lengthOf(4);
    const rights = objects.map((object) => JSON.stringify(object)).join('\n---\n');
    expect((await fixture.cluster.kubectl(['delete', '-f', '-'], { input: rights })).code).to.equal(0);
    const without = await fixture.installation.pratique(['doctor', '-o', 'json']);
    const { checks } = JSON.parse(without.stdout) as { checks: readonly Reported[] };
    expect(without.code).to.equal(2);
    expect(line(checks, 'permissions').status).to.equal('unknown');
    for (const object of objects) await fixture.cluster.apply(object);
    await until({
      what: 'doctor with the rights of its pod',
      withinMs: WITHIN_MS,
      everyMs: 500,
      check: async () => {
        const { code, stdout: reported } = await fixture.installation.pratique(['doctor']);
        if (code !== 0) throw new Error(reported);
        return true;
      },
    });
  });

  it('reports that no webhook is registered with this name', async () => {
    const { code, checks } = await examine('--name', 'other', '--service-account', 'pratique');
    // The CRD exists, so something is installed: the report names the missing parts.
    expect(code).to.equal(1);
    expect(line(checks, 'webhook').status).to.equal('failed');
  });

  it('reports failurePolicy Ignore', async () => {
    await change('failurePolicy', 'Ignore');
    const { code, checks } = await examine();
    expect(line(checks, 'webhook failurePolicy').status).to.equal('failed');
    expect(code).to.equal(1);
    await change('failurePolicy', 'Fail');
  });

  it('reports a kind that is missing in the rules, and that its canary is admitted', async () => {
    const { rules } = await webhook();
    const fewer = rules.map((rule) => ({
      ...rule,
      resources: rule.resources.filter((name) => name !== 'daemonsets'),
    }));
    await change('rules', fewer);
    await until({
      what: 'DaemonSets to get in',
      withinMs: WITHIN_MS,
      everyMs: 500,
      check: async () => {
        const { code, checks } = await examine();
        const { status, detail } = line(checks, 'webhook rules');
        expect([code, status]).to.deep.equal([1, 'failed']);
        expect(detail).to.contain('daemonsets');
        return line(checks, 'self-test DaemonSet containers').status === 'failed';
      },
    });
    await change('rules', rules);
    await untilWell();
  });

  it('warns about a namespace that an administrator exempted, with its name', async () => {
    const { namespaceSelector } = await webhook();
    const expressions = namespaceSelector.matchExpressions;
    const shop = { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['shop'] };
    await change('namespaceSelector', { matchExpressions: [...expressions, shop] });
    const { code, checks } = await examine();
    const { status, detail } = line(checks, 'exempt namespaces');
    expect([code, status]).to.deep.equal([0, 'warning']);
    expect(detail).to.contain('shop');
    await change('namespaceSelector', namespaceSelector);
  });

  it('reports a stalled policy', async () => {
    const { cluster, registry } = fixture;
    const authority = { name: 'release', key: { secretRef: { name: 'no-such-key', key: 'cosign.pub' } } };
    const images = `${registry.host}/shop/**`;
    await cluster.apply(policy('production', images, { ...REQUIRE_SIGNATURES, authorities: [authority] }));
    await until({
      what: 'the stalled policy to be reported',
      withinMs: WITHIN_MS,
      everyMs: 500,
      check: async () => {
        const { code, checks } = await examine();
        const { status, detail } = line(checks, 'policy production');
        return code === 1 && status === 'failed' && detail.includes('no-such-key');
      },
    });
    await cluster.apply(policy('production', images, REQUIRE_SIGNATURES));
    await untilWell();
  });

  describe('when no replica runs', () => {
    before(async () => {
      for (const replica of fixture.replicas) await replica.kill();
    });

    it('reports a caBundle that does not match the certificate, while no controller can repair it', async () => {
      const { cert } = await createAuthority('another');
      await change('clientConfig/caBundle', Buffer.from(cert).toString('base64'));
      const { code, checks } = await examine();
      expect(line(checks, 'webhook caBundle').status).to.equal('failed');
      expect(code).to.equal(1);
    });

    it('reports an expired Lease, and that every request is refused without a reason of Pratique', async () => {
      await until({
        what: 'the term to be over',
        withinMs: WITHIN_MS,
        everyMs: 1_000,
        check: async () => line((await examine()).checks, 'leader').status === 'failed',
      });
      const { code, checks } = await examine();
      expect(line(checks, 'self-test').status).to.equal('unknown');
      expect(code).to.equal(1);
    });

    it('reports no problem after the next replica has started', async () => {
      const next: Replica = await fixture.installation.start('replica-next');
      fixture.replicas.push(next);
      await untilGuarded(fixture.cluster);
      await untilWell();
    });
  });

  describe('when nothing is installed', () => {
    it('reports that in one line', async () => {
      await fixture.installation.helm(['uninstall', 'pratique']);
      await kubectl('delete', 'crd', 'imagepolicies.pratique.dev');
      const { code, checks } = await examine();
      expect(code).to.equal(1);
      expect(checks.map(({ check, status }) => `${check}: ${status}`)).to.deep.equal([
        'api server: ok',
        'installation: failed',
      ]);
      expect(line(checks, 'installation').next).to.contain('install the chart');
    });
  });
});
