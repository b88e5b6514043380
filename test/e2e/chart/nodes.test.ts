import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { renderChart, withoutTests } from '../support/helm.ts';
import { grantsIn } from '../support/installation/grants.ts';

interface Constraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly whenUnsatisfiable: string;
  readonly nodeTaintsPolicy?: string;
  readonly matchLabelKeys?: readonly string[];
}
interface Toleration {
  readonly key?: string;
  readonly effect?: string;
  readonly tolerationSeconds?: number;
}
interface Probe {
  readonly httpGet: { readonly path: string };
  readonly initialDelaySeconds?: number;
  readonly timeoutSeconds: number;
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
}
interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly topologySpreadConstraints: readonly Constraint[];
        readonly tolerations: readonly Toleration[];
        readonly nodeSelector?: Readonly<Record<string, string>>;
        readonly dnsConfig?: object;
        readonly containers: readonly { readonly startupProbe: Probe; readonly readinessProbe: Probe }[];
      };
    };
  };
}

async function render(values: object = {}): Promise<readonly Rendered[]> {
  const { code, stdout, stderr } = await renderChart(values);
  expect(code, stderr).to.equal(0);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
}

async function pod(values: object = {}) {
  const deployment = (await render(values)).find(({ kind }) => kind === 'Deployment');
  if (!deployment) throw new Error('there is no Deployment');
  return deployment.spec.template.spec;
}

describe('the Helm chart and nodes', () => {
  it('puts replicas on different nodes, also where nodes have no zone, and all on a single one', async () => {
    const { topologySpreadConstraints: constraints, nodeSelector } = await pod();
    const hard = constraints.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule');
    expect(hard.map(({ topologyKey }) => topologyKey)).to.deep.equal(['kubernetes.io/hostname']);
    // A skew of 1 is that of a single node. A dead node takes no pod, and a rollout counts the new pods only.
    expect(hard[0]).to.deep.include({
      maxSkew: 1,
      nodeTaintsPolicy: 'Honor',
      matchLabelKeys: ['pod-template-hash'],
    });
    // The scheduler ignores all of the soft ones on nodes that lack the label of one: there may be one key only.
    const soft = constraints.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'ScheduleAnyway');
    expect(soft.map(({ topologyKey }) => topologyKey)).to.deep.equal(['topology.kubernetes.io/zone']);
    // Else a replica would have to be on the Windows node of a mixed cluster.
    expect(nodeSelector).to.deep.equal({ 'kubernetes.io/os': 'linux' });
  });

  it('replaces the pods of a dead node within seconds, and keeps tolerations that were given', async () => {
    const own = { key: 'dedicated', operator: 'Exists', effect: 'NoSchedule' };
    const seconds = async (values: object) =>
      (await pod(values)).tolerations.map(({ key, effect, tolerationSeconds }) => [
        key,
        effect,
        tolerationSeconds,
      ]);
    const dead = (after: number) => [
      ['node.kubernetes.io/not-ready', 'NoExecute', after],
      ['node.kubernetes.io/unreachable', 'NoExecute', after],
    ];
    expect(await seconds({})).to.deep.equal(dead(5));
    expect(await seconds({ controller: { deadNodeSeconds: 300, tolerations: [own] } })).to.deep.equal([
      ...dead(300),
      ['dedicated', 'NoSchedule', undefined],
    ]);
  });

  it('asks DNS for the names of registries as they are, and again after a second without an answer', async () => {
    expect((await pod()).dnsConfig).to.deep.equal({
      options: [
        { name: 'ndots', value: '1' },
        { name: 'timeout', value: '1' },
        { name: 'attempts', value: '5' },
      ],
    });
  });

  it('waits for the start, so that no probe of a usual one fails', async () => {
    const [container] = (await pod()).containers;
    const { startupProbe } = container ?? {};
    expect(startupProbe?.httpGet.path).to.equal('/startz');
    expect(startupProbe?.initialDelaySeconds).to.be.greaterThan(0);
    expect(startupProbe?.timeoutSeconds, 'longer than the page waits').to.be.greaterThan(8);
    const { periodSeconds = 0, failureThreshold = 0 } = startupProbe ?? {};
    expect(periodSeconds, 'a replica that has started waits for the next probe').to.be.within(1, 3);
    expect(periodSeconds * failureThreshold, 'seconds for a slow start').to.be.at.least(300);
  });

  it('keeps the pod of helm test, which is its only hook: --logs reads a log for each hook', async () => {
    const hooks = (await render()).filter(
      ({ metadata }) => metadata.annotations?.['helm.sh/hook'] === 'test',
    );
    expect(hooks.map(({ kind }) => kind)).to.deep.equal(['Pod']);
    expect(hooks[0]?.metadata.annotations?.['helm.sh/hook-delete-policy']).to.equal('before-hook-creation');
  });

  it('lets doctor read what the controller may not, and neither secrets nor changes', async () => {
    const { stdout } = await renderChart({}, ['-s', 'templates/tests/doctor.yaml']);
    expect(grantsIn(withoutTests(stdout))).to.deep.equal([]);
    const rights = grantsIn(stdout).map(({ verb, group, resource }) => `${verb} ${group}/${resource}`);
    expect(rights).to.have.members([
      'get apiextensions.k8s.io/customresourcedefinitions',
      'create authorization.k8s.io/subjectaccessreviews',
      'get /services',
      'get /serviceaccounts',
      'list discovery.k8s.io/endpointslices',
    ]);
  });
});
