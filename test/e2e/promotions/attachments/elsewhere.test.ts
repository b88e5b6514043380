import { expect } from 'chai';
import { pushImage, type Pushed } from '../../../support/registry/push.ts';
import { openCosign, type Cosign, type KeyPair } from '../../support/programs/cosign.ts';
import { inShort, openPromoter, promotion, type Promoter } from '../../support/promotions/promoter.ts';
import { startDistribution, startOlareg, type Registry } from '../../support/promotions/registries.ts';

for (const format of ['bundle', 'legacy'] as const)
  describe(`pratique promote reads signatures that cosign keeps in another registry (${format})`, () => {
    let [source, vendor, own]: Registry[] = [];
    let promoter: Promoter;
    let cosign: Cosign;
    let key: KeyPair;
    let image: Pushed;
    before(async () => {
      [source, vendor, own, promoter, cosign] = await Promise.all([
        startDistribution(),
        startOlareg(),
        startDistribution(),
        openPromoter(),
        openCosign(),
      ]);
      key = await cosign.createKeyPair();
      image = await pushImage({ registry: source.host, repository: 'dhi/node', tag: '1.0.0' });
      const repository = `${vendor.host}/dhi/attestations`;
      await cosign.sign(`${source.host}/dhi/node@${image.digest}`, { key, format, repository });
    });
    after(() => Promise.all([source?.stop(), vendor?.stop(), own?.stop(), promoter.stop(), cosign.stop()]));

    const promote = (attachments: object) =>
      promoter.promote(
        [
          promotion({
            source: { repository: `${source?.host ?? ''}/dhi/node` },
            target: { repository: `${own?.host ?? ''}/golden/node` },
            attachments,
            promote: { policies: ['vendor'] },
          }),
        ],
        {
          policies: [
            {
              apiVersion: 'pratique.dev/v1alpha1',
              kind: 'ImagePolicy',
              metadata: { name: 'vendor' },
              spec: {
                match: { images: ['**'] },
                authorities: [{ name: 'vendor', key: { pem: key.publicPem } }],
                require: { signatures: { from: ['vendor'] } },
              },
            },
          ],
        },
      );

    it('and without attachments.from the image is blocked', async () => {
      const ran = await promote({});
      expect(inShort(ran), ran.stderr).to.deep.equal(['1.0.0 Blocked Unsigned']);
    });

    it('and carries them to the target, where cosign verifies the image', async () => {
      const ran = await promote({ from: `${vendor?.host ?? ''}/dhi/attestations` });
      expect(inShort(ran), ran.stderr).to.deep.equal(['1.0.0 Promoted']);
      await cosign.run([
        ...['verify', `--key=${key.publicKey}`, '--insecure-ignore-tlog', '--allow-http-registry'],
        ...[`--new-bundle-format=${String(format === 'bundle')}`],
        `${own?.host ?? ''}/golden/node@${image.digest}`,
      ]);
    });
  });
