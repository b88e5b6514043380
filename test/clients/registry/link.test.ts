import { expect } from 'chai';
import { MAX_REFERRER_PAGES, MAX_REFERRERS } from '../../../src/clients/registry/referrers.ts';
import { all, answer, refuse } from '../../support/registry/misbehave.ts';
import { pushManifest, pushReferrer } from '../../support/registry/push.ts';
import { closeClients, faultOf } from './client.ts';
import { closeRegistries, entry, list, NOTE, OCI_INDEX, page, start, target } from './registry-fixture.ts';

describe('pages of referrers', () => {
  afterEach(async () => {
    await closeClients();
    await closeRegistries();
  });

  it('H02 follows pages', async () => {
    const { registry, image } = await start({ referrersPageSize: 2 });
    for (const n of ['1', '2', '3', '4', '5']) {
      await pushReferrer(target(registry), { subject: image, artifactType: NOTE, annotations: { n } });
    }
    expect(await list(registry, image.digest)).to.have.length(5);
  });

  it('H02 finds the next page among several links and headers', async () => {
    const { registry, image } = await start();
    const links = [
      '<https://example.com/a,b>; rel="help", </v2/x>; rel=prev',
      '<?page=2>; title="x"; rel="last next"',
    ];
    const first = page([entry(1)]);
    registry.intercept(
      all(
        answer('?page=2', page([entry(2)])),
        answer('/referrers/', { ...first, headers: { ...first.headers, link: links } }),
      ),
    );
    expect(await list(registry, image.digest)).to.have.length(2);
  });

  it('H02 refuses too many entries in one page', async () => {
    const { registry, image } = await start();
    registry.intercept(answer('/referrers/', page(Array.from({ length: 10_000 }, (_, n) => entry(n)))));
    const fault = await faultOf(list(registry, image.digest), 'LimitExceeded');
    expect(fault.detail).to.include(String(MAX_REFERRERS));
  });

  it('H05 refuses too many entries under the fallback tag, including broken ones', async () => {
    const { registry, image } = await start({ referrersApi: false });
    const manifests = Array.from({ length: MAX_REFERRERS + 1 }, () => ({}));
    const tag = image.digest.replace(':', '-');
    await pushManifest({ ...target(registry), tag }, { schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    await faultOf(list(registry, image.digest), 'LimitExceeded');
  });

  it('H02 ends endless pages at the limit', async () => {
    const { registry, image } = await start();
    let n = 0;
    registry.intercept(({ url }) => {
      n += 1;
      return page([entry(n)], { link: `<${url.pathname}?page=${String(n)}>; rel="next"` });
    });
    await faultOf(list(registry, image.digest), 'LimitExceeded');
    expect(n).to.equal(MAX_REFERRER_PAGES);
  });

  it('H02 detects a cycle of pages', async () => {
    const { registry, image } = await start();
    registry.intercept(({ url }) => {
      const next = url.search === '?a' ? '?b' : '?a';
      return page([entry(1)], { link: `<${url.pathname}${next}>; rel="next"` });
    });
    await faultOf(list(registry, image.digest), 'RegistryMisbehaved');
  });

  it('H02 does not follow a page to another host, scheme or repository', async () => {
    const { registry, image } = await start();
    const { registry: other } = await start();
    const before = other.requests.length;
    const elsewhere = [
      `${other.url}/v2/shop/web/referrers/${image.digest}?page=2`,
      `http://user@${registry.host}/v2/shop/web/referrers/${image.digest}?page=2`,
      `//${other.host}/v2/shop/web/referrers/${image.digest}?page=2`,
      `https://${registry.host}/v2/shop/web/referrers/${image.digest}?page=2`,
      `/v2/shop/other/referrers/${image.digest}`,
      `/v2/shop/web/../other/referrers/${image.digest}`,
      `/v2/shop/web/..%2fother/referrers/${image.digest}`,
      `/v2/shop/web/x%5C..%5C..%5Cother/referrers/${image.digest}`,
      'http://169.254.169.254/v2/shop/web/',
    ];
    for (const link of elsewhere) {
      registry.intercept(answer('/referrers/', page([entry(1)], { link: `<${link}>; rel="next"` })));
      await faultOf(list(registry, image.digest), 'UntrustedEndpoint');
    }
    expect(other.requests.length).to.equal(before);
  });

  it('H02 does not treat a missing or failing page as the end', async () => {
    const { registry, image } = await start();
    const first = page([entry(1)], { link: '<?page=2>; rel="next"' });
    registry.intercept(all(refuse('?page=2', 404), answer('/referrers/', first)));
    await faultOf(list(registry, image.digest), 'RegistryMisbehaved');
    registry.intercept(all(refuse('?page=2', 500), answer('/referrers/', first)));
    await faultOf(list(registry, image.digest), 'RegistryUnavailable');
  });
});
