import { expect } from 'chai';
import {
  extractImages,
  isWorkload,
  KUBERNETES_WORKLOADS,
  pullSecretsOf,
  replicasOf,
  scalesIn,
  workloadTable,
  type WorkloadTable,
} from '../../../src/core/workload/index.ts';
import type { CustomKind } from '../../../src/core/workload/kinds.ts';
import { POD, WRAPPINGS } from './objects.ts';

const CLONES: CustomKind = {
  apiGroup: 'acme.example',
  kind: 'CloneSet',
  podSpec: 'spec.workload.pod-template.spec',
  replicas: 'spec.size.replicas',
};
const RUNNER: CustomKind = { apiGroup: 'ci.acme.example', kind: 'Runner', podSpec: 'pod' };
const CLONE_SET = { group: 'acme.example', version: 'v1beta2', kind: 'CloneSet' };

function tableOf(...custom: readonly CustomKind[]): WorkloadTable {
  const table = workloadTable(custom);
  if (!table.ok) throw new Error(JSON.stringify(table.problems));
  return table.value;
}

const cloneSet = (podSpec: unknown, size: unknown = {}) => ({
  spec: { size, workload: { 'pod-template': { spec: podSpec } } },
});

describe('placeholders of templates', () => {
  const table = workloadTable([CLONES], ['auto']);
  const images = (object: unknown, kind: { group: string; kind: string }) => {
    if (!table.ok) throw new Error('no table');
    const uses = extractImages(object, kind, table.value);
    return uses.ok ? uses.value.map(({ image }) => image) : uses.problems;
  };
  const spec = {
    containers: [
      { name: 'a', image: 'auto' },
      { name: 'b', image: 'auto:1' },
      { name: 'c', image: 'Auto' },
    ],
    initContainers: [{ name: 'd', image: 'auto' }],
    ephemeralContainers: [{ name: 'e', image: 'auto' }],
  };

  it('are passed over letter by letter, in every kind with a template', () => {
    for (const { kind, around } of WRAPPINGS.filter(({ kind: { kind } }) => kind !== 'Pod'))
      expect(images(around(spec), kind), kind.kind).to.deep.equal(['auto:1', 'Auto']);
    expect(images(cloneSet(spec), CLONE_SET)).to.deep.equal(['auto:1', 'Auto']);
  });

  it('B26: are images like any other in a Pod', () => {
    expect(images({ spec }, POD)).to.deep.equal(['auto', 'auto:1', 'Auto', 'auto', 'auto']);
  });

  it('are images where the setting names none', () => {
    const uses = extractImages(cloneSet(spec), CLONE_SET, tableOf(CLONES));
    expect(uses.ok && uses.value).to.have.length(5);
  });
});

describe('a table of kinds', () => {
  it('without custom kinds holds the kinds of Kubernetes', () => {
    expect([...tableOf()]).to.deep.equal([...KUBERNETES_WORKLOADS]);
  });

  it('keeps every kind of Kubernetes beside custom ones, and does not change another table', () => {
    const table = tableOf(CLONES, RUNNER);
    for (const { kind } of WRAPPINGS) expect(isWorkload(kind, table), kind.kind).to.equal(true);
    expect(isWorkload(CLONE_SET, table)).to.equal(true);
    expect(isWorkload({ group: 'ci.acme.example', kind: 'Runner' }, table)).to.equal(true);
    expect(isWorkload({ group: 'acme.example', kind: 'Runner' }, table)).to.equal(false);
    expect(isWorkload(CLONE_SET)).to.equal(false);
  });

  for (const { kind } of WRAPPINGS) {
    it(`does not let a custom kind replace ${kind.kind}`, () => {
      const redefined = { apiGroup: kind.group, kind: kind.kind, podSpec: 'spec.nowhere' };
      expect(workloadTable([CLONES, redefined])).to.deep.equal({
        ok: false,
        problems: [{ path: 'workloadKinds[1]', message: 'is known already' }],
      });
    });
  }

  it('refuses two pod spec paths for one custom kind', () => {
    expect(workloadTable([CLONES, { ...CLONES, podSpec: 'spec' }]).ok).to.equal(false);
  });

  const groups: readonly [string, boolean, boolean][] = [
    ['', true, true],
    ['apps', true, true],
    ['batch', false, false],
    ['acme.example', false, true],
    ['ci.acme.example', false, false],
    ['acme', false, false],
    ['app', false, false],
  ];
  for (const [group, builtIn, withCustom] of groups) {
    it(`knows whether a kind of "${group}" has replicas`, () => {
      expect(scalesIn(group)).to.equal(builtIn);
      expect(scalesIn(group, tableOf(CLONES, RUNNER))).to.equal(withCustom);
    });
  }
});

describe('an object of a custom kind', () => {
  const table = tableOf(CLONES, RUNNER);

  it('B02 uses the images in every place of its pod spec', () => {
    const podSpec = {
      volumes: [{ name: 'model', image: { reference: 'acme/model:1' } }],
      ephemeralContainers: [{ name: 'debug', image: 'acme/debug:1' }],
      initContainers: [{ name: 'proxy', image: 'acme/proxy:1', restartPolicy: 'Always' }],
      containers: [{ name: 'web', image: 'acme/web:1' }],
    };
    const path = 'spec.workload.pod-template.spec';
    const uses = extractImages(cloneSet(podSpec), CLONE_SET, table);
    expect(uses.ok && uses.value.map(({ field, image }) => [field, image])).to.deep.equal([
      [`${path}.containers[0].image`, 'acme/web:1'],
      [`${path}.initContainers[0].image`, 'acme/proxy:1'],
      [`${path}.ephemeralContainers[0].image`, 'acme/debug:1'],
      [`${path}.volumes[0].image.reference`, 'acme/model:1'],
    ]);
  });

  for (const [what, object] of [
    ['without spec', {}],
    ['whose spec is null', { spec: null }],
    ['that refers to another object in place of a template', { spec: { workload: { ref: 'web' } } }],
    ['whose template has no pod spec', cloneSet(undefined)],
  ] as const) {
    it(`has no images ${what}`, () => {
      expect(extractImages(object, CLONE_SET, table)).to.deep.equal({ ok: true, value: [] });
    });
  }

  for (const [what, object, path] of [
    ['that is a list', [], ''],
    ['whose spec is a text', { spec: 'web' }, 'spec'],
    ['whose pod spec is a list', cloneSet([]), 'spec.workload.pod-template.spec'],
  ] as const) {
    it(`has a problem ${what}`, () => {
      expect(extractImages(object, CLONE_SET, table)).to.deep.equal({
        ok: false,
        problems: [{ path, message: 'is not an object' }],
      });
    });
  }

  it('reads its replicas from the path in the settings', () => {
    expect(replicasOf(cloneSet({}, { replicas: 3 }), CLONE_SET, table)).to.equal(3);
    expect(replicasOf(cloneSet({}), CLONE_SET, table)).to.equal(1);
    expect(replicasOf(cloneSet({}, { replicas: '3' }), CLONE_SET, table)).to.equal(undefined);
    expect(replicasOf(cloneSet({}, 7), CLONE_SET, table)).to.equal(undefined);
    expect(replicasOf({}, CLONE_SET, table)).to.equal(undefined);
    expect(
      replicasOf({ pod: {}, replicas: 3 }, { group: 'ci.acme.example', kind: 'Runner' }, table),
    ).to.equal(undefined);
  });
});

describe('the pull secrets of an object', () => {
  const account = { pullSecrets: [], serviceAccount: 'default' };

  for (const { kind, around } of WRAPPINGS) {
    it(`are read from the pod spec of a ${kind.kind}`, () => {
      const object = around({ imagePullSecrets: [{ name: 'pull' }], serviceAccountName: 'robot' });
      expect(pullSecretsOf(object, kind)).to.deep.equal({
        ok: true,
        value: { pullSecrets: ['pull'], serviceAccount: 'robot' },
      });
    });
  }

  const rows: readonly [string, object, object][] = [
    ['come from the default service account when none is named', {}, account],
    [
      'are listed once each, in order',
      { imagePullSecrets: [{ name: 'b' }, { name: 'a' }, { name: 'b' }] },
      { ...account, pullSecrets: ['b', 'a'] },
    ],
    [
      'do not include entries without a name',
      { imagePullSecrets: [{}, { name: '' }, { name: null }] },
      account,
    ],
    ['may be null', { imagePullSecrets: null, serviceAccountName: null, serviceAccount: null }, account],
    [
      'come from the service account in the deprecated field',
      { serviceAccount: 'old' },
      { ...account, serviceAccount: 'old' },
    ],
    [
      'come from the current field rather than the deprecated one',
      { serviceAccount: 'old', serviceAccountName: 'new' },
      { ...account, serviceAccount: 'new' },
    ],
    [
      'come from the deprecated field when the current one is empty',
      { serviceAccount: 'old', serviceAccountName: '' },
      { ...account, serviceAccount: 'old' },
    ],
  ];
  for (const [title, podSpec, expected] of rows) {
    it(title, () => {
      expect(pullSecretsOf({ spec: podSpec }, POD)).to.deep.equal({ ok: true, value: expected });
    });
  }

  it('are found in custom kinds', () => {
    const object = cloneSet({ imagePullSecrets: [{ name: 'pull' }] });
    expect(pullSecretsOf(object, CLONE_SET, tableOf(CLONES))).to.deep.equal({
      ok: true,
      value: { ...account, pullSecrets: ['pull'] },
    });
  });

  it('are empty for a kind without pods or without a template', () => {
    expect(pullSecretsOf({}, { group: '', kind: 'ConfigMap' })).to.deep.equal({ ok: true, value: account });
    expect(pullSecretsOf({}, { group: '', kind: 'PodTemplate' })).to.deep.equal({ ok: true, value: account });
  });

  const many = (count: number) => Array.from({ length: count }, (_, index) => ({ name: `pull-${index}` }));
  const wrong: readonly [string, unknown, string][] = [
    ['secrets that are no list', { imagePullSecrets: 'pull' }, 'spec.imagePullSecrets'],
    ['a secret that is a text', { imagePullSecrets: [{ name: 'a' }, 'b'] }, 'spec.imagePullSecrets[1]'],
    ['a name that is a number', { imagePullSecrets: [{ name: 1 }] }, 'spec.imagePullSecrets[0].name'],
    ['an account that is a list', { serviceAccountName: [] }, 'spec.serviceAccountName'],
    ['an old account that is a list', { serviceAccount: [] }, 'spec.serviceAccount'],
    ['more than 64 secrets', { imagePullSecrets: many(65) }, 'spec.imagePullSecrets'],
    ['no pod spec', undefined, 'spec'],
  ];
  for (const [what, podSpec, path] of wrong) {
    it(`are a problem with ${what}`, () => {
      const read = pullSecretsOf({ spec: podSpec }, POD);
      expect(read.ok ? [] : read.problems.map((one) => one.path)).to.deep.equal([path]);
    });
  }

  it('may be 64 Secrets', () => {
    const read = pullSecretsOf({ spec: { imagePullSecrets: many(64) } }, POD);
    expect(read.ok && read.value.pullSecrets).to.have.length(64);
  });
});
