import { expect } from 'chai';
import { refuse } from '../../../support/registry/misbehave.ts';
import { always, client, patient, tagged } from '../client.ts';
import { closeAfterEach, openRegistry, openRegistries, log, transferOf } from '../two-registries.ts';

describe('mounting a blob', () => {
  closeAfterEach();

  it('is one request and its proof within a registry', async () => {
    const at = await openRegistries();
    const to = tagged(at.source, '1.0', 'gold/web');
    expect(await client().transferBlob(transferOf(at, { to }), patient())).to.equal('mounted');
    expect(log(at.source)).to.deep.equal(['POST mount 201', 'HEAD blobs 200']);
    expect(at.source.requests[0]?.path).to.equal(
      `/v2/gold/web/blobs/uploads/?mount=${encodeURIComponent(at.blob.digest)}&from=shop%2Fweb`,
    );
  });

  it('continues with the upload that the registry starts instead', async () => {
    const at = await openRegistries();
    at.source.intercept((request, handle) => {
      request.url.searchParams.delete('mount');
      return handle(request);
    });
    const to = tagged(at.source, '1.0', 'gold/web');
    expect(await client().transferBlob(transferOf(at, { to }), patient())).to.equal('copied');
    expect(log(at.source)).to.deep.equal(['POST uploads 202', 'GET blobs 200', 'PUT uploads 201']);
  });

  for (const status of [400, 401, 403, 404, 405]) {
    it(`is replaced by an upload when it is refused with ${String(status)}`, async () => {
      const at = await openRegistries();
      at.source.intercept(refuse('?mount=', status));
      const to = tagged(at.source, '1.0', 'gold/web');
      expect(await client().transferBlob(transferOf(at, { to }), patient())).to.equal('copied');
      expect(log(at.source).toSorted()).to.deep.equal([
        'GET blobs 200',
        `POST mount ${String(status)}`,
        'POST uploads 202',
        'PUT uploads 201',
      ]);
    });
  }

  it('uses a repository to which this client has copied the blob before', async () => {
    const at = await openRegistries();
    const one = client();
    await one.transferBlob(transferOf(at), patient());
    const to = tagged(at.target, '1.0', 'gold/other');
    expect(await one.transferBlob(transferOf(at, { to }), patient())).to.equal('mounted');
    expect(log(at.source)).to.have.length(1);
    expect(log(at.target)).to.deep.equal([
      'POST uploads 202',
      'PUT uploads 201',
      'POST mount 201',
      'HEAD blobs 200',
    ]);
  });

  it('is not tried twice from a repository that lost the blob', async () => {
    const at = await openRegistries();
    const one = client();
    await one.transferBlob(transferOf(at), patient());
    at.target.reset();
    for (const repository of ['gold/b', 'gold/c']) {
      const to = tagged(at.target, '1.0', repository);
      const arrival = await one.transferBlob(transferOf(at, { to }), patient());
      expect(arrival).to.equal(repository === 'gold/b' ? 'copied' : 'mounted');
    }
    expect(log(at.target)).to.deep.equal([
      'POST mount 202',
      'PUT uploads 201',
      'POST mount 201',
      'HEAD blobs 200',
    ]);
  });

  it('requests a token that reads one repository and writes the other, and reuses it', async () => {
    const auth = { kind: 'bearer', username: 'acme', password: 'p' } as const;
    const at = await openRegistries();
    const registry = await openRegistry({ auth });
    const one = client({ keychain: always({ kind: 'password', username: 'acme', password: 'p' }) });
    const to = (repository: string) => tagged(registry, '1.0', repository);
    await one.pushBlob(to('shop/web'), at.bytes, patient());
    const source = { blob: at.blob, source: one, from: to('shop/web'), maybeThere: false };
    registry.forgetLog();
    expect(await one.transferBlob({ ...source, to: to('gold/web') }, patient())).to.equal('mounted');
    const [token] = registry.requests;
    expect(new URL(token?.path ?? '', registry.url).searchParams.getAll('scope')).to.deep.equal([
      'repository:gold/web:pull,push',
      'repository:shop/web:pull',
    ]);
    expect(registry.requests.map(({ status }) => status)).to.deep.equal([200, 201, 200]);
  });

  it('is replaced by an upload when this login may not mount', async () => {
    const at = await openRegistries();
    const auth = { kind: 'bearer' } as const;
    const registry = await openRegistry({ auth });
    const one = client();
    const to = (repository: string) => tagged(registry, '1.0', repository);
    await one.pushBlob(to('shop/web'), at.bytes, patient());
    registry.intercept((request, handle) => {
      // A token service that grants less than requested, as many do.
      request.url.searchParams.delete('scope', 'repository:shop/web:pull');
      return handle(request);
    });
    const transfer = { ...transferOf(at), from: to('shop/web'), to: to('gold/web') };
    const reader = { openBlob: () => Promise.resolve(pieces(at.bytes)) };
    expect(await one.transferBlob({ ...transfer, source: reader }, patient())).to.equal('copied');
  });
});

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
