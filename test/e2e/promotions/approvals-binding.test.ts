import { join } from 'node:path';
import { expect } from 'chai';
import { openAuditLog, type AuditLog } from '../support/cluster/audit-log.ts';
import { startCluster, type Cluster } from '../support/cluster/cluster.ts';
import { renderChart } from '../support/helm.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';
import { until } from '../support/wait.ts';

const CRDS = join(import.meta.dirname, '..', '..', '..', 'crds');
const TEMPLATES = ['promotion-policies', 'promotion-rbac'].flatMap((name) => [
  '--show-only',
  `templates/${name}.yaml`,
]);
const KEY = 'pratique-gates/gates-changed';
const HASH = `sha256:${'b'.repeat(64)}`;
const spec = (approval: string, target: string) => ({
  source: { repository: 'registry.example.com/quarantine/app' },
  target: { repository: `registry.example.com/${target}/app` },
  tags: { explicit: ['1.0'] },
  promote: { approval },
});
const object = (kind: string, name: string, content: object): string =>
  JSON.stringify({
    ...{ apiVersion: 'pratique.dev/v1alpha1', kind },
    metadata: { name, namespace: 'default' },
    spec: content,
  });
const run = (name: string): string =>
  object('ImagePromotionRun', name, {
    promotion: { name: 'flow', uid: 'forged', generation: 1 },
    trigger: 'Manual',
    template: spec('Never', 'production'),
  });

describe('what approvals are bound to, with a real API server', () => {
  let cluster: Cluster;
  let audit: AuditLog;
  let workspace: Workspace;
  const create = (user: string, input: string) =>
    cluster.kubectl(['create', '--as', user, '-f', '-'], { input });
  const apply = (user: string, input: string) =>
    cluster.kubectl(['apply', '--as', user, '-f', '-'], { input });
  const PRATIQUE = 'system:serviceaccount:pratique:pratique';

  before(async () => {
    workspace = await openWorkspace('approvals');
    audit = await openAuditLog(workspace);
    cluster = await startCluster({ apiserverArgs: audit.apiserverArgs });
    const { code, stdout, stderr } = await renderChart({}, TEMPLATES);
    expect(code, stderr).to.equal(0);
    for (const args of [
      ['-f', CRDS],
      ['-f', '-'],
    ]) {
      const applied = await cluster.kubectl(['apply', ...args], { input: stdout });
      expect(applied.code, applied.stderr).to.equal(0);
    }
    for (const [user, role] of [
      ['joe', 'pratique-promotion-editor'],
      ['ann', 'cluster-admin'],
      [PRATIQUE, 'cluster-admin'],
    ] as const) {
      const args = ['create', 'clusterrolebinding', user.replaceAll(':', '-'), `--clusterrole=${role}`];
      const bound = await cluster.kubectl([...args, `--user=${user}`]);
      expect(bound.code, bound.stderr).to.equal(0);
    }
    await until({
      what: 'the policy of runs to be in force',
      withinMs: 30_000,
      check: async () => (await create('ann', run('probe'))).stderr.includes('only Pratique creates'),
    });
  });

  after(async () => {
    await cluster.stop();
    await workspace.close();
  });

  it('A05 no person creates a run, whatever their role, nor writes its status', async () => {
    const editor = await create('joe', run('by-joe'));
    expect([editor.code, editor.stderr]).to.satisfy(
      ([code, text]: [number, string]) => code === 1 && /forbidden/i.test(text),
    );
    const admin = await create('ann', run('by-ann'));
    expect(admin.stderr).to.include('only Pratique creates ImagePromotionRuns');
    const own = await create(PRATIQUE, run('by-pratique'));
    expect(own.code, own.stderr).to.equal(0);
    const patch = ['patch', 'iprr', 'by-pratique', '--subresource=status', '--type=merge', '-n', 'default'];
    const status = JSON.stringify({ status: { phase: 'Blocked' } });
    const written = await cluster.kubectl([...patch, '-p', status, '--as', 'ann']);
    expect(written.stderr).to.include('only Pratique writes the status');
    expect((await cluster.kubectl([...patch, '-p', status, '--as', PRATIQUE])).code).to.equal(0);
  });

  it('A11 no person writes the status of a promotion, which remembers its gates, whatever their role', async () => {
    const made = await create('joe', object('ImagePromotion', 'remembered', spec('Always', 'staging')));
    expect(made.code, made.stderr).to.equal(0);
    const patch = ['patch', 'ipr', 'remembered', '--subresource=status', '--type=merge', '-n', 'default'];
    const status = JSON.stringify({ status: { lastHandledReconcileAt: 'never' } });
    const by = (user: string) => cluster.kubectl([...patch, '-p', status, '--as', user]);
    expect((await by('joe')).stderr).to.match(/forbidden/i);
    expect((await by('ann')).stderr).to.include('only Pratique writes the status');
    const own = await by(PRATIQUE);
    expect(own.code, own.stderr).to.equal(0);
  });

  it('A06 a hash that is none is refused when the approval is applied', async () => {
    const approval = (gateHash: string) =>
      object('PromotionApproval', `a-${gateHash.length}`, {
        ...{ runName: 'flow-1', runUID: 'uid', digest: `sha256:${'a'.repeat(64)}`, gateHash },
        ...{ approver: 'ann', decision: 'Approve', reason: 'checked', until: '2099-12-31' },
      });
    for (const typo of ['f00d', HASH.slice(0, -1), `${HASH}0`, HASH.replace('b', 'B'), HASH.slice(7)]) {
      const { code, stderr } = await create('ann', approval(typo));
      expect(code, typo).to.equal(1);
      expect(stderr).to.include('spec.gateHash');
    }
    const fits = await create('ann', approval(HASH));
    expect(fits.code, fits.stderr).to.equal(0);
  });

  it('A07 the audit log names who set approval to Never, or changed the target', async () => {
    const first = await apply('ann', object('ImagePromotion', 'flow', spec('Always', 'staging')));
    expect(first.code, first.stderr).to.equal(0);
    const changed = await apply('joe', object('ImagePromotion', 'flow', spec('Never', 'production')));
    expect(changed.code, changed.stderr).to.equal(0);
    const wanted =
      'joe (UPDATE): approval Always -> Never, target registry.example.com/staging/app -> registry.example.com/production/app';
    // kubectl impersonates joe: the log names the impersonator, the annotation the effective user.
    await until({
      what: 'the audit log to name joe',
      withinMs: 30_000,
      check: async () =>
        (await audit.requestsOf('admin')).some(({ annotations = {} }) => annotations[KEY] === wanted),
    });
  });
});
