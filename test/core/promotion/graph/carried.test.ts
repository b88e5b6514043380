import { expect } from 'chai';
import { countAttachments } from '../../../../src/core/promotion/graph/graph.ts';
import type { GatherRequest } from '../../../../src/core/promotion/graph/gather.ts';
import { createRegistriesTwin, type RegistriesTwin } from '../../../support/twins/registries.ts';
import { describedBy, fill, SOURCE } from '../images.ts';
import { ALL, digests, gather, lefts } from './fixture.ts';

const SBOM = 'application/spdx+json';
const FLAG = 'application/vnd.pratique.quarantine.v1+json';
const HOST = 'registry.example.com';
const listed = (artifactTypes: readonly string[]) =>
  ({ carry: 'Listed', artifactTypes, lifecycle: false }) as const;

let twin: RegistriesTwin;
let put: ReturnType<typeof fill>;

/** An attachment with the type that a rule is about, beside one that is carried. */
const RULES: readonly {
  readonly title: string;
  readonly type: string;
  readonly more: Partial<GatherRequest>;
  readonly left?: string;
}[] = [
  {
    title: 'a quarantine flag stays when an image is promoted',
    type: FLAG,
    more: {},
    left: 'QuarantineFlag',
  },
  { title: 'a quarantine flag is copied when an image is mirrored', type: FLAG, more: { kind: 'mirror' } },
  {
    title: 'an end-of-life mark stays',
    type: 'application/vnd.pratique.lifecycle.v1+json',
    more: {},
    left: 'LifecycleMark',
  },
  {
    title: 'an end-of-life mark of ACR stays when an image is mirrored',
    type: 'application/vnd.microsoft.artifact.lifecycle',
    more: { kind: 'mirror' },
    left: 'LifecycleMark',
  },
  {
    title: 'an end-of-life mark after the documentation of ACR stays',
    type: 'application/vnd.myorganization.image.lifecycle.metadata',
    more: {},
    left: 'LifecycleMark',
  },
  {
    title: 'an end-of-life mark is copied when asked for',
    type: 'application/vnd.microsoft.artifact.lifecycle',
    more: { attachments: { ...ALL, lifecycle: true } },
  },
  {
    title: 'mirror history stays',
    type: 'application/vnd.toddysm.mirror-history.v1+json',
    more: {},
    left: 'MirrorHistory',
  },
  {
    title: 'mirror history stays when an image is mirrored',
    type: 'application/vnd.toddysm.mirror-history.v1+json',
    more: { kind: 'mirror' },
    left: 'MirrorHistory',
  },
  {
    title: 'a statement is copied, provenance of the acquisition among them',
    type: 'application/vnd.in-toto+json',
    more: {},
  },
  { title: 'a bundle is copied', type: 'application/vnd.dev.sigstore.bundle.v0.3+json', more: {} },
  {
    title: 'what is not listed stays',
    type: 'application/vnd.in-toto+json',
    more: { attachments: listed([SBOM]) },
    left: 'NotSelected',
  },
  {
    title: 'a flag stays even where it is listed',
    type: FLAG,
    more: { attachments: listed([SBOM, FLAG]) },
    left: 'QuarantineFlag',
  },
];

describe('the rules for copied attachments', () => {
  beforeEach(() => {
    twin = createRegistriesTwin();
    put = fill(twin);
  });

  for (const { title, type, more, left } of RULES) {
    it(title, async () => {
      const image = put.image('web');
      const sbom = put.referrer(image, SBOM);
      const other = put.referrer(image, type);
      const graph = await gather(twin, image, more);
      const carried = [sbom, ...(left === undefined ? [other] : [])];
      expect(digests(graph)).to.have.members([image, ...carried].map(({ manifest }) => manifest.digest));
      expect(lefts(graph)).to.deep.equal(left === undefined ? [] : [left]);
      expect(countAttachments(graph)).to.deep.equal({
        found: 2,
        carried: carried.length,
        leftByRule: 2 - carried.length,
      });
    });
  }

  it('use the manifest when the listing has no type', async () => {
    twin.manners(HOST, { listsPoorly: true });
    const image = put.image('web');
    put.referrer(image, FLAG);
    put.referrer(image, SBOM);
    const graph = await gather(twin, image);
    expect(lefts(graph)).to.deep.equal(['QuarantineFlag']);
    expect(countAttachments(graph)).to.include({ found: 2, carried: 1 });
  });

  it('use the manifest when the listing is wrong', async () => {
    const image = put.image('web');
    const flag = put.referrer(image, FLAG);
    twin.listAlso(SOURCE, image.manifest.digest, [describedBy(flag, { artifactType: SBOM })]);
    expect(lefts(await gather(twin, image))).to.deep.equal(['QuarantineFlag']);
  });

  it('do not read attachments that they leave out', async () => {
    const image = put.image('web');
    const flag = put.referrer(image, FLAG);
    await gather(twin, image);
    expect(twin.count('content', `${SOURCE}@${flag.manifest.digest}`)).to.equal(0);
  });

  it('copy a flag that is an annotation of the image: without it the digest would change', async () => {
    const image = put.image('web', { annotations: { 'dev.pratique.quarantine': 'true' } });
    expect((await gather(twin, image)).root.bytes).to.deep.equal(image.bytes);
  });

  it('send no request for attachments when none is copied', async () => {
    const image = put.image('web');
    put.referrer(image, SBOM);
    put.cosign(image.manifest.digest, 'sig', ['a']);
    const graph = await gather(twin, image, { attachments: { ...ALL, carry: 'None' } });
    expect(digests(graph)).to.deep.equal([image.manifest.digest]);
    expect(countAttachments(graph)).to.deep.equal({ found: 0, carried: 0, leftByRule: 0 });
    expect(twin.calls).to.deep.equal([`content ${SOURCE}@${image.manifest.digest}`]);
  });

  it('select tags of cosign by the artifact types of their content', async () => {
    const image = put.image('web');
    for (const kind of ['sig', 'att', 'sbom'] as const) put.cosign(image.manifest.digest, kind, ['a']);
    const artifactTypes = ['application/vnd.dev.cosign.artifact.att.v1+json'];
    const graph = await gather(twin, image, { attachments: listed(artifactTypes) });
    expect(graph.tagged.map(({ tag }) => tag)).to.deep.equal([
      `sha256-${image.manifest.digest.slice(7)}.att`,
    ]);
    expect(lefts(graph)).to.deep.equal(['NotSelected', 'NotSelected']);
  });
});
