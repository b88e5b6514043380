import { expect } from 'chai';
import type { Digest } from '../../../src/core/model/index.ts';
import { SIGN_PREDICATE_TYPE, signingKey, simpleSigning } from '../../support/signing.ts';
import { attachBundle, pushSignatures, shortly } from '../../support/verification.ts';
import { fixture, key, quarantine, signature, signed, WEB } from '../../support/twins/web-image.ts';

describe('more evidence than the limits', () => {
  const cosign = (digest: Digest, count: number) =>
    Array.from({ length: count }, (_, index) =>
      simpleSigning({ digest, key: signingKey('ed25519'), annotations: { n: String(index) } }),
    );

  it('H05: more signatures than the limit have a separate reason, not "unsigned"', async () => {
    const { registry, judge, digest, image } = fixture();
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key }), ...cosign(digest, 100)]);
    const [answer] = await judge([image], [signed]);
    expect(shortly([answer!])).to.deep.equal(['unknown LimitExceeded']);
    expect(answer?.verdict.findings[0]).to.include({
      found: '101 signatures are there; the newest 100 were tried, 1 was left out',
      transient: false,
    });
    expect(registry.count('blob')).to.equal(100);
  });

  it('H05: a good signature among the newest ones is still found', async () => {
    const { registry, judge, digest, image } = fixture();
    pushSignatures(registry, WEB, digest, [...cosign(digest, 110), simpleSigning({ digest, key })]);
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
  });

  const CREATED = 'org.opencontainers.image.created';
  const attached = (created: (index: number) => string | undefined, good: number) => {
    const made = fixture();
    for (let n = 0; n < 120; n++) {
      const json = n === good ? signature(made.digest) : Buffer.from(`bad ${String(n)}`);
      const time = created(n);
      attachBundle(made.registry, WEB, {
        subject: made.digest,
        json,
        annotations: time === undefined ? {} : { [CREATED]: time },
      });
    }
    return made;
  };
  const days = (count: number) => new Date(Date.UTC(2026, 0, 1 + count)).toISOString();

  it('H05: of many bundles the newest by the times that they name are tried, in whatever order they are listed', async () => {
    for (const [good, verdict] of [
      [0, 'allow'],
      [99, 'allow'],
      [100, 'unknown LimitExceeded'],
      [119, 'unknown LimitExceeded'],
    ] as const) {
      const { judge, image } = attached((index) => days(120 - index), good);
      expect(shortly(await judge([image], [signed])), String(good)).to.deep.equal([verdict]);
    }
  });

  it('H05: of many bundles without a time, or with one that cannot be read, the last ones listed are tried', async () => {
    for (const time of [undefined, 'yesterday'])
      for (const [good, verdict] of [
        [119, 'allow'],
        [20, 'allow'],
        [19, 'unknown LimitExceeded'],
      ] as const) {
        const { judge, image } = attached(() => time, good);
        expect(shortly(await judge([image], [signed])), String(good)).to.deep.equal([verdict]);
      }
  });

  it('H05: of many referrers that a listing says nothing about, the last ones are opened', async () => {
    const { registry, judge, digest, image } = fixture();
    const bad = Array.from({ length: 40 }, (_, n) => Buffer.from(`bad ${String(n)}`));
    const digests = [...bad, signature(digest)].map((json) =>
      attachBundle(registry, WEB, { subject: digest, json }),
    );
    registry.list(
      WEB,
      digest,
      digests.map((one) => ({
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: one,
        size: 1,
        annotations: {},
      })),
    );
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
  });

  it('H05: very many signatures in one place hide none in another', async () => {
    const { registry, judge, digest, image } = fixture();
    pushSignatures(registry, WEB, digest, cosign(digest, 150));
    attachBundle(registry, WEB, { subject: digest, json: signature(digest) });
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
    const other = fixture();
    for (let n = 0; n < 150; n++)
      attachBundle(other.registry, WEB, { subject: other.digest, json: Buffer.from(`bad ${String(n)}`) });
    pushSignatures(other.registry, WEB, other.digest, [simpleSigning({ digest: other.digest, key })]);
    expect(shortly(await other.judge([other.image], [signed]))).to.deep.equal(['allow']);
  });

  it('H05: one good signature among fifty bad ones is found at every position', async () => {
    for (const place of [0, 25, 50]) {
      const { registry, judge, digest, image } = fixture();
      pushSignatures(
        registry,
        WEB,
        digest,
        cosign(digest, 50).toSpliced(place, 0, simpleSigning({ digest, key })),
      );
      expect(shortly(await judge([image], [signed])), `at ${String(place)}`).to.deep.equal(['allow']);
    }
  });

  it('H05: one good bundle among fifty bad ones is found', async () => {
    const { registry, judge, digest, image } = fixture();
    for (let n = 0; n < 50; n++)
      attachBundle(registry, WEB, { subject: digest, json: Buffer.from(`bad ${String(n)}`) });
    attachBundle(registry, WEB, { subject: digest, json: signature(digest) });
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
  });

  it('H05: exactly as many signatures as the limit are verified', async () => {
    const { registry, judge, digest, image } = fixture();
    pushSignatures(registry, WEB, digest, [...cosign(digest, 99), simpleSigning({ digest, key })]);
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
  });

  it('H05: bundles above the limit are not fetched', async () => {
    const { registry, judge, digest, image } = fixture();
    const json = signature(digest, signingKey());
    for (let n = 0; n < 110; n++) {
      const bundle = Buffer.from(`${Buffer.from(json).toString()}${' '.repeat(n)}`);
      attachBundle(registry, WEB, { subject: digest, json: bundle, hint: SIGN_PREDICATE_TYPE });
    }
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['unknown LimitExceeded']);
    expect(registry.count('blob')).to.equal(100);
  });

  it('H05: other referrers are filtered before the limit applies, and hide no signature', async () => {
    const { registry, judge, digest, image } = fixture();
    for (let n = 0; n < 300; n++) {
      const annotations = {
        n: String(n),
        'dev.sigstore.bundle.predicateType': 'https://slsa.dev/provenance/v1',
      };
      const artifactType =
        n % 2 === 0 ? 'application/spdx+json' : 'application/vnd.dev.sigstore.bundle.v0.3+json';
      registry.push(WEB, { subject: digest, artifactType, annotations });
    }
    attachBundle(registry, WEB, { subject: digest, json: signature(digest) });
    expect(shortly(await judge([image], [signed, quarantine]))).to.deep.equal(['allow']);
    expect(registry.count('blob')).to.equal(1);
  });

  it('H03: a payload above the size limit has a separate reason', async () => {
    const { registry, judge, digest, image } = fixture();
    const annotations = { padding: 'x'.repeat(128 * 1024) };
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key, annotations })]);
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['unknown LimitExceeded']);
  });

  it('H05: more referrers without annotations than the limit have a separate reason', async () => {
    const { registry, judge, digest, image } = fixture();
    registry.listPoorly();
    for (let n = 0; n < 40; n++) registry.push(WEB, { subject: digest, annotations: { n: String(n) } });
    expect(shortly(await judge([image], [quarantine]))).to.deep.equal(['unknown LimitExceeded']);
    expect(registry.count('manifest')).to.equal(1 + 32);
  });
});
