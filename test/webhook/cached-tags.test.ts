import { expect } from 'chai';
import { review } from '../../src/webhook/index.ts';
import { authority, policyOf } from '../support/policies.ts';
import { podReview } from '../support/reviews.ts';
import { signingKey } from '../support/signing.ts';
import { responseIn } from './answers.ts';
import { judgedImage, refused, testPorts, type Otherwise } from './ports.ts';

const WEB = 'registry.example.com/shop/web';
const DIGEST = `sha256:${'a'.repeat(64)}`;
const key = signingKey();
const signed = (more: object = {}, require: object = { signatures: { from: ['release'] } }) =>
  policyOf({
    match: { images: ['**/shop/**'] },
    enforcement: 'Deny',
    authorities: [authority('release', key)],
    require,
    ...more,
  });

type Fields = Readonly<Record<string, unknown>>;
const pod = (spec: Fields) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop' },
  spec,
});
const containers = (...images: readonly (string | Fields)[]) => ({
  containers: images.map((one, at) => ({
    name: `c${at}`,
    ...(typeof one === 'string' ? { image: one } : one),
  })),
});
const deployment = (spec: Fields, replicas = 1) => ({
  ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'shop' } },
  spec: { replicas, template: { spec } },
});
const ABOUT_DEPLOYMENT = {
  kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
  resource: { group: 'apps', version: 'v1', resource: 'deployments' },
};
const ABOUT_SCALE = {
  ...ABOUT_DEPLOYMENT,
  ...{
    kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    subResource: 'scale',
    operation: 'UPDATE',
  },
  ...{ object: { spec: { replicas: 3 } }, oldObject: { spec: { replicas: 1 } } },
};

/** The warnings of an answer, each as container and code. */
async function warnings(request: Fields, otherwise: Otherwise = { policies: () => [signed()] }) {
  const asked = podReview([], request);
  const body = Buffer.from(JSON.stringify(asked));
  const { answer } = await review({ body, budgetMs: 5_000 }, testPorts(otherwise));
  return responseIn(answer, asked.request.uid).warnings ?? [];
}
const codes = async (...given: Parameters<typeof warnings>) =>
  (await warnings(...given)).map((one) => /^(\w+) .*?: ([A-Z]\w+):/.exec(one)?.slice(1).join(' ') ?? one);

describe('the warning about a tag that a node may have already', () => {
  const tag = `${WEB}:1.4`;
  for (const [what, spec, expected] of [
    ['a tag without a pull policy', containers(tag), ['c0 TagMayDiffer']],
    [
      'a tag that is pulled if it is not present',
      containers({ image: tag, imagePullPolicy: 'IfNotPresent' }),
      ['c0 TagMayDiffer'],
    ],
    ['a tag that is never pulled', containers({ image: tag, imagePullPolicy: 'Never' }), ['c0 TagMayDiffer']],
    [
      'latest that is never pulled',
      containers({ image: WEB, imagePullPolicy: 'Never' }),
      ['c0 TagMayDiffer'],
    ],
    [
      'an init container',
      {
        ...containers({ image: tag, imagePullPolicy: 'Always' }),
        initContainers: [{ name: 'init', image: `${WEB}:2` }],
      },
      ['init TagMayDiffer'],
    ],
    [
      'an image volume',
      { volumes: [{ name: 'data', image: { reference: tag, pullPolicy: 'IfNotPresent' } }] },
      ['data TagMayDiffer'],
    ],
    ['one image in two containers, once', containers(tag, tag), ['c0 TagMayDiffer']],
    ['two images', containers(tag, `${WEB}:1.5`), ['c0 TagMayDiffer', 'c1 TagMayDiffer']],
    ['a tag that is always pulled', containers({ image: tag, imagePullPolicy: 'Always' }), []],
    [
      'an image volume that is always pulled',
      { volumes: [{ name: 'data', image: { reference: tag, pullPolicy: 'Always' } }] },
      [],
    ],
    ['latest, which is always pulled', containers(WEB, `${WEB}:latest`), []],
    ['a digest', containers(`${WEB}@${DIGEST}`, `${tag}@${DIGEST}`), []],
    ['an image that no policy covers', containers('registry.example.com/other/web:1'), []],
  ] as const)
    it(`W11: ${what}: ${expected.length === 0 ? 'no warning' : 'a warning'}`, async () => {
      expect(await codes({ object: pod(spec) })).to.deep.equal(expected);
    });

  for (const [what, policy, expected] of [
    [
      'asks for attestations',
      signed({}, { attestations: [{ predicateType: 'https://slsa.dev/provenance/v1', from: ['release'] }] }),
      1,
    ],
    ['pins, which it did not', signed({ pinDigests: true }), 1],
    ['asks for no signature', signed({ authorities: [] }, { quarantine: {} }), 0],
    ['only warns', signed({ enforcement: 'Warn' }), 0],
    [
      'selects other namespaces',
      signed({ match: { images: ['**'], namespaceSelector: { matchLabels: { a: 'b' } } } }),
      0,
    ],
  ] as const)
    it(`W11: a policy that ${what}: ${expected === 0 ? 'no warning' : 'a warning'}`, async () => {
      expect(await codes({ object: pod(containers(tag)) }, { policies: () => [policy] })).to.have.length(
        expected,
      );
    });

  it('W11: names the image, what may happen, what to do and the policy, in 256 characters', async () => {
    const [warning = ''] = await warnings({ object: pod(containers(tag)) });
    expect(warning).to.equal(
      `c0 (spec.containers[0].image): ${tag}: TagMayDiffer: a node that has another image under this tag runs that one; ` +
        'add the digest, pinDigests or imagePullPolicy: Always [policy production]',
    );
    const long = `${WEB}/${'a'.repeat(200)}:1`;
    expect((await warnings({ object: pod(containers(long)) }))[0]).to.have.lengthOf.at.most(256);
  });

  it('W11: is given where an update brings an image, and for no other image', async () => {
    const update = (spec: Fields, before: Fields, replicas = 1) => ({
      ...{ ...ABOUT_DEPLOYMENT, operation: 'UPDATE' },
      ...{ object: deployment(spec, replicas), oldObject: deployment(before) },
    });
    const old = containers(tag, `${WEB}:1.5`);
    expect(await codes(update(containers(tag, `${WEB}:1.6`), old))).to.deep.equal(['c1 TagMayDiffer']);
    expect(await codes(update(old, old))).to.deep.equal([]);
    expect(await codes(update(old, old, 5))).to.deep.equal([]);
    const parent = { state: 'found', value: deployment(old), seenAt: new Date(0) } as const;
    const scaled = { policies: () => [signed()], parent: () => Promise.resolve(parent) };
    expect(await codes(ABOUT_SCALE, scaled)).to.deep.equal([]);
  });

  it('W11: is not given for a template whose pods are pinned later, and given for a pod that should have been', async () => {
    const pins = { policies: () => [signed({ pinDigests: true })], objects: 'Pods' } as const;
    const template = { ...ABOUT_DEPLOYMENT, object: deployment(containers(tag)) };
    expect(await codes(template, pins)).to.deep.equal([]);
    expect(await codes(template, { ...pins, objects: 'All' })).to.have.length(1);
    expect(await codes(template, { ...pins, policies: () => [signed()] })).to.have.length(1);
    expect(await codes({ object: pod(containers(tag)) }, pins)).to.have.length(1);
  });

  it('W11: is not given with a refusal', async () => {
    const judge: Otherwise['judge'] = ({ images }) =>
      Promise.resolve(images.map((image) => judgedImage(image, [refused()])));
    expect(
      await codes({ object: pod(containers(tag)) }, { policies: () => [signed()], judge }),
    ).to.deep.equal([]);
  });
});
