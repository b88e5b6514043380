import { expect } from 'chai';
import { AMD64, ARM64, blobsOf, useGates } from './bench.ts';
import {
  addToFallbackTag,
  pushImage,
  pushIndex,
  pushManifest,
  pushReferrer,
  pushTag,
  type Pushed,
} from '../support/registry/push.ts';
import { pushBundleSignature, pushLegacySignature } from '../support/signed-images.ts';

describe('platforms and evidence at the gate', () => {
  const bench = useGates();

  /** An index that is flagged, and its platforms that are not. */
  const pushFlaggedIndex = async () => {
    const to = bench.place('shop/web');
    const platforms = [
      { ...(await pushImage(to, { salt: 'amd', platform: AMD64, layers: ['amd'] })), platform: AMD64 },
      { ...(await pushImage(to, { salt: 'arm', platform: ARM64, layers: ['arm'] })), platform: ARM64 },
    ];
    const annotations = { 'dev.pratique.quarantine': 'true' };
    const index = await pushIndex(bench.place('shop/web', '1.0'), { manifests: platforms, annotations });
    return { index, platforms };
  };

  it('G01 a platform of a refused index is refused by its digest', async () => {
    const { index, platforms } = await pushFlaggedIndex();
    const gate = await bench.start([bench.flags()]);
    expect(await bench.status(gate, 'shop/web/manifests/1.0')).to.equal(403);
    expect(await bench.status(gate, `shop/web/manifests/${index.digest}`)).to.equal(403);
    for (const { digest } of platforms)
      expect(await bench.status(gate, `shop/web/manifests/${digest}`)).to.equal(403);
  });

  it('G02 a platform of a refused index is refused also by a gate that has never read the index', async () => {
    const { platforms } = await pushFlaggedIndex();
    for (const { digest } of platforms)
      expect(await bench.status(await bench.start([bench.flags()]), `shop/web/manifests/${digest}`)).to.equal(
        403,
      );
  });

  it('G08 an image under a tag of signatures of an admitted image is refused', async () => {
    const image = await bench.pushSigned('shop/web', '1.0');
    const hex = image.digest.replace(':', '-');
    for (const tag of [hex, `${hex}.sig`, `${hex}.att`])
      await pushImage(bench.place('shop/web', tag), { salt: tag, layers: ['evil'] });
    const gate = await bench.start();
    for (const tag of [hex, `${hex}.sig`, `${hex}.att`])
      expect(await bench.status(gate, `shop/web/manifests/${tag}`), tag).to.equal(403);
  });

  it('G09 an image that names an admitted image as its subject is judged by itself', async () => {
    const subject = await bench.pushSigned('shop/web', '1.0');
    const image = await pushImage(bench.place('shop/web'), { salt: 'evil', layers: ['evil'] });
    const { digest, size, mediaType } = subject;
    const evil = await pushManifest(bench.place('shop/web', 'evil'), {
      ...image.body,
      subject: { digest, size, mediaType },
      artifactType: 'application/vnd.example+json',
    });
    const index = await pushManifest(bench.place('shop/web', 'evil-index'), {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ digest: image.digest, size: image.size, mediaType: image.mediaType, platform: AMD64 }],
      subject: { digest, size, mediaType },
    });
    const gate = await bench.start();
    for (const one of [evil, index])
      expect(await bench.status(gate, `shop/web/manifests/${one.digest}`)).to.equal(403);
    for (const blob of blobsOf(image))
      expect(await bench.status(gate, `shop/web/blobs/${blob}`)).to.equal(403);
  });

  it('G10 what a fallback tag lists is no platform of the image that it is about', async () => {
    const subject = await bench.pushSigned('shop/web', '1.0');
    const evil = await pushImage(bench.place('shop/web'), { salt: 'evil', layers: ['evil'] });
    const { digest, size, mediaType } = evil;
    await addToFallbackTag(bench.place('shop/web'), subject.digest, { digest, size, mediaType });
    const gate = await bench.start();
    await bench.status(gate, `shop/web/manifests/${subject.digest.replace(':', '-')}`);
    expect(await bench.status(gate, `shop/web/manifests/${digest}`)).to.equal(403);
    for (const blob of blobsOf(evil))
      expect(await bench.status(gate, `shop/web/blobs/${blob}`)).to.equal(403);
  });

  it('G27 what is about a refused image is refused: its list of referrers, they and their blobs', async () => {
    const image = await pushImage(bench.place('shop/web', '1.0'), { salt: 'unsigned' });
    const artifactType = 'application/vnd.example.sbom+json';
    const blobs = [{ mediaType: 'application/json', bytes: '{"a":1}' }];
    const referrer = await pushReferrer(bench.place('shop/web'), { subject: image, artifactType, blobs });
    const gate = await bench.start();
    expect(await bench.status(gate, `shop/web/referrers/${image.digest}`)).to.equal(403);
    expect(await bench.status(gate, `shop/web/manifests/${referrer.digest}`)).to.equal(403);
    for (const digest of blobsOf(referrer))
      expect(await bench.status(gate, `shop/web/blobs/${digest}`)).to.equal(403);
  });

  it('clients verify for themselves: what is about an admitted image is served, in both forms of cosign', async () => {
    const image = await bench.pushSigned('shop/web', '1.0');
    await pushLegacySignature(bench.place('shop/web'), image, bench.key);
    const gate = await bench.start();
    const list = await gate.get(`${bench.registry.host}/shop/web/referrers/${image.digest}`);
    const { manifests } = (await list.json()) as { manifests: { digest: string }[] };
    expect(manifests).to.have.length(1);
    for (const name of [manifests[0]!.digest, `${image.digest.replace(':', '-')}.sig`]) {
      const answer = await gate.get(`${bench.registry.host}/shop/web/manifests/${name}`);
      expect(answer.status, name).to.equal(200);
      const { layers } = (await answer.json()) as { layers: { digest: string }[] };
      for (const { digest } of layers)
        expect(await bench.status(gate, `shop/web/blobs/${digest}`)).to.equal(200);
    }
  });

  it('G28 a flagged platform of an index without a flag is refused', async () => {
    const to = bench.place('shop/web');
    const annotations = { 'dev.pratique.quarantine': 'true' };
    const platform = await pushImage(to, { salt: 'amd', platform: AMD64, annotations });
    await pushIndex(bench.place('shop/web', '1.0'), { manifests: [{ ...platform, platform: AMD64 }] });
    const gate = await bench.start([bench.flags()]);
    await bench.status(gate, 'shop/web/manifests/1.0');
    expect(await bench.status(gate, `shop/web/manifests/${platform.digest}`)).to.equal(403);
  });

  it('G36 an index that anyone pushed takes nothing from a signed image that it lists', async () => {
    const image = await bench.pushSigned('shop/web', '1.0');
    await pushIndex(bench.place('shop/web', 'mine'), { manifests: [{ ...image, platform: AMD64 }] });
    for (const first of ['mine', '1.0']) {
      const gate = await bench.start();
      await bench.status(gate, `shop/web/manifests/${first}`);
      expect(await bench.status(gate, 'shop/web/manifests/mine')).to.equal(403);
      expect(await bench.status(gate, `shop/web/manifests/${image.digest}`)).to.equal(200);
      for (const digest of blobsOf(image))
        expect(await bench.status(gate, `shop/web/blobs/${digest}`)).to.equal(200);
    }
  });

  it('G28 a flag on an index holds for a platform that has a tag of its own', async () => {
    const { platforms } = await pushFlaggedIndex();
    const [first] = platforms;
    const { digest } = first as Pushed;
    await pushTag(bench.place('shop/web'), '1.0-amd64', first as Pushed);
    const gate = await bench.start([bench.flags()]);
    await bench.status(gate, `shop/web/manifests/1.0`);
    expect(await bench.status(gate, `shop/web/manifests/${digest}`)).to.equal(403);
    expect(await bench.status(gate, 'shop/web/manifests/1.0-amd64')).to.equal(403);
  });

  it('G37 an image in very many indexes, in many levels, is refused in time', async () => {
    const to = bench.place('shop/web');
    const image = await pushImage(to, { salt: 'listed', layers: ['listed'] });
    let level: readonly Pushed[] = [image];
    for (let depth = 0; depth < 8; depth += 1) {
      const next: Pushed[] = [];
      for (let one = 0; one < 7; one += 1) {
        const annotations = { level: String(depth), number: String(one) };
        next.push(
          await pushIndex(bench.place('shop/web', `l${String(depth)}-${String(one)}`), {
            manifests: level,
            annotations,
          }),
        );
      }
      level = next;
    }
    const gate = await bench.start();
    const begun = Date.now();
    for (const digest of [image.digest, ...blobsOf(image)])
      expect(
        await bench.status(gate, `shop/web/${digest === image.digest ? 'manifests' : 'blobs'}/${digest}`),
      ).to.be.oneOf([403, 503]);
    expect(Date.now() - begun).to.be.below(30_000);
  });

  it('G09 layers that a runtime could unpack are none of evidence, whatever their manifest calls its config', async () => {
    const subject = await bench.pushSigned('shop/web', '1.0');
    const artifactType = 'application/vnd.example.notes';
    const blobs = [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', bytes: 'evil layer' }];
    const evil = await pushReferrer(bench.place('shop/web'), { subject, artifactType, blobs });
    const gate = await bench.start();
    await bench.status(gate, 'shop/web/manifests/1.0');
    expect(await bench.status(gate, `shop/web/manifests/${evil.digest}`)).to.equal(403);
    for (const digest of blobsOf(evil).slice(1))
      expect(await bench.status(gate, `shop/web/blobs/${digest}`)).to.equal(403);
  });

  it('an index with a subject is an index: its platforms are judged by it', async () => {
    const [to, subject] = [bench.place('shop/web'), await bench.pushSigned('shop/web', 'subject')];
    const amd = await pushImage(to, { salt: 'amd', platform: AMD64 });
    const { digest, size, mediaType } = subject;
    const index = await pushManifest(bench.place('shop/web', '1.0'), {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ digest: amd.digest, size: amd.size, mediaType: amd.mediaType, platform: AMD64 }],
      subject: { digest, size, mediaType },
    });
    await pushBundleSignature(to, index, bench.key);
    const gate = await bench.start();
    expect(await bench.status(gate, 'shop/web/manifests/1.0')).to.equal(200);
    expect(await bench.status(gate, `shop/web/manifests/${amd.digest}`)).to.equal(200);
  });
});
