import { expect } from 'chai';
import { openPromotionFixture, type PromotionFixture } from '../../support/promotions/promotion-fixture.ts';
import { decisions, promotionPath } from '../../support/promotions/promotion-path.ts';
import type { Intercept, Reply } from '../../support/registry/index.ts';
import { amend, answer, refuse } from '../../support/registry/misbehave.ts';
import { pushImage, pushReferrer, pushTag } from '../../support/registry/push.ts';

const NOTE = 'application/vnd.example.note';
const LIST = '/tags/list';

describe('tags of a source', () => {
  let fixture: PromotionFixture;
  const path = promotionPath(() => fixture);
  const explicit = (...tags: readonly string[]) => path.mirror({ tags: { explicit: tags } });
  const lists = (repository: string): number =>
    fixture.registry.requests.filter((one) => one.path.includes(`/${repository}${LIST}`)).length;
  beforeEach(async () => {
    const pause = (): Promise<void> => Promise.resolve();
    fixture = await openPromotionFixture({ referrersApi: false }, {}, { opening: { pause } });
  });
  afterEach(() => fixture.close());

  const REFUSALS: readonly (readonly [string, Reply])[] = [
    ...[400, 401, 403, 404, 405, 410, 501].map(
      (status) => [String(status), { status, headers: {}, body: '' }] as const,
    ),
    ['a page for people', { status: 200, headers: { 'content-type': 'text/html' }, body: '<html></html>' }],
  ];
  for (const [title, reply] of REFUSALS)
    it(`O50 explicit tags are copied with all that belongs to them where the list answers ${title}`, async () => {
      const image = await path.push('public/app', '1.0.0');
      const place = path.place('public/app');
      await pushReferrer(place, { subject: image, artifactType: NOTE });
      await pushImage({ ...place, tag: `${image.digest.replace(':', '-')}.sig` }, { salt: 'sig' });
      fixture.registry.intercept(answer(new RegExp(`public/app${LIST}`), reply));
      const outcome = await fixture.run({ spec: explicit('1.0.0') });
      expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Mirrored']]);
      expect(outcome.results[0]?.attachments.carried).to.equal(2);
    });

  it('O50 what is under the fallback tag only is carried where tags cannot be listed', async () => {
    const image = await path.push('public/app', '1.0.0');
    await pushReferrer(path.place('public/app'), { subject: image, artifactType: NOTE });
    const empty = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [] };
    fixture.registry.intercept((request, handle) =>
      request.url.pathname.includes('public/app/referrers/')
        ? { status: 200, headers: { 'content-type': empty.mediaType }, body: JSON.stringify(empty) }
        : refuse(new RegExp(`public/app${LIST}`), 403)(request, handle),
    );
    const { results } = await fixture.run({ spec: explicit('1.0.0') });
    expect(results[0]?.attachments.carried).to.equal(1);
  });

  it('O50 a list that may come back is waited for, and not done without', async () => {
    await path.push('public/app', '1.0.0');
    fixture.registry.intercept(refuse(new RegExp(`public/app${LIST}`), 502));
    const outcome = await fixture.run({ spec: explicit('1.0.0') });
    expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Failed', 'RegistryUnavailable']]);
  });

  it('O49 are listed once a run, for the selection and for all images', async () => {
    const image = await path.push('public/app', '1.0.0');
    for (const tag of ['1.0.1', '1.0.2', '1.0.3']) await pushTag(path.place('public/app'), tag, image);
    const outcome = await fixture.run({ spec: path.mirror() });
    expect(decisions(outcome).map(([, decision]) => decision)).to.deep.equal(Array(4).fill('Mirrored'));
    expect(lists('public/app')).to.equal(1);
  });

  it('O49 a list that failed for one image is read again for the next', async () => {
    await path.push('public/app', '1.0.0');
    let failures = 1;
    const once: Intercept = ({ url }) =>
      url.pathname.endsWith(`public/app${LIST}`) && failures-- > 0
        ? { status: 502, headers: {}, body: '' }
        : undefined;
    fixture.registry.intercept(once);
    const outcome = await fixture.run({ spec: explicit('1.0.0') });
    expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Mirrored']]);
  });

  it('O49 are listed anew for each image whose source is deleted', async () => {
    for (const tag of ['1.0.0', '1.0.1']) await path.push('quarantine/app', tag);
    const outcome = await fixture.run({ spec: path.promote({ deleteSource: true }) });
    expect(decisions(outcome).map(([, decision]) => decision)).to.deep.equal(Array(2).fill('Promoted'));
    expect(lists('quarantine/app')).to.be.greaterThan(2);
  });

  const LINKS: readonly (readonly [string, (link: string) => string])[] = [
    ['leaves out a part of the path (Artifactory)', (link) => link.replace('/v2/public/', '/v2/')],
    [
      'names another host (Nexus behind a proxy)',
      (link) => link.replace('</v2/', '<http://internal.example:8081/v2/'),
    ],
    [
      'names http where https is spoken',
      (link) => link.replace('</v2/', `<https://${fixture.registry.host}/v2/`),
    ],
    ['names the path of another repository', (link) => link.replace('public/app', 'private/app')],
  ];
  for (const [title, change] of LINKS)
    it(`H02 a list goes on in its own repository where the link ${title}`, async () => {
      const image = await path.push('public/app', '1.0.0');
      for (let n = 1; n < 6; n += 1) await pushTag(path.place('public/app'), `1.0.${String(n)}`, image);
      const pages: Intercept = async (request, handle) => {
        if (!request.url.pathname.endsWith(LIST)) return undefined;
        const url = new URL(request.url);
        url.searchParams.set('n', '2');
        const reply = await handle({ ...request, url });
        const link = 'headers' in reply ? String(reply.headers?.link ?? '') : '';
        return { ...reply, headers: { ...reply.headers, ...(link && { link: change(link) }) } };
      };
      fixture.registry.intercept(pages);
      const { planned } = await fixture.run({ spec: path.mirror(), dryRun: true });
      expect(planned).to.have.lengthOf(6);
      const paths = fixture.registry.requests.map((one) => one.path).filter((one) => one.includes(LIST));
      for (const one of paths) expect(one).to.include('/v2/public/app/');
    });

  it('H02 a link without a mark of where it goes on is not followed elsewhere', async () => {
    await path.push('public/app', '1.0.0');
    const link = '<http://internal.example/v2/public/app/tags/list?page=2>; rel="next"';
    fixture.registry.intercept(amend(LIST, (reply) => ({ ...reply, headers: { ...reply.headers, link } })));
    const outcome = fixture.run({ spec: path.mirror(), dryRun: true });
    expect(await outcome.catch((error: unknown) => (error as { code?: string }).code)).to.equal(
      'UntrustedEndpoint',
    );
  });

  it('O50 a registry that refuses pages of 1,000 tags is asked for its own size', async () => {
    await path.push('public/app', '1.0.0');
    fixture.registry.intercept(refuse(/tags\/list\?n=/, 400));
    const { planned } = await fixture.run({ spec: path.mirror(), dryRun: true });
    expect(planned.map(({ tag }) => tag)).to.deep.equal(['1.0.0']);
  });
});
