import { expect } from 'chai';
import { pushImage } from '../../../support/registry/push.ts';
import { OPENID_ISSUER, WORKFLOW } from '../../../support/sigstore/fulcio.ts';
import { promotion } from '../../support/promotions/promotions.ts';
import { until } from '../../support/wait.ts';
import { at, IDENTITY, type Around } from './context.ts';

/** Keyless signers, and the verdicts of admission on them. */
export function describeIdentities(around: () => Around): void {
  describe('identities', () => {
    const place = (path: string) => ({ registry: around().fixture.registry.host, repository: path });
    const admit = (path: string) => around().fixture.run(`${around().fixture.registry.host}/${path}:1.0.0`);
    const policy = (name: string, subject: string) => {
      const trustRoot = { configMapRef: { name: 'sigstore-root', key: 'trusted_root.json' } };
      const require = { signatures: { from: ['job'] }, quarantine: { releasedBy: ['job'] } };
      return {
        apiVersion: 'pratique.dev/v1alpha1',
        kind: 'ImagePolicy',
        metadata: { name },
        spec: {
          match: { images: [`${around().fixture.registry.host}/keyless/${name}/**`] },
          authorities: [{ name: 'job', keyless: { issuer: OPENID_ISSUER, subject }, trustRoot }],
          require,
        },
      };
    };

    before(async () => {
      const { fixture, flow, sigstore } = around();
      await fixture.cluster.apply({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'sigstore-root', namespace: fixture.installation.namespace },
        data: { 'trusted_root.json': JSON.stringify(sigstore.rootJson) },
      });
      await fixture.cluster.apply(policy('ours', WORKFLOW));
      await fixture.cluster.apply(policy('theirs', WORKFLOW.replace('acme', 'evil')));
      const annotations = { 'dev.pratique.quarantine': 'true' };
      await pushImage({ ...place('keyless/source'), tag: '1.0.0' }, { annotations });
      for (const name of ['ours', 'theirs']) {
        await pushImage({ ...place(`keyless/${name}/before`), tag: '1.0.0' }, { annotations });
        await flow.apply(
          promotion(`keyless-${name}`, {
            source: at('keyless/source', fixture.registry),
            target: at(`keyless/${name}/app`, fixture.registry),
            tags: { semver: ['*'] },
            promote: {
              sign: {
                keyless: { identity: IDENTITY, fulcioURL: sigstore.url, rekorURL: sigstore.url },
              },
            },
          }),
        );
        await fixture.cluster.kubectl(['wait', `ipol/${name}`, '--for=condition=Ready', '--timeout=30s']);
        await flow.wait(`ipr/keyless-${name}`, 'Ready');
      }
    });

    it('sign and release, so that admission admits an image that contains the flag', async () => {
      const [run] = await around().flow.runsOf('keyless-ours');
      expect(run?.status?.images?.[0]?.decision).to.equal('Promoted');
      const before = await admit('keyless/ours/before');
      expect([before.code, before.stderr]).to.satisfy(
        ([code, said]: [number, string]) =>
          code === 1 && said.includes('Unsigned') && said.includes('Quarantined'),
      );
      await until({
        what: 'the admission',
        withinMs: 10_000,
        everyMs: 300,
        check: async () => {
          const { code, stderr } = await admit('keyless/ours/app');
          if (code !== 0) throw new Error(stderr);
          return true;
        },
      });
    });

    it('do not count for a policy that requires another one', async () => {
      const refused = await admit('keyless/theirs/app');
      expect([refused.code, refused.stderr]).to.satisfy(
        ([code, said]: [number, string]) => code === 1 && said.includes('Unsigned'),
      );
    });
  });
}
