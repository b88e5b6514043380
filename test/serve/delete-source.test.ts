import { expect } from 'chai';
import { openPromotionFixture, type PromotionFixture } from '../support/promotions/promotion-fixture.ts';
import { decisions, promotionPath } from '../support/promotions/promotion-path.ts';
import { quarantine, QUARANTINE, SBOM } from '../support/promotions/quarantined.ts';
import { SILENT } from '../support/promotions/silent.ts';
import type { Intercept } from '../support/registry/index.ts';
import { amend, answer, hangUp, refuse } from '../support/registry/misbehave.ts';
import { artifactTypesAbout } from '../support/registry/listings.ts';
import { pushIndex, pushReferrer, pushTag, type Pushed } from '../support/registry/push.ts';

for (const referrersApi of [true, false])
  describe(`deleteSource, ${referrersApi ? 'with the referrers API' : 'with fallback tags'}`, () => {
    let fixture: PromotionFixture;
    const { place, push, promote } = promotionPath(() => fixture);
    const { load, isThere, expectFlagged, left } = quarantine(() => fixture);
    const spec = () => promote({ deleteSource: true });
    beforeEach(async () => {
      fixture = await openPromotionFixture({ referrersApi });
    });
    afterEach(async () => {
      await fixture.close();
      expect(fixture.bugs).to.deep.equal([]);
    });

    const deletes =
      (name: string): ((given: Parameters<Intercept>[0]) => boolean) =>
      ({ method, url }) =>
        method === 'DELETE' && url.pathname.endsWith(name);

    it('O02 deletes the image with all that belongs to it: manifests before their flags, a listing last', async () => {
      const loaded = await load();
      fixture.registry.forgetLog();
      const ran = await fixture.run({ spec: spec() });
      expect(ran.results[0]).to.include({ decision: 'Promoted' }).and.not.have.property('message');
      expect(await left(loaded)).to.deep.equal([]);
      const gone = fixture.registry.requests.filter(({ method }) => method === 'DELETE');
      expect(gone[0]?.path).to.contain(loaded.root.digest);
      const names = gone.map(({ path }) => path.split('/').at(-1));
      const last = Math.max(...loaded.nodes.map(({ digest }) => names.indexOf(digest)));
      expect(last).to.equal(loaded.nodes.length - 1);
      expect(new Set(names).size).to.equal(names.length);
    });

    const REFUSALS: readonly (readonly [string, (name: string) => Intercept])[] = [
      ...[400, 403, 405, 409, 412, 501].map(
        (status) => [String(status), (name: string) => refuse(deletes(name), status)] as const,
      ),
      ['202, and keeps it', (name) => answer(deletes(name), { status: 202 })],
    ];
    /** Tried again after pauses, hence one of them each. */
    const FAILURE: (typeof REFUSALS)[number] = referrersApi
      ? ['500', (name) => refuse(deletes(name), 500)]
      : ['a cut connection', (name) => hangUp(deletes(name))];
    for (const [title, misbehave] of [...REFUSALS, FAILURE])
      it(`O02 leaves flags and signatures when the deletion of the image is answered by ${title}`, async function () {
        this.timeout(20_000);
        const loaded = await load();
        fixture.registry.intercept(misbehave(loaded.root.digest));
        const ran = await fixture.run({ spec: spec() });
        expect(ran.results[0]?.message).to.match(/source/);
        fixture.registry.intercept(undefined);
        const { nodes } = loaded;
        expect((await left(loaded)).length).to.equal(nodes.length + 1 + (referrersApi ? 0 : nodes.length));
        await expectFlagged(loaded, 'after the refusal');
      });

    for (const [title, misbehave] of REFUSALS)
      it(`O02 leaves the flag of a child when its deletion is answered by ${title}`, async function () {
        this.timeout(20_000);
        const loaded = await load();
        fixture.registry.intercept(misbehave(loaded.nodes.at(-1)?.digest ?? ''));
        await fixture.run({ spec: spec() });
        fixture.registry.intercept(undefined);
        expect(await isThere(loaded.nodes.at(-1)?.digest ?? '')).to.equal(true);
        expect(await isThere(loaded.root.digest)).to.equal(false);
        await expectFlagged(loaded, 'after the refusal');
      });

    it('O03 what is about an image that was never there, or that the target does not have, stays', async () => {
      await push('quarantine/app', '1.0.0');
      const elsewhere = await push('public/app', '2.0.0');
      const flag = await pushReferrer(place('quarantine/app'), {
        subject: elsewhere,
        artifactType: QUARANTINE,
      });
      await fixture.run({ spec: spec() });
      expect(await isThere(flag.digest)).to.equal(true);
    });

    it('O02 a failure behind the deletion of the image is tried again in the same run', async function () {
      this.timeout(20_000);
      const loaded = await load();
      let failures = 1;
      fixture.registry.intercept((request) => {
        if (request.method !== 'DELETE' || request.url.pathname.endsWith(loaded.root.digest))
          return undefined;
        failures -= 1;
        return failures === 0 ? { status: 503 } : undefined;
      });
      const ran = await fixture.run({ spec: spec() });
      expect(decisions(ran)).to.deep.equal([['1.0.0', 'Promoted']]);
      expect(await left(loaded)).to.deep.equal([]);
    });

    it('O03 what another tag holds stays, whole: a child, a nested index, a backup', async () => {
      const loaded = await load();
      const [root, inner, amd64] = loaded.nodes as [Pushed, Pushed, Pushed];
      await pushTag(place('quarantine/app'), 'amd64-only', amd64);
      const ran = await fixture.run({ spec: spec() });
      expect(ran.results[0]).to.include({ decision: 'Promoted' });
      expect(await isThere(root.digest)).to.equal(false);
      expect(await isThere(inner.digest)).to.equal(false);
      expect(await isThere(amd64.digest)).to.equal(true);
      await expectFlagged(loaded, 'and is held by another tag');
    });

    for (const tag of ['latest', `1.0.0.replaced-${'a'.repeat(12)}`])
      it(`O03 an image that ${tag} holds stays, also inside of an index of an index`, async () => {
        const loaded = await load();
        const at = place('quarantine/app');
        const outer = await pushIndex(at, { manifests: [loaded.root] });
        await pushIndex({ ...at, tag }, { manifests: [outer] });
        const ran = await fixture.run({
          spec: promote({ deleteSource: true }, { tags: { explicit: ['1.0.0'] } }),
        });
        expect(ran.results[0]?.message).to.include('SourceShared').and.to.include(tag);
        expect(await isThere('1.0.0')).to.equal(true);
        await expectFlagged(loaded, 'and is shared');
      });

    it('O03 an image of its own that names the deleted one as its subject stays, with all that is about it', async () => {
      const loaded = await load();
      const at = place('quarantine/app');
      const own = await pushReferrer(at, {
        subject: loaded.root,
        artifactType: SBOM,
        annotations: { n: '2' },
      });
      const flag = await pushReferrer(at, { subject: own, artifactType: QUARANTINE });
      await pushTag(at, 'own', own);
      const ran = await fixture.run({
        spec: promote({ deleteSource: true }, { tags: { explicit: ['1.0.0'] } }),
      });
      expect(ran.results[0]).to.include({ decision: 'Promoted' });
      expect(await isThere(loaded.root.digest)).to.equal(false);
      expect([await isThere('own'), await isThere(flag.digest)]).to.deep.equal([true, true]);
      expect(await artifactTypesAbout(at, own.digest)).to.deep.equal([QUARANTINE]);
    });

    it('O03 a tag that is set while attachments are read keeps the image', async () => {
      const loaded = await load();
      fixture.registry.intercept(async ({ method, url }) => {
        if (method !== 'GET' || !url.pathname.endsWith('/quarantine/app/tags/list')) return undefined;
        fixture.registry.intercept(undefined);
        await pushTag(place('quarantine/app'), 'late', loaded.root);
        return undefined;
      });
      const ran = await fixture.run({
        spec: promote({ deleteSource: true }, { tags: { explicit: ['1.0.0'] } }),
      });
      expect(ran.results[0]?.message).to.include('SourceShared').and.to.include('late');
    });

    const LISTS: readonly (readonly [string, Intercept])[] = [
      ['are not there', refuse('/quarantine/app/tags/list', 404)],
      [
        'do not have the tag itself',
        answer('/quarantine/app/tags/list', { status: 200, body: '{"name":"quarantine/app","tags":[]}' }),
      ],
    ];
    for (const [title, misbehave] of LISTS)
      it(`O03 deletes nothing when the tags of the source ${title}`, async () => {
        const loaded = await load();
        await pushTag(place('quarantine/app'), 'latest', loaded.root);
        fixture.registry.intercept(misbehave);
        const ran = await fixture.run({
          spec: promote({ deleteSource: true }, { tags: { explicit: ['1.0.0'] } }),
        });
        expect(ran.results[0]?.message).to.include('cannot be listed');
        expect(await isThere('latest')).to.equal(true);
        await expectFlagged(loaded, 'although no tag is listed');
      });

    it('O03 deletes nothing when what refers to the image cannot be read', async function () {
      this.timeout(20_000);
      const loaded = await load();
      await fixture.run({ spec: promote() });
      fixture.registry.intercept(
        amend(/quarantine\/app\/referrers\//, () => ({ status: 200, body: '<html>' })),
      );
      const ran = await fixture.run({ spec: spec() });
      expect(decisions(ran)).to.deep.equal([['1.0.0', 'Failed', 'RegistryMisbehaved']]);
      expect(fixture.registry.requests.some(({ method }) => method === 'DELETE')).to.equal(false);
      expect(await isThere(loaded.root.digest)).to.equal(true);
    });

    it('O03 leaves an image that lost its tag to another client', async () => {
      const image = await push('quarantine/app', '1.0.0');
      await pushReferrer(place('quarantine/app'), { subject: image, artifactType: QUARANTINE });
      const execution = await fixture.open({ spec: spec() });
      const found = await execution.plan(AbortSignal.timeout(50_000));
      await fetch(`${fixture.registry.url}/v2/quarantine/app/manifests/1.0.0`, { method: 'DELETE' });
      const planned = found.state === 'planned' ? found.images : [];
      const order = { dryRun: false, approvals: () => [], progress: SILENT };
      await execution.run(planned, order, AbortSignal.timeout(50_000));
      await execution.close();
      expect(await isThere(image.digest)).to.equal(true);
    });

    it('O03 keeps what refers to an image that another client deleted before all of it had arrived', async () => {
      const image = await push('quarantine/app', '1.0.0');
      await fixture.run({ spec: promote() });
      const late = await pushReferrer(place('quarantine/app'), { subject: image, artifactType: SBOM });
      const execution = await fixture.open({ spec: spec() });
      const found = await execution.plan(AbortSignal.timeout(50_000));
      await fetch(`${fixture.registry.url}/v2/quarantine/app/manifests/${image.digest}`, {
        method: 'DELETE',
      });
      const planned = found.state === 'planned' ? found.images : [];
      const order = { dryRun: false, approvals: () => [], progress: SILENT };
      const [result] = await execution.run(planned, order, AbortSignal.timeout(50_000));
      await execution.close();
      expect(result?.message).to.include('all that belongs to it');
      expect(await isThere(late.digest)).to.equal(true);
    });
  });
