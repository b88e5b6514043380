import { expect } from 'chai';
import {
  openPromotionFixture,
  shipKey,
  type PromotionFixture,
} from '../../support/promotions/promotion-fixture.ts';
import { listTags } from '../../support/registry/listings.ts';
import { SILENT } from '../../support/promotions/silent.ts';
import { pushImage, pushIndex, pushTag, type Pushed } from '../../support/registry/push.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };

for (const referrersApi of [true, false])
  describe(`deleteSource and tags, ${referrersApi ? 'with the referrers API' : 'with fallback tags'}`, () => {
    let fixture: PromotionFixture;
    const place = (repository = 'quarantine/app') => ({ registry: fixture.registry.host, repository });
    const spec = (tags: object, more: object = {}) => ({
      source: { repository: `${fixture.registry.host}/quarantine/app` },
      target: { repository: `${fixture.registry.host}/golden/app` },
      tags,
      promote: { deleteSource: true },
      ...more,
    });
    const manifests = (): readonly string[] => [
      ...(fixture.registry.content().get('quarantine/app')?.manifests.keys() ?? []),
    ];
    const cosigned = async (of: Pushed): Promise<void> => {
      for (const kind of ['sig', 'att', 'sbom'])
        await pushImage(
          { ...place(), tag: `${of.digest.replace(':', '-')}.${kind}` },
          {
            layers: [
              {
                mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
                bytes: JSON.stringify({ of: of.digest, kind }),
                annotations: { 'dev.cosignproject.cosign/signature': 'AAAA' },
              },
            ],
            salt: `${of.digest} ${kind}`,
          },
        );
    };
    beforeEach(async () => {
      fixture = await openPromotionFixture({ referrersApi });
    });
    afterEach(async () => {
      await fixture.close();
      expect(fixture.bugs).to.deep.equal([]);
    });

    it('deletes what cosign keeps under tags of the index and of each platform', async () => {
      const [amd64, arm64] = [
        await pushImage(place(), { platform: AMD64 }),
        await pushImage(place(), { platform: ARM64 }),
      ];
      const index = await pushIndex(
        { ...place(), tag: '1.0.0' },
        {
          manifests: [
            { ...amd64, platform: AMD64 },
            { ...arm64, platform: ARM64 },
          ],
        },
      );
      for (const one of [index, amd64, arm64]) await cosigned(one);
      await fixture.run({ spec: spec({ explicit: ['1.0.0'] }) });
      expect(await listTags(place())).to.deep.equal([]);
      expect(manifests()).to.deep.equal([]);
      expect(await listTags(place('golden/app'))).to.have.length(10);
    });

    it('P45 deletes a digest with two tags when both have arrived, in the same run', async () => {
      const image = await pushImage({ ...place(), tag: '1.0.0' });
      await pushTag(place(), 'latest', image);
      const { results } = await fixture.run({ spec: spec({ include: ['.'] }) });
      expect(results.map(({ message }) => message)).to.deep.equal([undefined, undefined]);
      expect(await listTags(place())).to.deep.equal([]);
      expect(await listTags(place('golden/app'))).to.have.members(['1.0.0', 'latest']);
      const again = await fixture.run({ spec: spec({ explicit: ['1.0.0'] }) });
      expect(again.results[0]).to.include({ decision: 'Failed', reason: 'ImageNotFound' });
    });

    it('P45 deletes it when its tags have arrived in several runs', async () => {
      const image = await pushImage({ ...place(), tag: '1.0.0' });
      await pushTag(place(), 'latest', image);
      const first = await fixture.run({ spec: spec({ explicit: ['1.0.0'] }) });
      expect(first.results[0]?.message).to.match(/SourceShared: tag latest still points to it/);
      await fixture.run({ spec: spec({ include: ['.'] }) });
      expect(await listTags(place())).to.deep.equal([]);
    });

    it('P45 leaves it where a tag of it was not selected, was stopped, or moved at the target', async () => {
      const image = await pushImage({ ...place(), tag: '1.0.0' });
      await pushTag(place(), 'latest', image);
      await pushTag(place(), 'dev', image);
      await fixture.run({ spec: spec({ explicit: ['1.0.0', 'latest'] }) });
      expect(await listTags(place())).to.have.length(3);
      await pushImage({ ...place('golden/app'), tag: 'dev' }, { salt: 'other' });
      const { results } = await fixture.run({ spec: spec({ include: ['.'] }, { onTagExists: 'Skip' }) });
      expect(results.map(({ decision }) => decision)).to.include('Skipped');
      expect(await listTags(place())).to.have.length(3);
    });

    for (const isThere of [false, true])
      it(`P45 leaves it where a person has approved one of its tags only${isThere ? ', and the other was put at the target past the gates' : ''}`, async () => {
        const image = await pushImage({ ...place(), tag: '1.0.0' });
        await pushTag(place(), 'latest', image);
        if (isThere) await pushImage({ ...place('golden/app'), tag: 'latest' });
        const secrets = { key: { 'cosign.key': shipKey().pem } };
        const sign = { secretRef: { name: 'key' } };
        const given = spec({ include: ['.'] }, { promote: { deleteSource: true, approval: 'Always', sign } });
        const waiting = await fixture.run({ spec: given, secrets });
        const { digest, gateHash = '' } = waiting.results.find(({ tag }) => tag === '1.0.0')!;
        const approval = {
          ...{ runName: 'run-1', digest: digest!, gateHash, approver: 'alice', waive: [], reason: 'seen' },
          ...{ decision: 'Approve' as const, until: new Date('2999-01-01') },
        };
        const { results } = await fixture.run({ spec: given, secrets, approvals: [approval] });
        expect(results.map(({ tag, decision }) => `${tag} ${decision}`)).to.deep.equal([
          '1.0.0 Promoted',
          'latest AwaitingApproval',
        ]);
        expect(await listTags(place())).to.have.members(['1.0.0', 'latest']);
      });

    it('P45 leaves what a tag has come to hold by an index since the plan', async () => {
      const image = await pushImage({ ...place(), tag: '1.0.0' }, { platform: AMD64 });
      await pushTag(place(), 'latest', image);
      await fixture.run({ spec: spec({ explicit: ['latest'] }) });
      const execution = await fixture.open({ spec: spec({ include: ['.'] }) });
      const signal = AbortSignal.timeout(50_000);
      const plan = await execution.plan(signal);
      await pushIndex({ ...place(), tag: 'latest' }, { manifests: [{ ...image, platform: AMD64 }] });
      if (plan.state === 'planned')
        await execution.run(plan.images, { progress: SILENT, dryRun: false, approvals: () => [] }, signal);
      await execution.close();
      expect(manifests()).to.include(image.digest);
    });

    it('P45 leaves a digest that an index under another tag holds, and takes it with the last of them', async () => {
      const amd64 = await pushImage({ ...place(), tag: '1.0.0-amd64' }, { platform: AMD64 });
      await pushIndex({ ...place(), tag: '1.0.0' }, { manifests: [{ ...amd64, platform: AMD64 }] });
      await fixture.run({ spec: spec({ include: ['.'] }) });
      await fixture.run({ spec: spec({ include: ['.'] }) });
      expect(await listTags(place())).to.deep.equal([]);
      expect(manifests()).to.deep.equal([]);
      expect(await listTags(place('golden/app'))).to.have.members(['1.0.0', '1.0.0-amd64']);
    });
  });
