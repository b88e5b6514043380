import { expect } from 'chai';
import type { EmbeddedRegistry } from '../../support/registry/index.ts';
import { answer, refuse } from '../../support/registry/misbehave.ts';
import { pushImage, pushTag } from '../../support/registry/push.ts';
import { MAX_TAG_PAGES } from '../../../src/clients/registry/tags.ts';
import { client, faultOf, patient, tagged, useRegistry } from './client.ts';

describe('listing tags', () => {
  let registry: EmbeddedRegistry;
  useRegistry((started) => (registry = started));
  const list = (): Promise<readonly string[] | undefined> => client().tags(tagged(registry), patient());
  const answerTags = (tags: unknown): void => {
    registry.intercept(answer('/tags/list', { status: 200, body: JSON.stringify({ name: 'x', tags }) }));
  };

  it('returns all tags from several pages', async () => {
    const target = { registry: registry.host, repository: 'shop/web' };
    const image = await pushImage(target);
    for (const tag of ['1.0', '1.1', '1.2', '2.0', 'latest']) await pushTag(target, tag, image);
    let small = true;
    registry.intercept(({ url }) => {
      if (!small) return undefined;
      small = false;
      return { status: 307, headers: { location: `${url.pathname}?n=2` } };
    });
    expect(await list()).to.deep.equal(['1.0', '1.1', '1.2', '2.0', 'latest']);
    expect(registry.requests.filter(({ path }) => path.includes('?n=2'))).to.have.length(3);
  });

  it('returns undefined for a missing repository', async () => {
    expect(await list()).to.equal(undefined);
  });

  it('keeps the order of the registry, each tag once', async () => {
    answerTags(['b', 'a', 'b']);
    expect(await list()).to.deep.equal(['b', 'a']);
  });

  it('reads null and a missing list as no tags', async () => {
    answerTags(null);
    expect(await list()).to.deep.equal([]);
    answerTags(undefined);
    expect(await list()).to.deep.equal([]);
  });

  it('leaves out invalid tags', async () => {
    answerTags(['ok', 7, null, '../x', '', 'a\nb', 'x'.repeat(129)]);
    expect(await list()).to.deep.equal(['ok']);
  });

  it('refuses a list that cannot be read', async () => {
    answerTags('1.0');
    await faultOf(list(), 'RegistryMisbehaved');
    registry.intercept(refuse('/tags/list', 403));
    await faultOf(list(), 'RegistryDenied');
  });

  it('H02 ends endless pages at the limit, and does not leave the repository', async () => {
    let n = 0;
    registry.intercept(({ url }) => {
      n += 1;
      const headers = { link: `<${url.pathname}?last=${String(n)}>; rel="next"` };
      return { status: 200, headers, body: JSON.stringify({ tags: [`t${String(n)}`] }) };
    });
    await faultOf(list(), 'LimitExceeded');
    expect(n).to.equal(MAX_TAG_PAGES);
    const headers = { link: '<http://127.0.0.2:1/v2/shop/web/tags/list?last=x>; rel="next"' };
    registry.intercept(answer('/tags/list', { status: 200, headers, body: '{"tags":["a"]}' }));
    // It goes on here, and not there: the same answer again.
    await faultOf(list(), 'RegistryMisbehaved');
  });

  it('H02 refuses more tags than the limit', async () => {
    answerTags(Array.from({ length: 50_001 }, (_, n) => `t${String(n)}`));
    await faultOf(list(), 'LimitExceeded');
  });
});
