import { expect } from 'chai';
import type { Report } from '../../src/controllers/audit/report.ts';
import { buildReports } from '../../src/controllers/audit/report.ts';
import { createUnits } from '../../src/controllers/audit/image-groups.ts';
import { pod } from '../controllers/audit/pods.ts';
import { openReportsCrd } from '../support/open-reports.ts';
import { evidenceOf, IMAGE, NOW, policyOf, verdictOf } from '../support/policies.ts';
import { startCluster, type Cluster } from './support/cluster/cluster.ts';
import { until } from './support/wait.ts';

const APPLY = ['apply', '--server-side', '--validate=strict', '--field-manager=pratique-audit', '-f', '-'];

/** What an audit writes about one image past its end of life. */
function aReport(): Report {
  const units = createUnits();
  const one = pod({ namespace: 'default' });
  units.set(one.namespace, one.name, one);
  const evidence = evidenceOf({ annotations: { 'dev.pratique.lifecycle.end-of-life': '2026-01-01' } });
  const verdict = verdictOf([policyOf({ require: { lifecycle: {} } })], { evidence });
  const judgement = { image: '', verdict, reference: IMAGE, covering: ['production'], judgedAt: NOW };
  const reports = buildReports([...units.all()].map((unit) => ({ unit, judgement, since: NOW })));
  return reports.get('default')!;
}

describe('the reports of an audit at a real API server', () => {
  let cluster: Cluster;

  before(async () => {
    cluster = await startCluster();
    const { code, stderr } = await cluster.kubectl(['apply', '-f', '-'], {
      input: JSON.stringify(openReportsCrd()),
    });
    expect(code, stderr).to.equal(0);
    await until({
      what: 'the CRD to be served',
      withinMs: 20_000,
      check: async () => (await cluster.kubectl(['get', 'reports.openreports.io'])).code === 0,
    });
  });

  after(() => cluster.stop());

  it('are accepted with strict validation, and stored unchanged', async () => {
    const report = aReport();
    const applied = await cluster.kubectl(APPLY, { input: JSON.stringify(report) });
    expect(applied.code, applied.stderr).to.equal(0);
    const { stdout } = await cluster.kubectl(['get', 'reps', 'pratique', '-o', 'json']);
    const { metadata, ...kept } = JSON.parse(stdout) as Report;
    const { metadata: sent, ...rest } = report;
    expect(kept).to.deep.equal(rest);
    expect(metadata.labels).to.deep.equal(sent.labels);
  });

  it('are refused when they do not match the schema', async () => {
    const report = { ...aReport(), results: [{ policy: 'production', result: 'maybe' }] };
    const applied = await cluster.kubectl(APPLY, { input: JSON.stringify(report) });
    expect(applied.code).not.to.equal(0);
    expect(applied.stderr).to.include('results[0].result');
  });
});
