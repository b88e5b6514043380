import { expect } from 'chai';
import { parseDigest, type Descriptor, type Digest } from '../../../src/core/model/index.ts';
import type { CompiledPolicy } from '../../../src/core/policy/index.ts';
import { authority, policyOf } from '../../support/policies.ts';
import { signingKey, statementBundle } from '../../support/signing.ts';
import { openJobs } from '../../support/threads.ts';
import { faultOf, type Push } from '../../support/twins/registry.ts';
import { attachBundle, createBench, shortly, type Bench } from '../../support/verification.ts';

const WEB = 'registry.example.com/shop/web';
const PROVENANCE = 'https://slsa.dev/provenance/v1';
const IMAGE_CONFIG = 'application/vnd.oci.image.config.v1+json';
const BASE = 'org.opencontainers.image.base';
const key = signingKey();

function asking(cel: string): CompiledPolicy {
  const attestation = { predicateType: PROVENANCE, from: ['ci'], conditions: [{ cel, message: 'no' }] };
  return policyOf({ authorities: [authority('ci', key)], require: { attestations: [attestation] } });
}

describe('what an image says, in conditions', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = createBench();
  });

  const configOf = (config: unknown): Descriptor =>
    bench.registry.putBlob(
      WEB,
      Buffer.from(typeof config === 'string' ? config : JSON.stringify(config)),
      IMAGE_CONFIG,
    );

  /** An image with a signed statement. */
  function push(image: Push, predicate: object = {}): Digest {
    const digest = bench.registry.push(WEB, image);
    const json = statementBundle({ key, digest, predicateType: PROVENANCE, predicate });
    attachBundle(bench.registry, WEB, { subject: digest, json });
    return digest;
  }
  const judged = async (digest: Digest, cel: string) =>
    shortly(await bench.judge([`${WEB}@${digest}`], [asking(cel)]));

  /** An index of one image for each of these users, with its signed statement. */
  function pushIndex(users: readonly (string | undefined)[], annotations: Push['annotations'] = {}): Digest {
    const manifests = users.map((User, index) => {
      const config = configOf({ os: 'linux', architecture: `arch${String(index)}`, config: { User } });
      const digest = bench.registry.push(WEB, {
        config,
        annotations: { [`${BASE}.name`]: `base${String(index)}` },
      });
      const platform = { os: 'linux', architecture: `arch${String(index)}` };
      return {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest,
        size: 1,
        annotations: {},
        platform,
      };
    });
    return push({ manifests, annotations });
  }

  it('are annotations, base image and config', async () => {
    const config = configOf({ architecture: 'amd64', config: { User: '1000', Env: ['A=b'] } });
    const digest = push({
      config,
      annotations: { team: 'shop', [`${BASE}.name`]: 'docker.io/library/node:22' },
    });
    for (const [cel, verdict] of [
      ["annotations['team'] == 'shop'", 'allow'],
      ["'team' in annotations && !('owner' in annotations)", 'allow'],
      ["base.name.startsWith('docker.io/library/') && base.digest == ''", 'allow'],
      ["config.config.User != '' && config.config.Env.exists(e, e.startsWith('A='))", 'allow'],
      ["config.config.User == 'root'", 'deny AttestationRejected'],
    ] as const)
      expect(await judged(digest, cel), cel).to.deep.equal([verdict]);
  });

  it('is the base image by labels where annotations do not name it', async () => {
    const config = configOf({ config: { Labels: { [`${BASE}.name`]: 'debian:13' } } });
    expect(await judged(push({ config }), "base.name == 'debian:13'")).to.deep.equal(['allow']);
  });

  it('B28 has to hold for each platform of an index', async () => {
    const cel = "config.config.User != 'root'";
    expect(await judged(pushIndex(['1', '2']), cel)).to.deep.equal(['allow']);
    expect(await judged(pushIndex(['1', 'root']), cel)).to.deep.equal(['deny AttestationRejected']);
    expect(await judged(pushIndex(['1', undefined]), cel)).to.deep.equal(['unknown UnreadableEvidence']);
    const bases = "base.name.startsWith('base') && annotations['team'] == 'shop'";
    expect(await judged(pushIndex(['1', '2'], { team: 'shop' }), bases)).to.deep.equal(['allow']);
  });

  it('B28 what cannot be read is unknown, with its reason, and not absent', async () => {
    const cel = "!has(config.config) || config.config.User != 'root'";
    const config = configOf({ config: { User: 'root' } });
    const digest = push({ config });
    const heal = bench.registry.fail(`blob ${WEB}`, faultOf('RegistryDenied', false));
    expect(await judged(digest, "config == null || config.config.User != 'root'")).to.not.include('allow');
    heal();
    bench.pass(10_000);
    expect(await judged(digest, cel)).to.deep.equal(['deny AttestationRejected']);
    expect(await judged(push({ config: configOf('no JSON') }), cel)).to.deep.equal([
      'unknown UnreadableEvidence',
    ]);
    const large = configOf({ history: 'x'.repeat(140_000) });
    expect(await judged(push({ config: large }), cel)).to.not.include('allow');
    const gone = { ...config, digest: parseDigest(`sha256:${'1'.repeat(64)}`) ?? config.digest };
    expect(await judged(push({ config: gone }), cel)).to.deep.equal(['unknown UnreadableEvidence']);
  });

  it('an artifact has no config', async () => {
    expect(await judged(push({ artifactType: 'application/vnd.example' }), 'config == null')).to.deep.equal([
      'allow',
    ]);
  });

  it('B28 an index of too many platforms is unknown', async () => {
    const users = Array.from({ length: 17 }, () => '1');
    expect(await judged(pushIndex(users), "config.config.User == '1'")).to.deep.equal([
      'unknown LimitExceeded',
    ]);
  });

  it('is read only where a condition asks for it, and once for a digest', async () => {
    const digest = push({ config: configOf({ config: {} }) }, { bases: [1, 2] });
    const { registry } = bench;
    await judged(
      digest,
      'predicate.bases.exists(base, base == 2) && predicate.bases.all(config, config > 0)',
    );
    const before = registry.calls.filter((call) => call.startsWith('blob')).length;
    for (const cel of ["!('a' in annotations)", "base.name == ''", 'has(config.config)'])
      expect(await judged(digest, cel), cel).to.deep.equal(['allow']);
    expect(registry.calls.filter((call) => call.startsWith('blob')).length - before).to.equal(1);
  });

  it('is the same for a condition that is answered beside the main thread', async () => {
    const threads = openJobs();
    try {
      const predicate = { list: Array.from({ length: 5_000 }, (_, n) => n) };
      const digest = push({ config: configOf({ config: { User: 'root' } }) }, predicate);
      const { sources } = bench;
      Object.assign(sources, { answerElsewhere: threads.run.bind(threads, 'condition') });
      const cel = "predicate.list.all(n, n < 5000) && config.config.User == 'root'";
      expect(await judged(digest, cel)).to.deep.equal(['allow']);
      expect(await judged(digest, cel.replace("'root'", "'1'"))).to.deep.equal(['deny AttestationRejected']);
    } finally {
      await threads.close();
    }
  });
});
