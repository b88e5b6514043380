import { join } from 'node:path';
import { expect } from 'chai';
import { startCluster, type Cluster } from '../support/cluster/cluster.ts';
import { renderChart } from '../support/helm.ts';
import { until } from '../support/wait.ts';

const CRDS = join(import.meta.dirname, '..', '..', '..', 'crds');
const TEMPLATES = ['approval-policy', 'promotion-rbac'].flatMap((name) => [
  '--show-only',
  `templates/${name}.yaml`,
]);

const approvalBy = (approver: string): string =>
  JSON.stringify({
    apiVersion: 'pratique.dev/v1alpha1',
    kind: 'PromotionApproval',
    metadata: { generateName: 'node-', namespace: 'default' },
    spec: {
      runName: 'node-1',
      digest: `sha256:${'a'.repeat(64)}`,
      gateHash: `sha256:${'b'.repeat(64)}`,
      approver,
      decision: 'Approve',
      reason: 'not reachable',
      until: '2099-12-31',
    },
  });

describe('approvals with a real API server', () => {
  let cluster: Cluster;
  const bind = async (user: string, role: string): Promise<void> => {
    const args = ['create', 'rolebinding', user, `--clusterrole=${role}`, `--user=${user}`, '-n', 'default'];
    const { code, stderr } = await cluster.kubectl(args);
    expect(code, stderr).to.equal(0);
  };
  const approve = (user: string, approver: string) =>
    cluster.kubectl(['create', '--as', user, '-f', '-'], { input: approvalBy(approver) });

  before(async () => {
    cluster = await startCluster();
    const { code, stdout, stderr } = await renderChart({}, TEMPLATES);
    expect(code, stderr).to.equal(0);
    for (const args of [
      ['-f', CRDS],
      ['-f', '-'],
    ]) {
      const applied = await cluster.kubectl(['apply', ...args], { input: stdout });
      expect(applied.code, applied.stderr).to.equal(0);
    }
    await bind('jane', 'pratique-approver');
    await bind('joe', 'pratique-promotion-editor');
    await until({
      what: 'the policy of approvals to be in force',
      withinMs: 30_000,
      check: async () => (await approve('jane', 'joe')).stderr.includes('has to be your own name: jane'),
    });
  });

  after(() => cluster.stop());

  it('A10 have the name of the requesting user, and no other', async () => {
    const own = await approve('jane', 'jane');
    expect(own.code, own.stderr).to.equal(0);
    const borrowed = await approve('jane', 'system:admin');
    expect([borrowed.code, borrowed.stderr]).to.satisfy(
      ([code, stderr]: [number, string]) => code === 1 && stderr.includes('your own name: jane'),
    );
  });

  it('A10 cannot be changed, not even by an administrator, except their labels', async () => {
    const { stdout } = await cluster.kubectl(['get', 'ipa', '-o', 'name']);
    const [name = ''] = stdout
      .split('\n')
      .filter((line) => line !== '')
      .slice(-1);
    const patch = JSON.stringify({ spec: { decision: 'Deny' } });
    const changed = await cluster.kubectl(['patch', name, '--type=merge', '-p', patch]);
    expect(changed.code).to.equal(1);
    expect(changed.stderr).to.contain('an approval is never changed');
    const labelled = await cluster.kubectl(['label', name, 'seen=yes']);
    expect(labelled.code, labelled.stderr).to.equal(0);
  });

  it('A10 need another right than editing promotions', async () => {
    const refused = await approve('joe', 'joe');
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.match(/forbidden/i);
    const can = async (user: string, verb: string, resource: string) =>
      (await cluster.kubectl(['auth', 'can-i', verb, resource, '--as', user, '-n', 'default'])).code === 0;
    expect(await can('joe', 'create', 'imagepromotions.pratique.dev')).to.be.true;
    expect(await can('jane', 'create', 'imagepromotions.pratique.dev')).to.be.false;
    expect(await can('jane', 'create', 'promotionapprovals.pratique.dev')).to.be.true;
  });
});
