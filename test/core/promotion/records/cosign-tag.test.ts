import { expect } from 'chai';
import { extendManifest } from '../../../../src/core/model/extension.ts';
import { type ArtifactSigner } from '../../../../src/core/promotion/index.ts';
import {
  appendCosignLayer,
  findCosignLayer,
  type CosignLayer,
} from '../../../../src/core/promotion/records/cosign-tag.ts';
import { statementAbout, statementDigest } from '../../../../src/core/promotion/records/statement.ts';
import type { Artifact } from '../../../../src/core/promotion/records/artifact.ts';
import { digestOf, type ManifestContent } from '../../../../src/core/model/index.ts';
import { SIGNATURE_ANNOTATION } from '../../../support/signing.ts';
import { forever } from '../../../support/verification.ts';
import { blobOf, bodyOf, contentOf, image, signerWith, subject } from './made.ts';

const TESTED = 'https://acme.example.com/tests/v1';
const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json';

describe('a signature under the tag of cosign 2', () => {
  let signer: ArtifactSigner;
  let other: ArtifactSigner;
  before(async () => {
    [signer, other] = await Promise.all([signerWith(), signerWith()]);
  });

  const signature = async (by = signer, annotations = {}): Promise<CosignLayer> => {
    const signed = await by.signImage(image, annotations, forever());
    return { suffix: 'sig', signed, signer: by.name };
  };
  const attestation = async (passed: number, by = signer): Promise<CosignLayer> => {
    const signed = await by.signStatement(statementAbout(image, TESTED, { passed }), forever());
    return { suffix: 'att', signed, signer: by.name };
  };
  const append = (existing: ManifestContent | undefined, layer: CosignLayer): Artifact => {
    const appended = appendCosignLayer(existing, layer);
    if (!appended.ok || !appended.value) throw new Error(JSON.stringify(appended));
    const { blobs, extension } = appended.value;
    const content = extendManifest(extension);
    if (!content.ok) throw new Error(JSON.stringify(content));
    return { blobs, content: content.value };
  };

  it('is the manifest that cosign 2 writes', async () => {
    const layer = await signature();
    const artifact = append(undefined, layer);
    const { config, layers, ...body } = bodyOf(artifact);
    const payload = digestOf(layer.signed.layer);
    expect(body).to.deep.equal({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
    });
    expect(layers).to.deep.equal([
      {
        mediaType: SIMPLE_SIGNING,
        digest: payload,
        size: layer.signed.layer.length,
        annotations: { ...layer.signed.layerAnnotations, 'dev.pratique.signer': signer.name },
      },
    ]);
    const { digest } = config as { digest: `sha256:${string}` };
    expect(JSON.parse(Buffer.from(blobOf(artifact, digest)).toString())).to.deep.include({
      rootfs: { type: 'layers', diff_ids: [payload] },
    });
    expect(blobOf(artifact, payload)).to.equal(layer.signed.layer);
  });

  it('leaves the signatures of others unchanged in every field', async () => {
    const theirs = {
      mediaType: SIMPLE_SIGNING,
      digest: digestOf('theirs'),
      size: 6,
      annotations: { [SIGNATURE_ANNOTATION]: 'AAAA', 'com.example.more': 'x' },
      urls: ['https://example.com/theirs'],
    };
    const existing = contentOf({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf('{}'), size: 2 },
      layers: [theirs],
      annotations: { 'com.example.whole': 'y' },
      strange: { field: true },
    });
    const artifact = append(existing, await signature());
    const { layers, annotations, strange } = bodyOf(artifact);
    expect((layers as object[])[0]).to.deep.equal(theirs);
    expect(layers).to.have.length(2);
    expect({ annotations, strange }).to.deep.equal({
      annotations: { 'com.example.whole': 'y' },
      strange: { field: true },
    });
  });

  it('has every signer once, in whatever order and however often they sign', async () => {
    let { content } = append(undefined, await signature(other));
    ({ content } = append(content, await signature()));
    for (const layer of [await signature(), await signature(other)])
      expect(appendCosignLayer(content, layer)).to.deep.equal({ ok: true, value: undefined });
    expect(content.manifest.layers).to.have.length(2);
  });

  it('treats a signature with other annotations as another signature', async () => {
    const { content } = append(undefined, await signature());
    const both = append(content, await signature(signer, { env: 'prod' }));
    expect(both.content.manifest.layers).to.have.length(2);
  });

  it('recognises an equal signature without the name of its signer', async () => {
    const layer = await signature();
    const { mediaType, digest, size } = append(undefined, layer).content.manifest.layers[0]!;
    const bare = { mediaType, digest, size, annotations: layer.signed.layerAnnotations };
    const existing = contentOf({ schemaVersion: 2, config: subject, layers: [bare] });
    expect(appendCosignLayer(existing, layer)).to.deep.equal({ ok: true, value: undefined });
  });

  it('adds one attestation per statement, not per signature', async () => {
    const { content } = append(undefined, await attestation(12));
    expect(appendCosignLayer(content, await attestation(12))).to.deep.equal({ ok: true, value: undefined });
    expect(append(content, await attestation(13)).content.manifest.layers).to.have.length(2);
    expect(append(content, await attestation(12, other)).content.manifest.layers).to.have.length(2);
  });

  it('finds layers by their annotations', async () => {
    const { manifest } = append(undefined, await attestation(12)).content;
    const claims = { suffix: 'att', signer: signer.name, predicateType: TESTED } as const;
    const says = statementDigest(statementAbout(image, TESTED, { passed: 12 }));
    expect(findCosignLayer(manifest, { ...claims, says })).not.to.equal(undefined);
    expect(findCosignLayer(manifest, claims)).not.to.equal(undefined);
    expect(findCosignLayer(manifest, { ...claims, says: digestOf('other') })).to.equal(undefined);
    expect(findCosignLayer(manifest, { ...claims, predicateType: 'other' })).to.equal(undefined);
    expect(findCosignLayer(manifest, { ...claims, signer: other.name })).to.equal(undefined);
    expect(findCosignLayer(manifest, { ...claims, suffix: 'sig' })).to.equal(undefined);
  });

  it('is the same bytes for the same signature', async () => {
    const layer = await signature();
    expect(append(undefined, layer)).to.deep.equal(append(undefined, layer));
  });

  it('does not replace an index, and does not exceed the limits of cosign', async () => {
    const index = 'application/vnd.oci.image.index.v1+json';
    const layer = await signature();
    const full = contentOf({ schemaVersion: 2, config: subject, layers: Array(1_000).fill(subject) });
    for (const existing of [contentOf({ schemaVersion: 2, mediaType: index, manifests: [] }, index), full])
      expect(appendCosignLayer(existing, layer).ok).to.be.false;
  });
});
