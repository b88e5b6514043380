import { expect } from 'chai';
import { fieldPointer } from '../../../src/webhook/patch.ts';
import {
  extractImages,
  pullSecretsOf,
  reducedObject,
  workloadTable,
} from '../../../src/core/workload/index.ts';
import type { CustomKind } from '../../../src/core/workload/kinds.ts';

const KIND = { group: 'acme.example', kind: 'Thing' };
const named = (places: Partial<CustomKind>): CustomKind => ({
  apiGroup: KIND.group,
  kind: KIND.kind,
  ...places,
});

function tableOf(places: Partial<CustomKind>) {
  const table = workloadTable([named(places)]);
  if (!table.ok) throw new Error(JSON.stringify(table.problems));
  return table.value;
}

function imagesIn(object: unknown, places: Partial<CustomKind>) {
  const uses = extractImages(object, KIND, tableOf(places));
  return uses.ok ? uses.value.map(({ field, image }) => `${field} ${image}`) : uses.problems;
}

const pod = (image: string, more: object = {}) => ({ containers: [{ name: 'c', image }], ...more });

describe('images of custom kinds', () => {
  const found: readonly [string, Partial<CustomKind>, object, readonly string[]][] = [
    [
      'steps of a Tekton Task',
      { images: ['spec.steps[*].image', 'spec.sidecars[*].image', 'spec.stepTemplate.image'] },
      { spec: { steps: [{ image: 'a' }, { script: '' }, { image: 'b' }], stepTemplate: { image: 'c' } } },
      ['spec.steps[0].image a', 'spec.steps[2].image b', 'spec.stepTemplate.image c'],
    ],
    [
      'tasks of a PipelineRun',
      { images: ['spec.pipelineSpec.tasks[*].taskSpec.steps[*].image'] },
      { spec: { pipelineSpec: { tasks: [{ taskRef: {} }, { taskSpec: { steps: [{ image: 'a' }] } }] } } },
      ['spec.pipelineSpec.tasks[1].taskSpec.steps[0].image a'],
    ],
    [
      'templates of an Argo Workflow',
      { images: ['spec.templates[*].container.image', 'spec.templates[*].initContainers[*].image'] },
      {
        spec: {
          templates: [{ container: { image: 'a' } }, { initContainers: [{ image: 'b' }] }, { dag: {} }],
        },
      },
      ['spec.templates[0].container.image a', 'spec.templates[1].initContainers[0].image b'],
    ],
    [
      'roles of a training job',
      { podSpecs: ['spec.replicaSpecs.*.template.spec'] },
      {
        spec: {
          replicaSpecs: {
            Master: { template: { spec: pod('a') } },
            'a.b/c': { template: { spec: pod('b') } },
          },
        },
      },
      [
        'spec.replicaSpecs.Master.template.spec.containers[0].image a',
        'spec.replicaSpecs["a.b/c"].template.spec.containers[0].image b',
      ],
    ],
    [
      'a pod spec beside the image of an operator',
      { podSpec: 'spec.podTemplate.spec', images: ['spec.image', 'spec.extra[*]'] },
      { spec: { podTemplate: { spec: pod('a') }, image: 'b', extra: ['c', ' ', null] } },
      ['spec.podTemplate.spec.containers[0].image a', 'spec.image b', 'spec.extra[0] c'],
    ],
    ['nothing where nothing is set', { images: ['spec.image', 'spec.a[*].b', 'spec.*.c'] }, { spec: {} }, []],
  ];
  for (const [what, places, object, expected] of found)
    it(`B27 are found in ${what}, also in a large object`, () => {
      expect(imagesIn(object, places)).to.deep.equal(expected);
      const reduced = reducedObject(object, KIND, tableOf(places));
      expect(reduced.ok && imagesIn(reduced.value, places)).to.deep.equal(expected);
    });

  it('B27 are patched where they stand, whatever their fields are called', () => {
    expect(fieldPointer('spec.replicaSpecs["a.b/c~[0]"].steps[2].image')).to.equal(
      '/spec/replicaSpecs/a.b~1c~0[0]/steps/2/image',
    );
    const key = 'x"].y\\';
    const object = { spec: { [key]: { image: 'a' } } };
    const uses = extractImages(object, KIND, tableOf({ images: ['spec.*.image'] }));
    expect(uses.ok && fieldPointer(uses.value[0]?.field ?? '')).to.equal(`/spec/${key}/image`);
  });

  const odd: readonly [string, Partial<CustomKind>, unknown, string][] = [
    [
      'a text in place of a list',
      { images: ['spec.steps[*].image'] },
      { spec: { steps: 'a' } },
      'spec.steps',
    ],
    [
      'an object in place of a list',
      { images: ['spec.steps[*].image'] },
      { spec: { steps: { 0: {} } } },
      'spec.steps',
    ],
    [
      'a list in place of an object',
      { images: ['spec.roles.*.image'] },
      { spec: { roles: [{ image: 'a' }] } },
      'spec.roles',
    ],
    [
      'an object in place of an image',
      { images: ['spec.image'] },
      { spec: { image: { tag: 'a' } } },
      'spec.image',
    ],
    [
      'a number in place of a pod spec',
      { podSpecs: ['spec.pods[*]'] },
      { spec: { pods: [1] } },
      'spec.pods[0]',
    ],
  ];
  for (const [what, places, object, path] of odd)
    it(`B27 are unknown, and not absent, where there is ${what}`, () => {
      expect(imagesIn(object, places)).to.have.nested.property('[0].path', path);
    });

  it('B27 are bounded in number', () => {
    const many = (count: number) => ({
      spec: { steps: Array.from({ length: count }, () => ({ image: 'a' })) },
    });
    const places = { images: ['spec.steps[*].image'] };
    expect(imagesIn(many(1_000), places)).to.have.length(1_000);
    expect(imagesIn(many(1_001), places))
      .to.have.nested.property('[0].message')
      .that.includes('1000');
    expect(imagesIn(many(10_001), places))
      .to.have.nested.property('[0].message')
      .that.includes('too many');
    expect(reducedObject(many(10_001), KIND, tableOf(places)).ok).to.equal(false);
  });

  it('B27 that hold a variable are passed over, as their Pods have the image; a Pod has none', () => {
    const images = ['$(params.image)', '{{inputs.parameters.image}}', '${IMAGE}', 'a$b', 'a{b'];
    const steps = images.map((image) => ({ image }));
    expect(imagesIn({ spec: { steps } }, { images: ['spec.steps[*].image'] })).to.deep.equal([
      'spec.steps[3].image a$b',
      'spec.steps[4].image a{b',
    ]);
    const inPod = extractImages({ spec: pod('$(a)') }, { group: '', kind: 'Pod' });
    expect(inPod.ok && inPod.value).to.have.length(1);
  });

  it('have the pull secrets of all pod specs, and the first service account', () => {
    const one = pod('a', { imagePullSecrets: [{ name: 'a' }] });
    const other = pod('b', { imagePullSecrets: [{ name: 'b' }, { name: 'a' }], serviceAccountName: 'robot' });
    const object = { spec: { roles: { one, other } } };
    expect(pullSecretsOf(object, KIND, tableOf({ podSpecs: ['spec.roles.*'] }))).to.deep.equal({
      ok: true,
      value: { pullSecrets: ['a', 'b'], serviceAccount: 'robot' },
    });
  });

  const senseless: readonly [string, Partial<CustomKind>, string, string][] = [
    ['metadata', { images: ['metadata.annotations.*'] }, 'images[0]', 'can match nothing'],
    ['status', { podSpec: 'status.template.spec' }, 'podSpec', 'can match nothing'],
    ['every field', { podSpecs: ['spec.a', '*.spec'] }, 'podSpecs[1]', 'can match nothing'],
    [
      'containers in place of a pod spec',
      { podSpec: 'spec.template.spec.containers' },
      'podSpec',
      'can match nothing',
    ],
    [
      'elements of containers in place of images',
      { images: ['spec.containers[*]'] },
      'images[0]',
      'containers[*].image',
    ],
    ['one path twice', { images: ['spec.image', 'spec.image'] }, 'images[1]', 'listed before'],
    [
      'an image of a pod spec that is named',
      { podSpec: 'spec.template.spec', images: ['spec.template.spec.containers[*].image'] },
      'images[0]',
      'lies in the pod spec spec.template.spec',
    ],
  ];
  for (const [what, places, at, message] of senseless)
    it(`B27 a path to ${what} is a problem`, () => {
      const table = workloadTable([named(places)]);
      const [problem] = table.ok ? [] : table.problems;
      expect(problem?.path).to.equal(`workloadKinds[0].${at}`);
      expect(problem?.message).to.include(message);
    });
});
