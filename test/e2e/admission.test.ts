import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { pushImage, pushReferrer, type Pushed, type Target } from '../support/registry/push.ts';
import { RELEASE_PREDICATE_TYPE } from '../support/signed-images.ts';
import { policy, secret } from './support/installation/policies.ts';
import type { SignatureFormat } from './support/programs/cosign.ts';
import { freePort } from './support/programs/ports.ts';
import {
  startAdmissionFixture,
  TIMEOUT_SECONDS,
  type Keys,
  type AdmissionFixture,
} from './support/installation/admission-fixture.ts';
import { until } from './support/wait.ts';

const END_OF_LIFE_KEY = 'vnd.myorganization.image.end-of-life';
const END_OF_LIFE_TYPE = 'application/vnd.myorganization.image.lifecycle.metadata';
const QUARANTINE_TYPE = 'application/vnd.pratique.quarantine.v1+json';

function policies(keys: Keys): readonly object[] {
  const signatures = { from: ['release'] };
  const quarantine = { releasedBy: ['security'], images: ['**/shop/quarantine/**'] };
  const lifecycle = {
    annotations: [{ key: END_OF_LIFE_KEY }],
    artifactTypes: [END_OF_LIFE_TYPE],
    warnBefore: '720h',
  };
  return [
    secret('release-key', keys.release.publicPem),
    secret('security-key', keys.security.publicPem),
    policy('production', '**/shop/**', { require: { signatures, quarantine, lifecycle } }),
    policy('careful', '**/warned/**', { enforcement: 'Warn', require: { signatures } }),
    policy('watched', '**/audited/**', { enforcement: 'Audit', require: { signatures } }),
  ];
}

describe('admission through a real API server', () => {
  let fixture: AdmissionFixture;
  let pods = 0;

  before(async () => {
    fixture = await startAdmissionFixture(policies);
    await fixture.cluster.createNamespace('shop');
  });

  after(() => fixture.stop());

  const runPod = (image: string, ...more: readonly string[]) => {
    pods += 1;
    return fixture.cluster.kubectl(['run', `pod-${pods}`, '-n', 'shop', `--image=${image}`, ...more]);
  };

  const expectAdmitted = async (image: string, ...more: readonly string[]) => {
    const { code, stderr } = await runPod(image, ...more);
    expect(stderr, image).to.equal('');
    expect(code).to.equal(0);
  };

  const expectRefused = async (image: string, reason: string, ...parts: readonly string[]) => {
    const { code, stderr } = await runPod(image);
    expect(code, stderr).to.equal(1);
    const [first = ''] = stderr.split('\n');
    expect(first).to.contain(
      'admission webhook "images.pratique.dev" denied the request: 1 of 1 images refused:',
    );
    expect(first).to.contain(`(${reason})`);
    expect(first.length).to.be.at.most(200);
    for (const part of [`: ${reason}: `, '[policy production]', ...parts]) expect(stderr).to.contain(part);
  };

  const signed = async (
    target: Target,
    format: SignatureFormat,
    annotations?: Readonly<Record<string, string>>,
  ) => {
    const image = await pushImage(target, { salt: target.repository, ...(annotations && { annotations }) });
    await fixture.cosign.sign(image.reference, { key: fixture.keys.release, format });
    return image;
  };

  for (const name of ['olareg', 'distribution'] as const) {
    const api = name === 'olareg' ? 'with the referrers API' : 'without the referrers API';
    describe(`with a registry ${api} (${name})`, () => {
      const at = (repository: string): Target => ({
        registry: fixture[name].host,
        repository: `shop/${repository}`,
        tag: 'v1',
      });
      const tagOf = (repository: string) => `${fixture[name].host}/shop/${repository}:v1`;

      for (const format of ['legacy', 'bundle'] as const) {
        it(`W11: admits an image signed by cosign (${format}), and warns about its tag where a node may have it`, async () => {
          const image = await signed(at(`signed-${format}`), format);
          await expectAdmitted(image.reference);
          await expectAdmitted(tagOf(`signed-${format}`), '--image-pull-policy=Always');
          const { code, stderr } = await runPod(tagOf(`signed-${format}`));
          expect([code, stderr.match(/Warning: .*: TagMayDiffer: /g)?.length]).to.deep.equal([0, 1]);
        });

        it(`refuses an image signed by another key (${format})`, async () => {
          const image = await pushImage(at(`stranger-${format}`), { salt: `stranger-${format}` });
          await fixture.cosign.sign(image.reference, { key: fixture.keys.stranger, format });
          await expectRefused(
            image.reference,
            'Unsigned',
            'no signature by authority "release"',
            '1 found, made by another key',
          );
        });
      }

      it('refuses an unsigned image, and admits it once it is signed', async () => {
        const image = await pushImage(at('unsigned'), { salt: 'unsigned' });
        await expectRefused(
          tagOf('unsigned'),
          'Unsigned',
          'none found',
          'have authority "release" sign this digest',
        );
        await fixture.cosign.sign(image.reference, { key: fixture.keys.release, format: 'bundle' });
        await until({
          what: 'the new signature to count',
          withinMs: 15_000,
          check: async () => (await runPod(tagOf('unsigned'))).code === 0,
        });
      });

      it('refuses an image flagged by annotation, and admits it once it is released', async () => {
        const image = await signed(at('flagged'), 'bundle', { 'dev.pratique.quarantine': 'true' });
        await expectRefused(
          image.reference,
          'Quarantined',
          'annotation dev.pratique.quarantine',
          'no release by authority "security"',
        );
        await fixture.cosign.attest(image.reference, {
          key: fixture.keys.security,
          format: 'bundle',
          type: RELEASE_PREDICATE_TYPE,
          predicate: { source: image.reference },
        });
        await until({
          what: 'the release to count',
          withinMs: 15_000,
          check: async () => (await runPod(image.reference)).code === 0,
        });
      });

      it('refuses a flag lifted by a key that may not release', async () => {
        const image = await signed(at('self-released'), 'bundle', { 'dev.pratique.quarantine': 'true' });
        const attestation = { key: fixture.keys.release, format: 'bundle', predicate: {} } as const;
        await fixture.cosign.attest(image.reference, { ...attestation, type: RELEASE_PREDICATE_TYPE });
        await expectRefused(image.reference, 'Quarantined');
      });

      it('refuses an image flagged by a referrer', async () => {
        const image = await signed(at('held'), 'legacy');
        await pushReferrer(at('held'), { subject: image, artifactType: QUARANTINE_TYPE });
        await expectRefused(image.reference, 'Quarantined', 'flagged by referrer sha256:');
      });

      it('refuses an image in a repository in quarantine', async () => {
        const image = await signed(at('quarantine/node'), 'bundle');
        await expectRefused(image.reference, 'Quarantined', 'every image in this place');
      });

      it('refuses an image past its end of life by annotation, and names the newest of its line', async () => {
        const ended = { 'org.opencontainers.image.support.end-of-life': '2026-01-31' };
        const target = { ...at('old'), tag: '1.4.0' };
        const image = await signed(target, 'bundle', ended);
        await pushImage({ ...target, tag: '1.4.7' }, { salt: 'newer' });
        await expectRefused(
          `${fixture[name].host}/shop/old:1.4.0`,
          'PastEndOfLife',
          'ended 2026-01-31, says annotation org.opencontainers.image.support.end-of-life',
          'newest in this line: 1.4.7',
          `@${image.digest.slice(0, 19)}`,
        );
      });

      it('refuses an image past its end of life by a referrer of a custom type and key', async () => {
        const image: Pushed = await signed(at('outdated'), 'bundle');
        const annotations = { [END_OF_LIFE_KEY]: '2026-02-01T00:00:00Z' };
        await pushReferrer(at('outdated'), { subject: image, artifactType: END_OF_LIFE_TYPE, annotations });
        await expectRefused(image.reference, 'PastEndOfLife', 'ended 2026-02-01, says referrer sha256:');
      });
    });
  }

  it('refuses as temporary when the registry is down, and answers in time', async () => {
    const started = Date.now();
    await expectRefused(
      `127.0.0.1:${await freePort()}/shop/web:v1`,
      'RegistryUnavailable',
      '(temporary, try again)',
    );
    expect(Date.now() - started).to.be.below(TIMEOUT_SECONDS * 1_000);
  });

  it('refuses before the timeout of the API server when the registry accepts a request and never answers', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    try {
      const started = Date.now();
      const image = `127.0.0.1:${(silent.address() as AddressInfo).port}/shop/web:v1`;
      await expectRefused(image, 'DeadlineExceeded', '(temporary, try again)');
      expect(Date.now() - started).to.be.below(TIMEOUT_SECONDS * 1_000);
    } finally {
      silent.closeAllConnections();
      silent.close();
    }
  });

  it('refuses a Deployment and a CronJob at creation', async () => {
    const image = (await pushImage({ registry: fixture.olareg.host, repository: 'shop/bare', tag: 'v1' }))
      .reference;
    const deployment = await fixture.cluster.kubectl([
      'create',
      'deployment',
      'web',
      '-n',
      'shop',
      `--image=${image}`,
    ]);
    expect(deployment.code).to.equal(1);
    expect(deployment.stderr)
      .to.contain('(spec.template.spec.containers[0].image)')
      .and.contain(': Unsigned: ');
    const job = ['create', 'cronjob', 'nightly', '-n', 'shop', '--schedule=0 3 * * *', `--image=${image}`];
    const cronJob = await fixture.cluster.kubectl(job);
    expect(cronJob.code).to.equal(1);
    expect(cronJob.stderr)
      .to.contain('(spec.jobTemplate.spec.template.spec.containers[0].image)')
      .and.contain(': Unsigned: ');
  });

  it('B01: refuses an ephemeral container with an unsigned image in a running pod', async () => {
    const good = await signed({ registry: fixture.olareg.host, repository: 'shop/target' }, 'bundle');
    const bad = await pushImage(
      { registry: fixture.olareg.host, repository: 'shop/tools' },
      { salt: 'tools' },
    );
    const run = await fixture.cluster.kubectl(['run', 'target', '-n', 'shop', `--image=${good.reference}`]);
    expect(run.code, run.stderr).to.equal(0);
    const debug = (image: string) =>
      fixture.cluster.kubectl([
        'debug',
        'target',
        '-n',
        'shop',
        '--attach=false',
        `--image=${image}`,
        '--',
        'sh',
      ]);
    const refused = await debug(bad.reference);
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.contain('spec.ephemeralContainers[0].image').and.contain(': Unsigned: ');
    const admitted = await debug(good.reference);
    expect(admitted.code, admitted.stderr).to.equal(0);
  });

  it('shows a warning in kubectl under Warn, and admits the pod', async () => {
    const image = await pushImage(
      { registry: fixture.olareg.host, repository: 'warned/web' },
      { salt: 'warned' },
    );
    const { code, stderr } = await runPod(image.reference);
    expect(code).to.equal(0);
    expect(stderr).to.contain('Warning: ').and.contain('Unsigned: ').and.contain('[policy careful]');
  });

  it('admits without a warning under Audit, and writes an audit annotation', async () => {
    const image = await pushImage(
      { registry: fixture.olareg.host, repository: 'audited/web' },
      { salt: 'audited' },
    );
    await expectAdmitted(image.reference);
    await until({
      what: 'the audit annotation',
      withinMs: 10_000,
      check: async () => {
        const events = (await readFile(fixture.auditLog, 'utf8'))
          .split('\n')
          .filter((line) => line.includes(`pod-${pods}"`));
        const annotations = events.map(
          (line) => (JSON.parse(line) as { annotations?: Record<string, string> }).annotations,
        );
        return annotations.some(
          (each) =>
            each?.['images.pratique.dev/reasons'] === 'Unsigned' &&
            each['images.pratique.dev/images']?.includes(image.digest) === true,
        );
      },
    });
  });
});
