import { expect } from 'chai';
import {
  digestOf,
  formatReference,
  MEDIA_TYPE,
  pin,
  type Descriptor,
  type Digest,
  type Fact,
  type ImageRef,
  type Manifest,
} from '../../../src/core/model/index.ts';
import { traceTag } from '../../../src/controllers/audit/trace.ts';
import {
  ABSENT,
  authority,
  found,
  manifestOf,
  policyOf,
  provenBy,
  UNKNOWN_FACT,
  USE,
} from '../../support/policies.ts';
import { signingKey } from '../../support/signing.ts';
import { auditFixture, type AuditFixture } from './fixture.ts';
import { pod } from './pods.ts';

const NAME = 'registry.example.com/shop/web';
const TAG = `${NAME}:1.4.0`;
const CONFIG = digestOf('configuration');
const of = (content: string): Digest => digestOf(content);

const descriptor = (digest: Digest, mediaType: string): Descriptor => ({
  ...{ digest, mediaType, size: 2, annotations: {} },
});
/** An image manifest with this configuration. */
const image = (content: string, config: Digest = digestOf(`configuration of ${content}`)): Manifest => ({
  ...manifestOf(),
  digest: of(content),
  config: descriptor(config, 'application/vnd.oci.image.config.v1+json'),
});
const index = (content: string, ...children: readonly Manifest[]): Manifest => ({
  ...manifestOf(),
  digest: of(content),
  mediaType: MEDIA_TYPE.ociIndex,
  manifests: children.map(({ digest, mediaType }) => descriptor(digest, mediaType)),
});

describe('tracing what runs to its tag', () => {
  const trace = async (
    root: Manifest | Fact<never>,
    running: Parameters<typeof traceTag>[1],
    below: readonly (Manifest | Digest)[] = [],
  ) => {
    const asked: string[] = [];
    const outcome = await traceTag(USE, running, async (ref: ImageRef) => {
      asked.push(formatReference(ref));
      if (ref.digest === undefined) return { manifest: 'state' in root ? root : found(root) };
      const child = below.find((one) => typeof one !== 'string' && one.digest === ref.digest);
      if (child !== undefined && typeof child !== 'string') return { manifest: found(child) };
      return { manifest: below.includes(ref.digest) ? UNKNOWN_FACT : ABSENT };
    });
    return {
      outcome: outcome.state === 'same' ? formatReference(outcome.image) : outcome.state,
      asked: asked.length,
    };
  };
  const [amd, arm] = [image('amd64'), image('arm64', CONFIG)];
  const all = index('index', amd, arm);
  const rows: readonly (readonly [string, Parameters<typeof trace>, string, number])[] = [
    ['the digest itself', [image('a'), { digest: of('a') }], `${TAG}@${of('a')}`, 1],
    ['an index that lists the digest', [all, { digest: of('arm64') }], `${TAG}@${of('index')}`, 1],
    [
      'another manifest of the same configuration',
      [image('b', CONFIG), { digest: of('a'), config: CONFIG }],
      `${TAG}@${of('b')}`,
      1,
    ],
    [
      'an index with a platform of the same configuration',
      [all, { digest: CONFIG, config: CONFIG }, [amd, arm]],
      `${TAG}@${of('index')}`,
      3,
    ],
    ['a nested index', [index('outer', all), { digest: of('arm64') }, [all]], `${TAG}@${of('outer')}`, 2],
    ['something else', [image('b'), { digest: of('a'), config: CONFIG }], 'other', 1],
    ['an index of others, of which nothing is read for a digest', [all, { digest: of('a') }], 'other', 1],
    [
      'an index of others, with one that is gone',
      [all, { digest: of('a'), config: digestOf('x') }, [amd]],
      'other',
      3,
    ],
    ['nothing', [ABSENT, { digest: of('a') }], 'other', 1],
    ['what cannot be read', [UNKNOWN_FACT, { digest: of('a') }], 'unknown', 1],
    [
      'an index with a platform that cannot be read',
      [all, { digest: CONFIG, config: CONFIG }, [amd, arm.digest]],
      'unknown',
      3,
    ],
  ];
  for (const [what, given, expected, asked] of rows) {
    it(`finds ${what}`, async () => {
      expect(await trace(...given)).to.deep.equal({ outcome: expected, asked });
    });
  }

  it('M34 reads a bounded number of manifests below a tag, also where indexes list each other', async () => {
    const many = index('many', ...Array.from({ length: 200 }, (_, at) => image(`child ${at}`)));
    const below = Array.from({ length: 200 }, (_, at) => image(`child ${at}`));
    const { outcome, asked } = await trace(many, { digest: CONFIG, config: CONFIG }, below);
    expect(outcome).to.equal('unknown');
    expect(asked).to.be.lessThan(40);
    const self: Manifest = { ...index('self'), manifests: [descriptor(of('self'), MEDIA_TYPE.ociIndex)] };
    expect((await trace(self, { digest: of('a') }, [self])).asked).to.be.lessThan(40);
  });
});

describe('the audit, when the node is vague about what runs', () => {
  const publicKey = signingKey();
  const signed = policyOf({
    authorities: [authority('release', publicKey)],
    require: { signatures: { from: ['release'] } },
  });
  const signature = found([provenBy(publicKey)]);
  let fixture: AuditFixture;
  beforeEach(() => {
    fixture = auditFixture();
    fixture.policies = [signed];
  });
  afterEach(async () => {
    await fixture.stop();
    expect(fixture.bugs).to.deep.equal([]);
  });
  const gauge = () =>
    fixture.audit.gauges[0]!.read().map(({ labels, value }) => `${labels.verdict} ${labels.reason} ${value}`);
  /** What the audit counts, and its events, for a pod that the node describes so. `holds` = what the registry has under the tag, signed. */
  const audited = async (
    imageID: string,
    holds: Manifest,
    more: {
      readonly runs?: Manifest;
      readonly runtime?: string;
      readonly evidence?: AuditFixture['evidence'];
    } = {},
  ) => {
    const tagged = { manifest: found(holds), signatures: signature, image: pin(USE, holds.digest) };
    fixture.evidence = {
      [TAG]: tagged,
      [`${TAG}@${holds.digest}`]: tagged,
      ...(more.runs && { [`${TAG}@${more.runs.digest}`]: { manifest: found(more.runs) } }),
      ...more.evidence,
    };
    const status = {
      containerStatuses: [{ name: 'c0', imageID, containerID: `${more.runtime ?? 'containerd'}://ab` }],
    };
    fixture.put(pod({ images: { [TAG]: imageID }, status }));
    await fixture.start();
    return {
      counted: gauge(),
      events: fixture.events.map(({ type, reason }) => `${type} ${reason}`),
      unclear: fixture.audit.gauges[2]?.read().map(({ value }) => value),
      inStatus: fixture.statuses.map(({ status }) => status.images.unclear),
    };
  };
  const CLEAR = { unclear: [0], inStatus: [undefined] };
  const NO_ALARM = { counted: ['allow  1'], events: [], ...CLEAR };
  const UNCLEAR = { counted: ['unknown UnreadableEvidence 1'], events: [], unclear: [1], inStatus: [1] };
  const ALARM = { counted: ['deny Unsigned 1'], events: ['Warning Unsigned'], ...CLEAR };
  const platform = image('arm64', CONFIG);
  const all = index('index', image('amd64'), platform);
  const old = image('old');
  const below = {
    [`${NAME}@${of('amd64')}`]: { manifest: found(image('amd64')) },
    [`${NAME}@${of('arm64')}`]: { manifest: found(platform) },
  };

  it('takes the digest of a platform for the signed index that lists it', async () => {
    expect(await audited(`${NAME}@${platform.digest}`, all, { runs: platform })).to.deep.equal(NO_ALARM);
  });

  it('finds the index of a bare image ID of CRI-O, and of a configuration that was loaded', async () => {
    const bare = CONFIG.replace('sha256:', '');
    expect(await audited(bare, all, { runtime: 'cri-o', evidence: below })).to.deep.equal(NO_ALARM);
    await fixture.stop();
    fixture = auditFixture();
    fixture.policies = [signed];
    expect(await audited(CONFIG, image('b', CONFIG))).to.deep.equal(NO_ALARM);
  });

  it('knows that containerd names the first manifest of a configuration, in whatever repository', async () => {
    const twin = image('twin', CONFIG);
    const imageID = `registry.example.com/quarantine/web@${twin.digest}`;
    expect(await audited(imageID, image('promoted', CONFIG), { runs: twin })).to.deep.equal(NO_ALARM);
  });

  it('is unclear, and makes no event, where the tag leads to something else than what such a node reports', async () => {
    const cases: readonly (readonly [string, string, Manifest?])[] = [
      [CONFIG.replace('sha256:', ''), 'cri-o'],
      [CONFIG, 'containerd'],
      [`${NAME}@${old.digest}`, 'cri-o', old],
      [`registry.example.com/quarantine/web@${old.digest}`, 'containerd', old],
    ];
    for (const [imageID, runtime, runs] of cases) {
      expect(await audited(imageID, image('new'), { runtime, runs }), imageID).to.deep.equal(UNCLEAR);
      await fixture.stop();
      fixture = auditFixture();
      fixture.policies = [signed];
    }
  });

  it('B25 an unsigned image that a node has under a tag which is signed meanwhile is reported', async () => {
    expect(await audited(`${NAME}@${old.digest}`, image('new'), { runs: old })).to.deep.equal(ALARM);
  });

  it('B25 a flag of what runs counts, also where a signed index lists it', async () => {
    const end = { 'org.opencontainers.image.support.end-of-life': '2026-01-01' };
    fixture.policies = [signed, policyOf({ require: { lifecycle: { refuse: 'EndOfLife' } } }, 'lifecycle')];
    const flagged = { ...platform, annotations: end };
    const { counted, events } = await audited(`${NAME}@${platform.digest}`, all, { runs: flagged });
    expect(counted).to.have.lengthOf(1);
    expect(counted[0]).to.match(/^deny /);
    expect(events).to.have.lengthOf(1);
  });

  it('counts as unclear what a policy allows all the same, once for all that run it', async () => {
    fixture.policies = [
      policyOf({
        onUnknown: 'Allow',
        require: { signatures: { from: ['release'] } },
        authorities: [authority('release', publicKey)],
      }),
    ];
    const status = { containerStatuses: [{ name: 'c0', imageID: CONFIG, containerID: 'containerd://cd' }] };
    fixture.put(pod({ name: 'other', images: { [TAG]: CONFIG }, status }));
    const { counted, unclear, inStatus } = await audited(CONFIG, image('new'));
    expect({ counted, unclear, inStatus }).to.deep.equal({
      counted: ['allow UnreadableEvidence 1'],
      unclear: [1],
      inStatus: [1],
    });
  });
});
