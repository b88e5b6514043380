import { expect } from 'chai';
import { digestOf } from '../../../src/core/model/index.ts';
import { authority, policyOf } from '../../support/policies.ts';
import { SIGN_PREDICATE_TYPE, signingKey, simpleSigning, statementBundle } from '../../support/signing.ts';
import { faultOf } from '../../support/twins/registry.ts';
import { attachBundle, createBench, LIMITS, pushSignatures, shortly } from '../../support/verification.ts';

const WEB = 'registry.example.com/shop/web';
const FLAG_TYPE = 'application/vnd.pratique.quarantine.v1+json';
const LIFE_TYPE = 'application/vnd.pratique.lifecycle.v1+json';
const key = signingKey();
const signed = policyOf({
  authorities: [authority('release', key)],
  require: { signatures: { from: ['release'] } },
});
const quarantine = policyOf({ require: { quarantine: {} } }, 'held');
const lifecycle = policyOf({ require: { lifecycle: {} } }, 'lifecycle');

const fixture = () => {
  const made = createBench();
  const digest = made.registry.push(WEB, { tag: '1' });
  return { ...made, digest, image: `${WEB}@${digest}` };
};
const signature = (digest: ReturnType<typeof digestOf>, signer = key) =>
  statementBundle({ digest, key: signer, predicateType: SIGN_PREDICATE_TYPE });

describe('signatures found', () => {
  it('S11: in the .sig tag', async () => {
    const { registry, judge, digest, image } = fixture();
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
  });

  it('S11: in a referrer that carries cosign layers', async () => {
    const { registry, judge, digest, image } = fixture();
    const { payload, annotations } = simpleSigning({ digest, key });
    const type = 'application/vnd.dev.cosign.simplesigning.v1+json';
    registry.push(WEB, {
      subject: digest,
      artifactType: 'application/vnd.dev.cosign.artifact.sig.v1+json',
      layers: [registry.putBlob(WEB, payload, type, annotations)],
    });
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
  });

  for (const hint of [undefined, SIGN_PREDICATE_TYPE]) {
    it(`S11: in a bundle, its predicate type ${hint === undefined ? 'not annotated' : 'annotated'}`, async () => {
      const { registry, judge, digest, image } = fixture();
      attachBundle(registry, WEB, {
        subject: digest,
        json: signature(digest),
        ...(hint !== undefined && { hint }),
      });
      expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
    });
  }

  it('the .sig tag of a sha512 digest is read', async () => {
    const { registry, judge } = createBench();
    const digest = digestOf('image', 'sha512');
    pushSignatures(registry, WEB, digest, [simpleSigning({ digest, key })]);
    expect(shortly(await judge([`${WEB}@${digest}`], [signed]))).to.deep.equal(['deny ImageNotFound']);
    expect(registry.calls).to.include(`manifest ${WEB}:${digest.replace(':', '-')}.sig`);
  });

  it('a bundle with another type in its annotation is not fetched; the annotation itself is never trusted', async () => {
    const { registry, judge, digest, image } = fixture();
    const provenance = 'https://slsa.dev/provenance/v1';
    const good = signature(digest);
    const other = statementBundle({ digest, key, predicateType: provenance });
    attachBundle(registry, WEB, { subject: digest, json: good, hint: provenance });
    attachBundle(registry, WEB, { subject: digest, json: other, hint: SIGN_PREDICATE_TYPE });
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['deny Unsigned']);
    const fetched = registry.calls.filter((call) => call.startsWith('blob '));
    expect(fetched).to.include(`blob ${WEB}@${digestOf(other)}`);
    expect(fetched).not.to.include(`blob ${WEB}@${digestOf(good)}`);
  });

  it('S01: an unsigned in-toto referrer with the right predicate is never evidence', async () => {
    const { registry, judge, digest, image } = fixture();
    registry.push(WEB, {
      subject: digest,
      artifactType: 'application/vnd.in-toto+json',
      annotations: { 'in-toto.io/predicate-type': SIGN_PREDICATE_TYPE },
    });
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['deny Unsigned']);
  });
});

describe('more evidence than the limits', () => {
  const cosign = (digest: ReturnType<typeof digestOf>, count: number) =>
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

describe('one broken signature among good ones', () => {
  it('H12: a signature that cannot be read hides no good one', async () => {
    const { registry, judge, digest, image } = fixture();
    const broken = attachBundle(registry, WEB, { subject: digest, json: Buffer.from('broken') });
    attachBundle(registry, WEB, { subject: digest, json: signature(digest) });
    registry.fail(`manifest ${WEB}@${broken}`, faultOf('RegistryMisbehaved', false));
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['allow']);
  });

  it('H12: a broken signature alone makes the image unknown', async () => {
    const { registry, judge, digest, image } = fixture();
    const broken = attachBundle(registry, WEB, { subject: digest, json: signature(digest) });
    registry.fail(`manifest ${WEB}@${broken}`, faultOf('RegistryMisbehaved', false));
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['unknown RegistryMisbehaved']);
  });

  it('H12: a signature whose content was deleted is unknown', async () => {
    const { registry, judge, digest, image } = fixture();
    const layer = simpleSigning({ digest, key });
    pushSignatures(registry, WEB, digest, [layer]);
    registry.remove(WEB, digestOf(layer.payload));
    expect(shortly(await judge([image], [signed]))).to.deep.equal(['unknown UnreadableEvidence']);
  });

  it('H12: a broken referrer does not hide a flag, and may be a flag', async () => {
    const { registry, judge, digest, image, pass } = fixture();
    registry.listPoorly();
    const broken = registry.push(WEB, { subject: digest, artifactType: 'application/x' });
    registry.fail(`manifest ${WEB}@${broken}`, faultOf('RegistryMisbehaved', false));
    expect(shortly(await judge([image], [quarantine]))).to.deep.equal(['unknown RegistryMisbehaved']);
    registry.push(WEB, { subject: digest, artifactType: FLAG_TYPE });
    pass(LIMITS.unknownMs);
    expect(shortly(await judge([image], [quarantine]))).to.deep.equal(['deny Quarantined']);
  });
});

describe('a listing without annotations', () => {
  it('H11: has its manifests read, and their flag is found', async () => {
    const { registry, judge, digest, image } = fixture();
    registry.listPoorly();
    registry.push(WEB, { subject: digest, artifactType: FLAG_TYPE, annotations: { by: 'team' } });
    expect(shortly(await judge([image], [quarantine]))).to.deep.equal(['deny Quarantined']);
  });

  for (const type of [
    'application/vnd.oci.empty.v1+json',
    'application/vnd.oci.image.config.v1+json',
    LIFE_TYPE,
  ]) {
    it(`H11: has its manifests read when it lists ${type} and no annotations`, async () => {
      const { registry, judge, digest, image } = fixture();
      const annotations = { 'dev.pratique.lifecycle.end-of-life': '2026-01-01' };
      const referrer = registry.push(WEB, { subject: digest, artifactType: LIFE_TYPE, annotations });
      const poor = { mediaType: 'x', digest: referrer, size: 1, artifactType: type, annotations: {} };
      registry.list(WEB, digest, [poor]);
      expect(shortly(await judge([image], [lifecycle]))).to.deep.equal(['deny PastEndOfLife']);
    });
  }

  it('H11: is read alone when it has annotations', async () => {
    const { registry, judge, digest, image } = fixture();
    registry.push(WEB, { subject: digest, artifactType: LIFE_TYPE, annotations: { a: 'b' } });
    await judge([image], [lifecycle, quarantine]);
    expect(registry.count('manifest')).to.equal(1);
  });

  it('may have listed a flag that was deleted', async () => {
    const { registry, judge, digest, image } = fixture();
    registry.listPoorly();
    registry.remove(WEB, registry.push(WEB, { subject: digest, artifactType: 'application/x' }));
    expect(shortly(await judge([image], [quarantine]))).to.deep.equal(['unknown UnreadableEvidence']);
  });
});
