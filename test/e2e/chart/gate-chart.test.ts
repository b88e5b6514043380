import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { renderChart } from '../support/helm.ts';

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: Readonly<Record<string, unknown>>;
}

describe('the Helm chart with the gate', () => {
  it('brings all that runs and watches the gate, which exempts its own image and connects where the controller does', async () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const { code, stdout, stderr } = await renderChart({
      serviceMonitor: { enabled: true },
      prometheusRule: { enabled: true },
      gate: { enabled: true, autoscaling: { enabled: true }, service: { clusterIP: '10.0.0.80' } },
      image: { repository: 'registry.example.com/pratique', digest },
      networkPolicy: { egress: { restrict: true } },
      settings: { gate: { upstreams: [{ match: ['docker.io/**'] }] } },
    });
    expect(code, stderr).to.equal(0);
    const objects = parseAllDocuments(stdout)
      .map((document) => document.toJS() as Rendered | null)
      .filter((object) => object !== null);
    const own = objects.filter(({ metadata }) => metadata.name === 'pratique-gate');
    expect(own.map(({ kind }) => kind)).to.include.members([
      ...['Deployment', 'Service', 'PodDisruptionBudget', 'HorizontalPodAutoscaler'],
      ...['NetworkPolicy', 'ServiceMonitor'],
    ]);
    expect(JSON.stringify(own))
      .to.include(`registry.example.com/pratique@${digest}`)
      .and.include('"clusterIP":"10.0.0.80"')
      .and.include('"preStop"');
    const egress = objects.flatMap(({ kind, spec }) => (kind === 'NetworkPolicy' ? [spec?.egress] : []));
    expect(egress).to.have.length(2);
    expect(egress[0]).to.be.an('array').and.to.deep.equal(egress[1]);
    expect(JSON.stringify(objects)).to.include('PratiqueGateManyUnknown');
  });
});
