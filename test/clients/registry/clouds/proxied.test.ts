import { expect } from 'chai';
import { startProxy, type ForwardProxy } from '../../../support/registry/proxy.ts';
import { proxiesOf } from '../../http/proxies.ts';
import { ECR_HOST, useClouds } from './clouds-fixture.ts';

describe('clouds behind a proxy', () => {
  const { aws, environment, google, keychain } = useClouds();
  let proxy: ForwardProxy;
  let options: object;
  beforeEach(async () => {
    proxy = await startProxy({ route: () => undefined });
    const { proxies } = await proxiesOf({ HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url });
    options = { proxies, resolve: () => Promise.resolve(['169.254.169.254']), dial: () => '127.0.0.1' };
  });
  afterEach(() => proxy.close());
  const fails = async (registry: string, identity: object): Promise<void> => {
    const find = keychain([identity as ReturnType<typeof aws>], options);
    const asked = find({ registry, repository: 'shop/web' }, AbortSignal.timeout(5_000));
    expect(await asked.catch(() => 'failed')).to.equal('failed');
  };

  it('are asked through it', async () => {
    await fails(
      ECR_HOST,
      aws({ endpoints: { sts: 'https://sts.example.com/', ecr: 'https://ecr.example.com/' } }),
    );
    expect(new Set(proxy.seen)).to.deep.equal(new Set(['CONNECT sts.example.com:443']));
  });

  it('N19 are not asked through it for what only this node has: the metadata server', async () => {
    environment('GCE_METADATA_HOST', 'metadata.google.internal');
    const identity = google({ metadataServer: true });
    await fails('gcr.io', identity);
    expect(proxy.seen).to.deep.equal([]);
  });
});
