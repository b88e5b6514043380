import { expect } from 'chai';
import { pushImage, type Pushed } from '../support/registry/push.ts';
import type { Outcome } from './support/programs/command.ts';
import { admitted, refused } from './support/installation/coverage-fixture.ts';
import {
  openClusterFixture,
  REQUIRE_SIGNATURES,
  type ClusterFixture,
} from './support/cluster/cluster-fixture.ts';
import { policy } from './support/installation/policies.ts';
import { startSwapWebhook, SWAP_ANNOTATION, SWAP_LABEL } from './support/installation/swap-webhook.ts';
import { until } from './support/wait.ts';
import { deployment, pod } from './support/workload-objects.ts';

const NAMESPACE = 'shop';
const WITHIN_MS = 30_000;
const ORIGINAL_IMAGES = 'pratique.dev/original-images';

interface Containers {
  readonly containers: readonly { readonly image: string }[];
  readonly ephemeralContainers?: readonly { readonly image: string }[];
}
interface Live {
  readonly metadata: {
    readonly name: string;
    readonly generation?: number;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Containers & { readonly template: { readonly spec: Containers } };
}

/** An image under the tag `v1`, signed; `move` puts another signed one under it. */
interface Tagged {
  readonly tag: string;
  readonly digest: string;
  /** The digest that the tag points to from now on. */
  move(): Promise<string>;
}

/** What users do in a fixture whose policy pins. */
interface Quay {
  readonly fixture: ClusterFixture;
  kubectl(args: readonly string[], input?: object): Promise<Outcome>;
  create(object: object): Promise<Outcome>;
  live(what: string): Promise<Live>;
  tagged(name: string): Promise<Tagged>;
  /** The current pods of a Deployment. */
  podsOf(name: string): Promise<readonly Live[]>;
}

async function openQuay(values: Readonly<Record<string, unknown>>): Promise<Quay> {
  const fixture = await openClusterFixture({ values });
  const { cluster, registry, cosign, keys } = fixture;
  const kubectl: Quay['kubectl'] = (args, input) =>
    cluster.kubectl(['-n', NAMESPACE, ...args], input === undefined ? {} : { input: JSON.stringify(input) });
  const read = async (args: readonly string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await kubectl(['get', ...args, '-o', 'json']);
    expect(code, stderr).to.equal(0);
    return JSON.parse(stdout);
  };
  const quay: Quay = {
    fixture,
    kubectl,
    create: (object) => kubectl(['create', '-f', '-'], object),
    live: async (what) => (await read([what])) as Live,
    podsOf: async (name) => ((await read(['pods', '-l', `app=${name}`])) as { items: readonly Live[] }).items,
    tagged: async (name) => {
      const target = { registry: registry.host, repository: `${NAMESPACE}/${name}`, tag: 'v1' };
      const pushed = async (salt: string): Promise<Pushed> => {
        const image = await pushImage(target, { salt });
        await cosign.sign(image.reference, { key: keys.release, format: 'bundle' });
        return image;
      };
      const { digest } = await pushed(name);
      const tag = `${target.registry}/${target.repository}:v1`;
      return { tag, digest, move: async () => (await pushed(`${name} moved`)).digest };
    },
  };
  try {
    const spec = { ...REQUIRE_SIGNATURES, pinDigests: true };
    await cluster.apply(policy('production', `${registry.host}/${NAMESPACE}/**`, spec));
    const { tag, digest } = await quay.tagged('ready');
    await until({
      what: 'digests to be added',
      withinMs: WITHIN_MS,
      check: async () => {
        const asked = await kubectl(['create', '--dry-run=server', '-o', 'json', '-f', '-'], pod('p', tag));
        return asked.stdout.includes(`${tag}@${digest}`);
      },
    });
    return quay;
  } catch (error) {
    await fixture.stop();
    throw error;
  }
}

const imageOf = ({ spec }: Live): string | undefined => spec.containers[0]?.image;
const templateImageOf = ({ spec }: Live): string | undefined => spec.template.spec.containers[0]?.image;

describe('pinning digests in every object', () => {
  let quay: Quay;

  before(async () => {
    quay = await openQuay({ pinning: { enabled: true } });
  });

  after(() => quay.fixture.stop());

  it('adds the digest to the tag in a Pod, and the Pod is admitted', async () => {
    const { tag, digest } = await quay.tagged('pod');
    await admitted(quay.create(pod('pinned', tag)));
    expect(imageOf(await quay.live('pod/pinned'))).to.equal(`${tag}@${digest}`);
  });

  it('adds the digest to the template of a Deployment, and so to its pods', async () => {
    const { tag, digest } = await quay.tagged('deployment');
    await admitted(quay.create(deployment('pinned', tag, 1)));
    expect(templateImageOf(await quay.live('deployment/pinned'))).to.equal(`${tag}@${digest}`);
    await until({
      what: 'a pod of the Deployment',
      withinMs: WITHIN_MS,
      check: async () => (await quay.podsOf('pinned')).length === 1,
    });
    expect((await quay.podsOf('pinned')).map(imageOf)).to.deep.equal([`${tag}@${digest}`]);
  });

  it('does not change an image with a digest', async () => {
    const { tag, digest, move } = await quay.tagged('own-digest');
    await move();
    await admitted(quay.create(pod('own-digest', `${tag}@${digest}`)));
    expect(imageOf(await quay.live('pod/own-digest'))).to.equal(`${tag}@${digest}`);
  });

  it('pins the image of kubectl debug', async () => {
    const { tag, digest } = await quay.tagged('debugger');
    const debug = ['debug', 'pod/pinned', '--attach=false', `--image=${tag}`, '--', 'sh'];
    await admitted(quay.kubectl(debug));
    const { spec } = await quay.live('pod/pinned');
    expect(spec.ephemeralContainers?.map(({ image }) => image)).to.deep.equal([`${tag}@${digest}`]);
  });

  it('keeps the digest of running pods when a tag moves, and adds the new digest to new pods', async () => {
    const { tag, digest, move } = await quay.tagged('moving');
    await admitted(quay.create(pod('before', tag)));
    await admitted(quay.create(deployment('moving', tag, 1)));
    const moved = await move();
    await admitted(quay.kubectl(['label', 'deployment/moving', 'still=there']));
    await admitted(quay.kubectl(['scale', 'deployment/moving', '--replicas=2']));
    await admitted(quay.create(pod('after', tag)));
    expect(imageOf(await quay.live('pod/before'))).to.equal(`${tag}@${digest}`);
    expect(imageOf(await quay.live('pod/after'))).to.equal(`${tag}@${moved}`);
    expect(templateImageOf(await quay.live('deployment/moving'))).to.equal(`${tag}@${digest}`);
    await until({
      what: 'both pods of the Deployment',
      withinMs: WITHIN_MS,
      check: async () => (await quay.podsOf('moving')).length === 2,
    });
    const old = `${tag}@${digest}`;
    expect((await quay.podsOf('moving')).map(imageOf)).to.deep.equal([old, old]);
  });

  it('leaves a tag that does not exist to the validating webhook, which refuses it', async () => {
    const { registry } = quay.fixture;
    const missing = `${registry.host}/${NAMESPACE}/missing:v9`;
    await refused(quay.create(pod('missing', missing)), ': ImageNotFound: ', missing, '[policy production]');
    await refused(
      quay.create(deployment('missing', missing, 1)),
      '(spec.template.spec.containers[0].image)',
      ': ImageNotFound: ',
    );
  });

  it('pins an unsigned image, which is then refused by its digest', async () => {
    const image = await quay.fixture.push('unsigned');
    const [name = '', digest = ''] = image.split('@');
    await refused(
      quay.create(pod('unsigned', `${name}:v1`)),
      `${name}:v1@${digest.slice(0, 19)}`,
      ': Unsigned: ',
    );
  });

  it('keeps the tag of an image that no policy pins', async () => {
    const open = 'registry.example.com/open/web:v1';
    await admitted(quay.create(pod('open', open)));
    expect(imageOf(await quay.live('pod/open'))).to.equal(open);
  });

  for (const [how, ...flags] of [['by kubectl'], ['by the API server', '--server-side']] as const) {
    it(`causes no drift when the object is applied again ${how}: no difference, no new generation, no second rollout`, async () => {
      const name = `applied${flags.join('')}`;
      const { tag, digest } = await quay.tagged(name);
      const object = deployment(name, tag, 1);
      await admitted(quay.kubectl(['apply', ...flags, '-f', '-'], object));
      await until({
        what: 'the Deployment to be seen',
        withinMs: WITHIN_MS,
        check: async () => (await quay.podsOf(name)).length === 1,
      });
      const { generation } = (await quay.live(`deployment/${name}`)).metadata;
      await admitted(quay.kubectl(['diff', ...flags, '-f', '-'], object));
      await admitted(quay.kubectl(['apply', ...flags, '-f', '-'], object));
      const again = await quay.live(`deployment/${name}`);
      expect(again.metadata.generation).to.equal(generation);
      expect(templateImageOf(again)).to.equal(`${tag}@${digest}`);
      const sets = await quay.kubectl(['get', 'replicasets', '-l', `app=${name}`, '-o', 'name']);
      expect(sets.stdout.trim().split('\n')).to.have.lengthOf(1);
    });
  }

  describe('B15: with a mutating webhook behind ours', () => {
    let swap: { stop(): Promise<void> };

    before(async () => {
      swap = await startSwapWebhook(quay.fixture.cluster);
    });

    after(() => swap.stop());

    const swapped = (name: string, from: string, to: string): Promise<Outcome> => {
      const labels = { [SWAP_LABEL]: 'yes' };
      return quay.create(pod(name, from, { labels, annotations: { [SWAP_ANNOTATION]: to } }));
    };

    it('an image that it sets in place of a good one is judged', async () => {
      const { tag } = await quay.tagged('swap-good');
      const bad = (await quay.fixture.push('swap-bad')).split('@')[0]!;
      await refused(swapped('swapped', tag, `${bad}:v1`), `${bad}:v1@sha256:`, ': Unsigned: ');
    });

    it('a digest that it removes is added again', async () => {
      const [from, to] = [await quay.tagged('swap-from'), await quay.tagged('swap-to')];
      await admitted(swapped('pinned-again', from.tag, to.tag));
      expect(imageOf(await quay.live('pod/pinned-again'))).to.equal(`${to.tag}@${to.digest}`);
    });
  });
});

describe('pinning digests only in Pods', () => {
  let quay: Quay;

  before(async () => {
    quay = await openQuay({ pinning: { enabled: true }, settings: { pinning: { objects: 'Pods' } } });
  });

  after(() => quay.fixture.stop());

  it('does not change the template, and pins the Pods that the controller creates from it', async () => {
    const { tag, digest, move } = await quay.tagged('template');
    await admitted(quay.create(deployment('template', tag, 1)));
    expect(templateImageOf(await quay.live('deployment/template'))).to.equal(tag);
    const untilPods = (count: number) =>
      until({
        what: `${String(count)} pods of the Deployment`,
        withinMs: WITHIN_MS,
        check: async () => (await quay.podsOf('template')).length === count,
      });
    await untilPods(1);
    const [first] = await quay.podsOf('template');
    expect(imageOf(first!)).to.equal(`${tag}@${digest}`);
    expect(JSON.parse(first!.metadata.annotations?.[ORIGINAL_IMAGES] ?? '')).to.deep.equal({ web: tag });
    const moved = await move();
    await admitted(quay.kubectl(['scale', 'deployment/template', '--replicas=2']));
    await untilPods(2);
    const images = (await quay.podsOf('template')).map(imageOf);
    expect(images).to.have.members([`${tag}@${digest}`, `${tag}@${moved}`]);
    expect(templateImageOf(await quay.live('deployment/template'))).to.equal(tag);
  });

  it('causes no change when a template is applied again', async () => {
    const { tag } = await quay.tagged('applied');
    const object = deployment('applied', tag, 0);
    await admitted(quay.kubectl(['apply', '-f', '-'], object));
    const before = await quay.live('deployment/applied');
    await admitted(quay.kubectl(['diff', '-f', '-'], object));
    const again = await quay.kubectl(['apply', '-f', '-'], object);
    expect(again.stdout).to.contain('unchanged');
    expect((await quay.live('deployment/applied')).metadata.generation).to.equal(before.metadata.generation);
  });

  it('records the original image of a Pod that a user creates', async () => {
    const { tag, digest } = await quay.tagged('by-hand');
    await admitted(quay.create(pod('by-hand', tag)));
    const { metadata, ...rest } = await quay.live('pod/by-hand');
    expect(imageOf({ metadata, ...rest })).to.equal(`${tag}@${digest}`);
    expect(JSON.parse(metadata.annotations?.[ORIGINAL_IMAGES] ?? '')).to.deep.equal({ web: tag });
  });
});
