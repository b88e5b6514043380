import { expect } from 'chai';
import { compilePolicy, explainRefusal } from '../../../src/core/policy/index.ts';
import {
  canariesOf,
  CANARY_POLICY_DOCUMENT,
  extractImages,
  KUBERNETES_KINDS,
  KUBERNETES_WORKLOADS,
  readCanary,
  workloadTable,
  type Canary,
} from '../../../src/core/workload/index.ts';
import { CANARY_POLICY } from '../../../src/core/workload/canaries.ts';
import { NO_ROOTS, policyOf } from '../../support/policies.ts';
import { createBench } from '../../support/verification.ts';

const HEX = 'ab'.repeat(32);
const IMAGE = `self-test.pratique.invalid/canary@sha256:${HEX}`;
const POD = { namespace: 'shop', name: 'web', ephemeralContainers: [{ name: 'older', image: 'shell' }] };
const ROLLOUT = {
  group: 'argoproj.io',
  version: 'v1alpha1',
  kind: 'Rollout',
  plural: 'rollouts',
  podSpec: 'spec.template.spec',
};

const table = workloadTable([{ apiGroup: ROLLOUT.group, kind: ROLLOUT.kind, podSpec: ROLLOUT.podSpec }]);

const all = () => canariesOf({ namespace: 'default', hex: HEX, custom: [ROLLOUT], pod: POD });
const byId = (id: string): Canary => all().find((one) => one.id === id)!;
const written = ({ write }: Canary) => (write.how === 'create' ? write.object : write.patch);

describe('canaries', () => {
  it('exist for each kind, each container path, and the running pod', () => {
    const templates = ['initContainers', 'sidecar', 'volumes'];
    expect(all().map(({ id }) => id)).to.have.members([
      ...KUBERNETES_KINDS.map(({ kind }) => `${kind} containers`),
      'Rollout containers',
      ...templates.flatMap((path) => [`Pod ${path}`, `Job ${path}`]),
      'Pod ephemeralContainers',
    ]);
    expect(KUBERNETES_KINDS.map(({ group, kind }) => `${group}/${kind}`)).to.deep.equal([
      ...KUBERNETES_WORKLOADS.keys(),
    ]);
    expect(KUBERNETES_KINDS.map(({ plural }) => plural)).not.to.include('');
  });

  it('do not include ephemeral containers without a running pod', () => {
    const paths = canariesOf({ namespace: 'default', hex: HEX }).map(({ path }) => path);
    expect(paths).not.to.include('ephemeralContainers');
  });

  for (const canary of all()) {
    it(`${canary.id}: the image is in the field that a refusal must name`, () => {
      const { group } = canary.resource;
      const uses = extractImages(
        written(canary),
        { group, kind: canary.kind },
        table.ok ? table.value : undefined,
      );
      const found = uses.ok ? uses.value : [];
      expect(found.map(({ field }) => field)).to.include(canary.field);
      expect(found.find(({ field }) => field === canary.field)?.image).to.equal(IMAGE);
      const others = found.filter(({ field }) => field !== canary.field).map(({ image }) => image);
      const mayStand = canary.path === 'ephemeralContainers' ? 'shell' : IMAGE;
      expect(others.every((image) => image === mayStand)).to.equal(true);
      if (canary.kind !== 'Pod') expect(others, 'nothing else can be refused').to.deep.equal([]);
    });
  }

  it('keep the existing ephemeral containers of a pod', () => {
    const { write, field } = byId('Pod ephemeralContainers');
    expect(write).to.include({ how: 'patch', name: 'web', subresource: 'ephemeralcontainers' });
    expect(field).to.equal('spec.ephemeralContainers[1].image');
  });

  it('set the selector of a custom kind with a template', () => {
    const { spec } = written(byId('Rollout containers')) as {
      spec: { selector: { matchLabels: object }; template: { metadata: { labels: object } } };
    };
    expect(spec.selector.matchLabels).to.deep.equal(spec.template.metadata.labels);
  });
});

describe('the built-in policy of the self-test', () => {
  const compiled = compilePolicy(CANARY_POLICY_DOCUMENT, { material: () => undefined, roots: NO_ROOTS });
  const builtIn = () => {
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
    return compiled.value;
  };

  it('compiles, and refuses a canary as Quarantined with no registry request', async () => {
    const fixture = createBench();
    const everything = policyOf({ require: { lifecycle: {}, quarantine: {} } }, 'production');
    const [judged] = await fixture.judge([IMAGE], [builtIn(), everything]);
    expect(judged?.verdict.kind).to.equal('deny');
    expect(judged?.verdict.findings.map(({ reason, policy }) => [reason, policy])).to.deep.equal([
      ['Quarantined', CANARY_POLICY],
    ]);
    expect(fixture.registry.calls).to.deep.equal([]);
  });

  it('refuses with a message that proves each canary', async () => {
    for (const canary of all()) {
      const { group } = canary.resource;
      const uses = extractImages(
        written(canary),
        { group, kind: canary.kind },
        table.ok ? table.value : undefined,
      );
      if (!uses.ok) throw new Error(canary.id);
      const judged = await createBench().judge([canary.image], [builtIn()]);
      const images = uses.value
        .filter(({ image }) => image === canary.image)
        .map((use) => ({ ...judged[0]!, ...use }));
      const message = `admission webhook "images.pratique.dev" denied the request: ${explainRefusal(images)}`;
      const answer = { ok: false, status: 403, reason: 'Forbidden', message } as const;
      expect(readCanary(canary, answer)).to.include({ outcome: 'proven' });
    }
  });

  it('matches no other image', () => {
    for (const name of ['registry.example.com/shop/web', 'self-test.pratique.invalid.example.com/canary'])
      expect(builtIn().coversImage(name), name).to.equal(false);
  });
});
