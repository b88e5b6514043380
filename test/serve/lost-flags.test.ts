import { expect } from 'chai';
import { openPromotionFixture, type PromotionFixture } from '../support/promotions/promotion-fixture.ts';
import { decisions, promotionPath } from '../support/promotions/promotion-path.ts';
import type { RegistryOptions } from '../support/registry/index.ts';
import { amend, answer, refuse } from '../support/registry/misbehave.ts';
import { artifactTypesAbout } from '../support/registry/listings.ts';
import { pushReferrer, pushTag } from '../support/registry/push.ts';
import { pushStatement } from '../support/signed-images.ts';
import { signingKey } from '../support/signing.ts';

const QUARANTINE = 'application/vnd.pratique.quarantine.v1+json';
const RELEASE = 'https://pratique.dev/release/v1';

const REGISTRIES: readonly (readonly [string, RegistryOptions])[] = [
  ['the referrers API', {}],
  ['fallback tags', { referrersApi: false }],
  ['listings without types', { listing: 'bare' }],
];

for (const [title, options] of REGISTRIES)
  describe(`a mirror whose flags were lost, with ${title}`, () => {
    let fixture: PromotionFixture;
    const { place, push, mirror } = promotionPath(() => fixture);
    beforeEach(async () => {
      fixture = await openPromotionFixture(options);
    });
    afterEach(async () => {
      await fixture.close();
      expect(fixture.bugs).to.deep.equal([]);
    });

    const manifests = () => `${fixture.registry.url}/v2/quarantine/app/manifests`;
    /** Deletes everything without a tag, as clean-ups of registries do, and the listing that stands in for the API. */
    const cleanUp = async (digest: string): Promise<void> => {
      for (const listing of [
        `${fixture.registry.url}/v2/quarantine/app/referrers/${digest}`,
        `${manifests()}/${digest.replace(':', '-')}`,
      ]) {
        const found = await fetch(listing);
        if (!found.ok) continue;
        const body = (await found.json()) as { readonly manifests: readonly { readonly digest: string }[] };
        for (const one of body.manifests) await fetch(`${manifests()}/${one.digest}`, { method: 'DELETE' });
      }
      await fetch(`${manifests()}/${digest.replace(':', '-')}`, { method: 'DELETE' });
    };
    const key = signingKey();
    /** Once for each fixture: what is read is remembered for a moment. */
    const judge = async () => {
      const policy = fixture.policy({
        match: { images: ['**'] },
        authorities: [{ name: 'release', key: { pem: key.pem } }],
        require: { quarantine: { releasedBy: ['release'] } },
      });
      return fixture.judge(`${fixture.registry.host}/quarantine/app:1.0.0`, [policy]);
    };
    const flagged = { kind: 'deny', reasons: ['Quarantined'] };

    const WAYS: readonly (readonly [string, object])[] = [
      ['as it is', {}],
      ['with late attachments', { attachments: { late: true } }],
      ['by force', { mirror: { force: true } }],
      ['without history and provenance', { mirror: { history: false, provenance: false } }],
      ['with the tag named', { tags: { explicit: ['1.0.0'] } }],
      ['of one platform', { platforms: { keep: ['linux/amd64'] } }],
    ];
    for (const [how, more] of WAYS)
      it(`O04 a run ${how} attaches the flag again, and reports that`, async () => {
        const { digest } = await push('public/app', '1.0.0');
        const spec = mirror(more);
        await fixture.run({ spec });
        await cleanUp(digest);
        expect(await artifactTypesAbout(place('quarantine/app'), digest)).to.deep.equal([]);
        const { results } = await fixture.run({ spec, runName: 'run-2' });
        expect(results[0]).to.include({ decision: 'UpToDate' });
        expect(results[0]?.message).to.match(/quarantine flag .* attached again/);
        expect(await judge()).to.deep.equal(flagged);
        const again = await fixture.run({
          spec,
          runName: 'run-3',
          startedAt: new Date('2026-11-25T12:00:00Z'),
        });
        expect(again.results[0]).to.include({ decision: 'UpToDate' }).and.not.have.property('message');
      });

    it('O04 an image that was at the target before its mirror is flagged', async () => {
      await push('public/app', '1.0.0');
      await fixture.run({ spec: mirror({ mirror: { quarantine: false } }) });
      await fixture.run({ spec: mirror() });
      expect(await judge()).to.deep.equal(flagged);
    });

    it('O04 a flag is attached again to every tag that lost it, also where tags share an image', async () => {
      const image = await push('public/app', '1.0.0');
      await pushTag(place('public/app'), '1.0.1', image);
      await fixture.run({ spec: mirror() });
      await cleanUp(image.digest);
      const { results } = await fixture.run({ spec: mirror() });
      expect(results.map(({ decision }) => decision)).to.deep.equal(['UpToDate', 'UpToDate']);
      expect(await judge()).to.deep.equal(flagged);
    });

    it('O04 a flag that is attached again to a released image leaves it released', async () => {
      const image = await push('public/app', '1.0.0');
      await fixture.run({ spec: mirror() });
      await cleanUp(image.digest);
      await pushStatement(place('quarantine/app'), image, { key, predicateType: RELEASE, predicate: {} });
      await fixture.run({ spec: mirror() });
      expect((await judge()).kind).to.equal('allow');
    });

    it('O04 no flag is attached by a mirror without quarantine', async () => {
      await push('public/app', '1.0.0');
      const spec = mirror({ mirror: { quarantine: false } });
      await fixture.run({ spec });
      await fixture.run({ spec });
      expect((await judge()).kind).to.equal('allow');
    });

    it('O05 a listing that cannot be read fails an image that is up to date', async () => {
      const image = await push('public/app', '1.0.0');
      await fixture.run({ spec: mirror() });
      await cleanUp(image.digest);
      const about = /quarantine\/app\/(?:referrers|manifests\/sha256-)/;
      for (const [misbehave, code] of [
        [refuse(about, 403), 'RegistryDenied'],
        [
          answer(about, { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' }),
          'RegistryMisbehaved',
        ],
        [answer(about, { status: 200, body: '{}' }), 'RegistryMisbehaved'],
        [answer(about, { status: 204 }), 'RegistryMisbehaved'],
      ] as const) {
        fixture.registry.intercept(misbehave);
        expect(decisions(await fixture.run({ spec: mirror() }))).to.deep.equal([['1.0.0', 'Failed', code]]);
      }
    });

    it('O05 a flag that the registry does not take fails an image that is up to date', async () => {
      const image = await push('public/app', '1.0.0');
      await fixture.run({ spec: mirror() });
      await cleanUp(image.digest);
      fixture.registry.intercept((request) => (request.method === 'PUT' ? { status: 403 } : undefined));
      expect(decisions(await fixture.run({ spec: mirror() }))).to.deep.equal([
        ['1.0.0', 'Failed', 'RegistryDenied'],
      ]);
    });

    it('O04 a listing that is served as JSON is read: the flag is there, and no second one is attached', async () => {
      const image = await push('public/app', '1.0.0');
      await fixture.run({ spec: mirror() });
      const headers = { 'content-type': 'application/json' };
      fixture.registry.intercept(amend('/referrers/', (reply) => ({ ...reply, headers })));
      fixture.registry.forgetLog();
      await fixture.run({ spec: mirror() });
      expect(fixture.registry.requests.filter(({ method }) => method === 'PUT')).to.deep.equal([]);
      expect(image.digest).to.match(/^sha256:/);
    });

    it('O04 another referrer is not taken for the flag', async () => {
      const image = await push('public/app', '1.0.0');
      await fixture.run({ spec: mirror() });
      await cleanUp(image.digest);
      await pushReferrer(place('quarantine/app'), { subject: image, artifactType: `${QUARANTINE}x` });
      await fixture.run({ spec: mirror() });
      expect(await judge()).to.deep.equal(flagged);
    });
  });
