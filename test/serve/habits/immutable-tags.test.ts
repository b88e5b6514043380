import { expect } from 'chai';
import { openPromotionFixture, type PromotionFixture } from '../../support/promotions/promotion-fixture.ts';
import { decisions, pathKeys, promotionPath } from '../../support/promotions/promotion-path.ts';
import type { Intercept, Reply } from '../../support/registry/index.ts';
import { pushImage } from '../../support/registry/push.ts';

const failure = (status: number, code: string): Reply => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ errors: [{ code, message: 'the tag is immutable' }] }),
});

/** What registries answer where a tag has another digest already. */
const REFUSALS = [
  ['ECR', failure(400, 'TAG_INVALID')],
  ['Harbor', failure(412, 'PRECONDITION')],
  ['Azure', failure(405, 'UNSUPPORTED')],
  ['Quay', failure(409, 'TAG_IMMUTABLE')],
  ['JFrog', failure(403, 'DENIED')],
] as const;

/** Refuses each second digest of a tag in these repositories. */
function immutable(repositories: RegExp, refusal: Reply): Intercept {
  const first = new Map<string, string>();
  return async (request, handle) => {
    const { pathname } = request.url;
    const isTag =
      request.method === 'PUT' && /\/manifests\/[^:]+$/.test(pathname) && repositories.test(pathname);
    if (!isTag) return undefined;
    const bytes = await request.body();
    const text = bytes.toString('base64');
    if ((first.get(pathname) ?? text) !== text) return refusal;
    first.set(pathname, text);
    return handle({ ...request, body: () => Promise.resolve(bytes) });
  };
}

describe('a target whose tags are immutable', () => {
  let fixture: PromotionFixture;
  const path = promotionPath(() => fixture);
  const { secrets, sign, key } = pathKeys();
  beforeEach(async () => {
    const pause = (): Promise<void> => Promise.resolve();
    fixture = await openPromotionFixture({}, {}, { opening: { pause } });
  });
  afterEach(() => fixture.close());

  for (const [title, refusal] of REFUSALS)
    it(`P20 gets mirrored images, and each run says that the history lacks them (${title})`, async () => {
      fixture.registry.intercept(immutable(/quarantine/, refusal));
      const spec = path.mirror({ maxParallelImages: 1 });
      for (const tag of ['1.0.0', '1.0.1']) await path.push('public/app', tag);
      const first = await fixture.run({ spec });
      expect(decisions(first)).to.deep.equal([
        ['1.0.1', 'Mirrored'],
        ['1.0.0', 'Mirrored'],
      ]);
      expect(first.results.map(({ message = '' }) => message.includes('not in the history'))).to.deep.equal([
        false,
        true,
      ]);
      await path.push('public/app', '1.0.2');
      const second = await fixture.run({ spec });
      expect(decisions(second).map(([, decision]) => decision)).to.deep.equal([
        'Mirrored',
        'UpToDate',
        'UpToDate',
      ]);
    });

  for (const status of [400, 401, 403, 404])
    it(`P20 a history that a login may not write is no immutable tag, and fails the image (${String(status)})`, async () => {
      await path.push('public/app', '1.0.0');
      const body = JSON.stringify({ errors: [{ code: 'DENIED', message: 'requested access is denied' }] });
      const refusal = { status, headers: { 'content-type': 'application/json' }, body };
      fixture.registry.intercept(({ method, url }) =>
        method === 'PUT' && url.pathname.endsWith('/mirror-history') ? refusal : undefined,
      );
      const outcome = await fixture.run({ spec: path.mirror() });
      const reason = status === 400 ? 'RegistryMisbehaved' : 'RegistryDenied';
      expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Failed', reason]]);
    });

  it('P20 a history that may be written later is no refusal', async () => {
    await path.push('public/app', '1.0.0');
    fixture.registry.intercept(({ method, url }) =>
      method === 'PUT' && url.pathname.endsWith('/mirror-history')
        ? { status: 502, headers: {}, body: '' }
        : undefined,
    );
    const outcome = await fixture.run({ spec: path.mirror() });
    expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Failed', 'RegistryUnavailable']]);
  });

  for (const format of ['Legacy', 'Both'])
    it(`P21 gets a signature of the form ${format} as a bundle where an image brings its own`, async () => {
      const image = await path.push('quarantine/app', '1.0.0');
      const tag = `${image.digest.replace(':', '-')}.sig`;
      const layer = {
        mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
        bytes: '{"x":1}',
        annotations: { 'dev.cosignproject.cosign/signature': 'AAAA' },
      };
      await pushImage({ ...path.place('quarantine/app'), tag }, { layers: [layer], salt: 'sig' });
      fixture.registry.intercept(immutable(/golden/, failure(400, 'TAG_INVALID')));
      const spec = path.promote({ sign: { ...sign, format } });
      const outcome = await fixture.run({ spec, secrets });
      expect(decisions(outcome)).to.deep.equal([['1.0.0', 'Promoted']]);
      expect(outcome.results[0]?.message).to.include('signed by a bundle beside it only');
      const policy = fixture.policy({
        match: { images: ['**'] },
        authorities: [{ name: 'golden', key: { pem: key.publicPem } }],
        require: { signatures: { from: ['golden'] } },
      });
      const judged = await fixture.judge(`${fixture.registry.host}/golden/app:1.0.0`, [policy]);
      expect(judged).to.deep.equal({ kind: 'allow', reasons: [] });
      const again = await fixture.run({ spec, secrets });
      expect(decisions(again)).to.deep.equal([['1.0.0', 'UpToDate']]);
    });

  /** Pushes an image, and returns what replaces its `.sig` tag by one with this signature. */
  const pushSigned = async (repository: string) => {
    const image = await path.push(repository, '1.0.0');
    const at = { ...path.place(repository), tag: `${image.digest.replace(':', '-')}.sig` };
    return (signature: string) =>
      pushImage(at, {
        layers: [
          {
            mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
            bytes: '{"x":1}',
            annotations: { 'dev.cosignproject.cosign/signature': signature },
          },
        ],
        salt: signature,
      });
  };

  it('P21 a signature that cannot be carried keeps its source from being deleted', async () => {
    const signed = await pushSigned('quarantine/app');
    await signed('AAAA');
    fixture.registry.intercept(immutable(/golden/, failure(400, 'TAG_INVALID')));
    await fixture.run({ spec: path.promote({}) });
    await signed('BBBB');
    const late = { attachments: { late: true } };
    const outcome = await fixture.run({ spec: { ...path.promote({ deleteSource: true }), ...late } });
    expect(outcome.results[0]?.message).to.include('does not let a tag of cosign be replaced');
    expect(fixture.registry.requests.filter(({ method }) => method === 'DELETE')).to.deep.equal([]);
  });

  it('P21 keeps the signatures that it has where the source has more by now', async () => {
    const signed = await pushSigned('public/app');
    await signed('AAAA');
    fixture.registry.intercept(immutable(/quarantine/, failure(400, 'TAG_INVALID')));
    const spec = path.mirror({ attachments: { late: true }, mirror: { history: false } });
    expect(decisions(await fixture.run({ spec }))).to.deep.equal([['1.0.0', 'Mirrored']]);
    await signed('BBBB');
    const outcome = await fixture.run({ spec });
    expect(decisions(outcome)).to.deep.equal([['1.0.0', 'UpToDate']]);
    expect(outcome.results[0]?.message).to.include('.sig stays as it is');
    expect(outcome.results[0]?.attachments.leftByRule).to.equal(1);
  });
});
