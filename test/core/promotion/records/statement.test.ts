import { expect } from 'chai';
import type { ArtifactSigner } from '../../../../src/core/promotion/index.ts';
import {
  bundleArtifact,
  findBundle,
  SIGN_PREDICATE_TYPE,
  statementAbout,
  statementDigest,
} from '../../../../src/core/promotion/records/statement.ts';
import { subjectOf } from '../../../../src/core/promotion/records/artifact.ts';
import { digestOf, matchesDigest } from '../../../../src/core/model/index.ts';
import { forever } from '../../../support/verification.ts';
import { AT, bodyOf, contentOf, image, LATER, listed, signerWith, subject } from './made.ts';

const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const TESTED = 'https://acme.example.com/tests/v1';

describe('a signature as a bundle that refers to the image', () => {
  let signer: ArtifactSigner;
  before(async () => {
    signer = await signerWith();
  });
  const signed = async (at = AT) =>
    bundleArtifact(await signer.signImage(image, {}, forever()), {
      subject,
      predicateType: SIGN_PREDICATE_TYPE,
      signer: signer.name,
      at,
    });

  it('is the manifest that cosign 3 writes, with our additional annotations', async () => {
    const content = await signer.signImage(image, {}, forever());
    const artifact = bundleArtifact(content, {
      subject,
      predicateType: SIGN_PREDICATE_TYPE,
      signer: signer.name,
      at: AT,
    });
    const { annotations, ...body } = bodyOf(artifact);
    const { mediaType, digest, size } = subject;
    const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 };
    const bundle = digestOf(content.bundle);
    expect(body).to.deep.equal({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: BUNDLE,
      config: empty,
      layers: [{ mediaType: BUNDLE, digest: bundle, size: content.bundle.length }],
      subject: { mediaType, digest, size },
    });
    expect(annotations).to.include({
      'dev.sigstore.bundle.content': 'dsse-envelope',
      'dev.sigstore.bundle.predicateType': SIGN_PREDICATE_TYPE,
      'org.opencontainers.image.created': '2026-06-15T12:00:00Z',
      'dev.pratique.signer': signer.name,
    });
    expect(artifact.blobs.map((bytes) => digestOf(bytes))).to.have.members([digestOf('{}'), bundle]);
    expect(matchesDigest(artifact.content.bytes, artifact.content.manifest.digest)).to.be.true;
  });

  it('is the same bytes for the same signature at the same moment', async () => {
    const content = await signer.signImage(image, {}, forever());
    const claims = { subject, predicateType: SIGN_PREDICATE_TYPE, signer: signer.name };
    const make = (at: Date) => bundleArtifact(content, { ...claims, at }).content.manifest.digest;
    expect(make(AT)).to.equal(make(AT)).and.not.equal(make(LATER));
  });

  it('is found again by signer and type, whenever it was made', async () => {
    const referrers = [listed(await signed(LATER))];
    const claims = { signer: signer.name, predicateType: SIGN_PREDICATE_TYPE };
    expect(findBundle(referrers, claims)?.digest).to.equal(referrers[0]?.digest);
    expect(findBundle(referrers, { ...claims, signer: 'another signer' })).to.equal(undefined);
    expect(findBundle(referrers, { ...claims, predicateType: TESTED })).to.equal(undefined);
    expect(findBundle([{ ...referrers[0]!, artifactType: 'application/other' }], claims)).to.equal(undefined);
  });

  it('is found by its statement, though two signatures of it differ', async () => {
    const statement = statementAbout(image, TESTED, { passed: 12 });
    const content = await signer.signStatement(statement, forever());
    const claims = { signer: signer.name, predicateType: TESTED };
    const referrers = [listed(bundleArtifact(content, { ...claims, subject, at: AT }))];
    const other = statementAbout(image, TESTED, { passed: 13 });
    expect(findBundle(referrers, { ...claims, statement: statementDigest(statement) })).not.to.equal(
      undefined,
    );
    expect(findBundle(referrers, { ...claims, statement: statementDigest(other) })).to.equal(undefined);
  });

  it('names its subject by type, digest and size only', () => {
    const { manifest } = contentOf({
      schemaVersion: 2,
      annotations: { a: 'b' },
      config: subject,
      layers: [],
    });
    const { mediaType, digest, size } = manifest;
    expect(subjectOf(manifest)).to.deep.equal({ mediaType, digest, size, annotations: {} });
  });
});
