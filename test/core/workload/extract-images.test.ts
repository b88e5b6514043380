import { expect } from 'chai';
import fc from 'fast-check';
import {
  extractImages,
  isWorkload,
  type ImageUse,
  type ObjectKind,
} from '../../../src/core/workload/index.ts';
import { MAX_IMAGES_PER_OBJECT } from '../../../src/core/workload/extract-images.ts';
import { DEPLOYMENT, POD, WRAPPINGS } from './objects.ts';

function imagesOf(object: unknown, kind: ObjectKind): readonly ImageUse[] {
  const result = extractImages(object, kind);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.value;
}

function problemsOf(object: unknown, kind: ObjectKind): readonly string[] {
  const result = extractImages(object, kind);
  return result.ok ? [] : result.problems.map(({ path, message }) => `${path} ${message}`);
}

const IMAGE = 'registry.example.com/shop/web:1.4';

const PLACES = [
  {
    place: 'container',
    role: 'container',
    at: 'containers[0].image',
    spec: { containers: [{ name: 'x', image: IMAGE }] },
  },
  {
    place: 'init container',
    role: 'init',
    at: 'initContainers[0].image',
    spec: { initContainers: [{ name: 'x', image: IMAGE }] },
  },
  {
    place: 'sidecar init container',
    role: 'init',
    at: 'initContainers[0].image',
    spec: { initContainers: [{ name: 'x', image: IMAGE, restartPolicy: 'Always' }] },
  },
  {
    place: 'ephemeral container',
    role: 'ephemeral',
    at: 'ephemeralContainers[0].image',
    spec: { ephemeralContainers: [{ name: 'x', image: IMAGE, targetContainerName: 'web' }] },
  },
  {
    place: 'image volume',
    role: 'volume',
    at: 'volumes[0].image.reference',
    spec: { volumes: [{ name: 'x', image: { reference: IMAGE, pullPolicy: 'Always' } }] },
  },
] as const;

describe('extractImages finds the image', () => {
  for (const { kind, path, around } of WRAPPINGS) {
    for (const { place, role, at, spec } of PLACES) {
      it(`B02: of one ${place} in a ${kind.kind}`, () => {
        expect(imagesOf(around(spec), kind)).to.deep.equal([
          {
            ...{ container: 'x', role, field: `${path}.${at}`, image: IMAGE },
            ...(role === 'volume' && { pullPolicy: 'Always' }),
          },
        ]);
      });
    }
  }

  it('whatever the version of the group is', () => {
    const object = { spec: { jobTemplate: { spec: { template: { spec: PLACES[0].spec } } } } };
    expect(imagesOf(object, { group: 'batch', version: 'v1beta1', kind: 'CronJob' })).to.have.length(1);
    expect(imagesOf(object, { group: 'batch', kind: 'CronJob' })).to.have.length(1);
  });

  it('B17: of both containers that share a name', () => {
    const containers = [
      { name: 'x', image: 'a' },
      { name: 'x', image: 'b' },
    ];
    expect(imagesOf({ spec: { containers } }, POD).map(({ image }) => image)).to.deep.equal(['a', 'b']);
  });

  it('B17: of every one of 1,000 containers', () => {
    const containers = Array.from({ length: 1_000 }, (_, i) => ({ name: `c${i}`, image: `shop/${i}` }));
    const found = imagesOf({ spec: { containers } }, POD);
    expect(found.map(({ image }) => image)).to.deep.equal(containers.map(({ image }) => image));
  });

  it('also when the container has no name', () => {
    expect(imagesOf({ spec: { containers: [{ image: IMAGE }] } }, POD)[0]?.container).to.equal('');
  });

  it('with the white space around it, so that the reference is refused later', () => {
    expect(imagesOf({ spec: { containers: [{ name: 'x', image: ' nginx\n' }] } }, POD)[0]?.image).to.equal(
      ' nginx\n',
    );
  });

  it('in every place of any pod template', () => {
    const names = fc.string({ maxLength: 5 });
    const image = fc.stringMatching(/^[a-z0-9./:@]{1,20}$/);
    const container = fc.record({ name: names, image }, { requiredKeys: ['image'] });
    const volume = fc.record({ name: names, image: fc.record({ reference: image }) });
    const podSpec = fc.record(
      {
        containers: fc.array(container),
        initContainers: fc.array(container),
        ephemeralContainers: fc.array(container),
        volumes: fc.array(fc.oneof(volume, fc.record({ name: names, emptyDir: fc.constant({}) }))),
        nodeName: names,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(podSpec, fc.constantFrom(...WRAPPINGS), (spec, { kind, around }) => {
        const containers = [spec.containers, spec.initContainers, spec.ephemeralContainers];
        const placed = [
          ...containers.flatMap((list) => (list ?? []).map((one) => one.image)),
          ...(spec.volumes ?? []).flatMap((one) => ('image' in one ? [one.image.reference] : [])),
        ];
        expect(imagesOf(around(spec), kind).map((use) => use.image)).to.deep.equal(placed);
      }),
    );
  });
});

describe('extractImages finds no image', () => {
  const rows: readonly [string, unknown, ObjectKind][] = [
    [
      'B17: where the image is blank',
      {
        spec: {
          containers: [
            { name: 'x', image: ' ' },
            { name: 'y', image: '' },
          ],
        },
      },
      POD,
    ],
    [
      'where the image is left out',
      { spec: { containers: [{ name: 'x' }, { name: 'y', image: null }] } },
      POD,
    ],
    [
      'in a volume that is not an image',
      {
        spec: {
          volumes: [
            { name: 'x', emptyDir: {} },
            { name: 'y', image: null },
          ],
        },
      },
      POD,
    ],
    ['in an image volume without reference', { spec: { volumes: [{ name: 'x', image: {} }] } }, POD],
    [
      'in a pod spec whose lists are null',
      { spec: { containers: null, initContainers: null, volumes: null } },
      POD,
    ],
    [
      'in a ReplicationController without template',
      { spec: { template: null } },
      { group: '', kind: 'ReplicationController' },
    ],
    ['in a PodTemplate without template', { metadata: {} }, { group: '', kind: 'PodTemplate' }],
    [
      'in a kind without pod spec',
      { spec: { containers: [{ image: 'a' }] } },
      { group: '', kind: 'Service' },
    ],
    [
      'in a stranger of the same name',
      { spec: { containers: [{ image: 'a' }] } },
      { group: 'acme.example.com', kind: 'Pod' },
    ],
  ];
  for (const [title, object, kind] of rows) {
    it(title, () => {
      expect(imagesOf(object, kind)).to.deep.equal([]);
    });
  }
});

describe('extractImages has a problem', () => {
  const rows: readonly [string, unknown, ObjectKind, string][] = [
    ['with an object that is null', null, POD, ' is not an object'],
    ['with an object that is a list', [], POD, ' is not an object'],
    ['with a Pod without spec', { metadata: {} }, POD, 'spec is not an object'],
    ['with a Deployment without template', { spec: {} }, DEPLOYMENT, 'spec.template is not an object'],
    [
      'with a Deployment whose template has no spec',
      { spec: { template: {} } },
      DEPLOYMENT,
      'spec.template.spec is not an object',
    ],
    [
      'with a ReplicationController whose template has no spec',
      { spec: { template: {} } },
      { group: '', kind: 'ReplicationController' },
      'spec.template.spec is not an object',
    ],
    [
      'with a ReplicationController without spec',
      {},
      { group: '', kind: 'ReplicationController' },
      'spec is not an object',
    ],
    [
      'with containers that are no list',
      { spec: { containers: { 0: {} } } },
      POD,
      'spec.containers is not a list',
    ],
    [
      'with a container that is null',
      { spec: { containers: [null] } },
      POD,
      'spec.containers[0] is not an object',
    ],
    [
      'with a container that is a text',
      { spec: { initContainers: ['x'] } },
      POD,
      'spec.initContainers[0] is not an object',
    ],
    [
      'with an image that is a number',
      { spec: { containers: [{ image: 1 }] } },
      POD,
      'spec.containers[0].image is not a text',
    ],
    [
      'with an image that is a list',
      { spec: { ephemeralContainers: [{ image: ['a'] }] } },
      POD,
      'spec.ephemeralContainers[0].image is not a text',
    ],
    [
      'with a name that is no text',
      { spec: { containers: [{ name: {}, image: 'a' }] } },
      POD,
      'spec.containers[0].name is not a text',
    ],
    [
      'with an image volume that is a text',
      { spec: { volumes: [{ image: 'a' }] } },
      POD,
      'spec.volumes[0].image is not an object',
    ],
    [
      'with a volume reference that is no text',
      { spec: { volumes: [{ image: { reference: {} } }] } },
      POD,
      'spec.volumes[0].image.reference is not a text',
    ],
    [
      'B17: with more than 1,000 images',
      {
        spec: {
          containers: Array.from({ length: MAX_IMAGES_PER_OBJECT + 1 }, () => ({ name: 'x', image: 'a' })),
        },
      },
      POD,
      'spec uses more than 1000 images',
    ],
  ];
  for (const [title, object, kind, says] of rows) {
    it(title, () => {
      expect(problemsOf(object, kind)).to.deep.equal([says]);
    });
  }

  it('for each wrong field, up to a limit', () => {
    const wrong = { containers: [{ image: 1 }, { image: 'a' }, { image: 2 }], volumes: 'none' };
    expect(problemsOf({ spec: wrong }, POD)).to.have.length(3);
    expect(
      problemsOf({ spec: { containers: Array.from({ length: 100_000 }, () => 1) } }, POD),
    ).to.have.length(20);
  });
});

describe('isWorkload', () => {
  it('is true for every kind with a pod spec and false for any other', () => {
    expect(WRAPPINGS.every(({ kind }) => isWorkload(kind))).to.equal(true);
    expect(isWorkload({ group: '', kind: 'Deployment' })).to.equal(false);
    expect(isWorkload({ group: 'autoscaling', version: 'v1', kind: 'Scale' })).to.equal(false);
  });
});
