import { expect } from 'chai';
import { digestOf, type Descriptor } from '../../../src/core/model/index.ts';
import { startRegistry, type EmbeddedRegistry } from '../../support/registry/index.ts';
import { answer, redirect, refuse } from '../../support/registry/misbehave.ts';
import { pushBlob } from '../../support/registry/push.ts';
import { client, closeClients, faultOf, patient, tagged } from './client.ts';

describe('reading blobs', () => {
  let registry: EmbeddedRegistry;
  let store: EmbeddedRegistry;
  before(async () => {
    registry = await startRegistry();
    store = await startRegistry();
  });
  after(() => Promise.all([registry.close(), store.close()]));
  afterEach(async () => {
    registry.reset();
    store.reset();
    await closeClients();
  });

  const text = 'a small payload';
  const payload: Descriptor = {
    mediaType: 'text/plain',
    digest: digestOf(text),
    size: text.length,
    annotations: {},
  };
  const read = (descriptor = payload, maxBytes = 1_000): Promise<Uint8Array | undefined> =>
    client().blob(tagged(registry), descriptor, maxBytes, patient());
  const push = (to: EmbeddedRegistry, bytes: string): Promise<unknown> =>
    pushBlob({ registry: to.host, repository: 'shop/web' }, { mediaType: 'text/plain', bytes });

  it('returns the bytes', async () => {
    await push(registry, text);
    expect(Buffer.from((await read()) ?? []).toString()).to.equal(text);
  });

  it('returns the bytes of an empty blob', async () => {
    await push(registry, '');
    expect((await read({ ...payload, digest: digestOf(''), size: 0 }))?.byteLength).to.equal(0);
  });

  it('returns undefined for a missing blob', async () => {
    expect(await read()).to.equal(undefined);
  });

  it('follows a redirect to a blob store', async () => {
    await push(store, text);
    registry.intercept(redirect('/blobs/', ({ url }) => `${store.url}${url.pathname}?X-Signature=secret`));
    expect(Buffer.from((await read()) ?? []).toString()).to.equal(text);
  });

  it('H01 does not request a blob that is declared larger than the limit', async () => {
    const from = registry.requests.length;
    await faultOf(read({ ...payload, size: 1_001 }), 'LimitExceeded');
    expect(registry.requests.length).to.equal(from);
  });

  it('H01 refuses a blob with another size than declared', async () => {
    await push(registry, text);
    await faultOf(read({ ...payload, size: text.length - 1 }), 'RegistryMisbehaved');
    await faultOf(read({ ...payload, size: text.length + 1 }), 'RegistryMisbehaved');
    await faultOf(read({ ...payload, size: 1 }, text.length - 1), 'LimitExceeded');
  });

  it('T03 refuses bytes that do not match the digest', async () => {
    registry.intercept(answer('/blobs/', { status: 200, body: text.toUpperCase() }));
    await faultOf(read(), 'RegistryMisbehaved');
  });

  it('does not show the query of a redirect in its message', async () => {
    registry.intercept(redirect('/blobs/', () => `${store.url}/gone?X-Signature=secret`));
    store.intercept(refuse('/gone', 403));
    const fault = await faultOf(read(), 'RegistryDenied');
    expect(`${fault.message} ${String(fault.cause)}`).to.not.include('secret');
  });
});
