import { expect } from 'chai';
import { digestOf } from '../../../src/core/model/index.ts';
import { podSelector } from '../../../src/controllers/audit/running-pods.ts';
import { memoryInUse } from './heap.ts';
import { pod, podObject, ran, type WrittenPod } from './pods.ts';

const ID = ran('registry.example.com/shop/web');

describe('the part of a pod that is kept in memory', () => {
  it('is its identity, its pull secrets, and every image with the ID that the node reports', () => {
    const kept = pod({
      serviceAccount: 'shop',
      pullSecrets: ['b', 'a', 'a'],
      spec: {
        containers: [{ name: 'web', image: 'web:1' }],
        initContainers: [{ name: 'init', image: 'init:1' }],
        ephemeralContainers: [{ name: 'debug', image: 'debug:1' }],
        volumes: [{ name: 'web', image: { reference: 'data:1' } }],
      },
      status: {
        containerStatuses: [{ name: 'web', imageID: `web@${ID}` }],
        initContainerStatuses: [{ name: 'init', imageID: `init@${ID}` }],
        ephemeralContainerStatuses: [{ name: 'debug', imageID: `debug@${ID}` }],
      },
    });
    expect(kept).to.deep.equal({
      namespace: 'shop',
      name: 'web-1',
      uid: 'uid-shop-web-1',
      runs: {
        serviceAccount: 'shop',
        pullSecrets: ['a', 'b'],
        containers: [
          { container: 'web', role: 'container', image: 'web:1', imageID: `web@${ID}` },
          { container: 'init', role: 'init', image: 'init:1', imageID: `init@${ID}` },
          { container: 'debug', role: 'ephemeral', image: 'debug:1', imageID: `debug@${ID}` },
          { container: 'web', role: 'volume', image: 'data:1', imageID: '' },
        ],
      },
    });
  });

  const phases: readonly [string, boolean][] = [
    ['Pending', true],
    ['Running', true],
    ['Unknown', true],
    ['Succeeded', false],
    ['Failed', false],
  ];
  for (const [phase, kept] of phases) {
    it(`${kept ? 'exists' : 'does not exist'} in the phase ${phase}`, () => {
      expect(podSelector()(podObject({ phase })) !== undefined).to.equal(kept);
    });
  }

  it('is the same value for pods that are alike', () => {
    const select = podSelector();
    const [one, other] = ['a', 'b'].map((name) => select(podObject({ name })));
    expect(one?.runs).to.equal(other?.runs);
    expect(one?.name).not.to.equal(other?.name);
  });

  const odd: readonly [string, WrittenPod][] = [
    ['no status at all', { status: { containerStatuses: undefined } }],
    ['a status that is no list', { status: { containerStatuses: 'none' } }],
    ['a status without image ID', { status: { containerStatuses: [{ name: 'c0' }, null] } }],
  ];
  for (const [what, written] of odd) {
    it(`has no image ID from ${what}`, () => {
      expect(pod(written).runs.containers[0]?.imageID).to.equal('');
    });
  }

  it('reports a spec that cannot be read', () => {
    const { runs } = pod({ spec: { containers: 'many' } });
    expect(runs.containers).to.deep.equal([]);
    expect(runs.unreadable).to.include('spec.containers');
  });

  it('needs a few MB for 5,000 pods with 2,000 digests', () => {
    const select = podSelector();
    const texts = Array.from({ length: 5_000 }, (_, index) => {
      const image = `registry.example.com/team-${index % 50}/app-${index % 2_000}`;
      const name = `app-${index}`;
      const sidecar = `registry.example.com/mesh/proxy`;
      const images = {
        [`${image}:1.0`]: `${image}@${digestOf(image)}`,
        [`${sidecar}:2`]: `${sidecar}@${digestOf(sidecar)}`,
      };
      return JSON.stringify(
        podObject({ name, namespace: `team-${index % 50}`, images, pullSecrets: ['pull'] }),
      );
    });
    const before = memoryInUse().heapUsed;
    const kept = texts.map((text) => select(JSON.parse(text) as ReturnType<typeof podObject>));
    const grown = memoryInUse().heapUsed - before;
    expect(new Set(kept.map((one) => one?.runs)).size).to.equal(2_000);
    expect(grown / 1e6).to.be.below(8);
  });
});
