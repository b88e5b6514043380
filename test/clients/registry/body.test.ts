import { expect } from 'chai';
import { gzipSync } from 'node:zlib';
import { digestOf } from '../../../src/core/model/index.ts';
import { startRegistry, type EmbeddedRegistry } from '../../support/registry/index.ts';
import { answer, endlessBody, hangUp, silence, slowDrip } from '../../support/registry/misbehave.ts';
import { client, faultOf, patient, pinned, tagged, useRegistry } from './client.ts';

describe('H01 bodies of a hostile registry', () => {
  let registry: EmbeddedRegistry;
  useRegistry((started) => (registry = started));

  it('H01 ends an endless manifest at the limit', async () => {
    registry.intercept(endlessBody('/manifests/'));
    const fault = await faultOf(client().manifest(tagged(registry), patient()), 'LimitExceeded');
    expect(fault.transient).to.equal(false);
  });

  it('H01 ends an endless referrers page, tag page, blob and token at the limit', async () => {
    const type = 'application/vnd.oci.image.index.v1+json';
    registry.intercept(endlessBody('/v2/', { 'content-type': type }));
    const image = pinned(registry, digestOf('x'));
    const blob = { mediaType: 'a/b', digest: digestOf('x'), size: 10, annotations: {} };
    await faultOf(client().referrers(image, patient()), 'LimitExceeded');
    await faultOf(client().tags(image, patient()), 'LimitExceeded');
    await faultOf(client().blob(image, blob, 1_000, patient()), 'LimitExceeded');
    registry.intercept((request, handle) =>
      request.url.pathname === '/token'
        ? endlessBody('/token')(request, handle)
        : { status: 401, headers: { 'www-authenticate': `Bearer realm="${registry.url}/token"` } },
    );
    await faultOf(client().tags(image, patient()), 'LimitExceeded');
  });

  it('H01 does not read a body whose declared length is over the limit', async () => {
    registry.intercept(endlessBody('/manifests/', { 'content-length': String(5 * 1024 * 1024) }));
    await faultOf(client().manifest(tagged(registry), patient()), 'LimitExceeded');
  });

  it('H01 treats a body shorter than declared as a broken connection', async () => {
    async function* short(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from('{}'));
    }
    registry.intercept(
      answer('/manifests/', { status: 200, headers: { 'content-length': '9' }, body: short() }),
    );
    await faultOf(
      client({ requestTimeoutMs: 300 }).manifest(tagged(registry), patient()),
      'RegistryUnavailable',
    );
  });

  it('H01 ends a slow drip with the time limit of the request', async () => {
    registry.intercept(slowDrip('/manifests/', 20));
    const slow = client({ requestTimeoutMs: 150 });
    const fault = await faultOf(slow.manifest(tagged(registry), patient()), 'RegistryUnavailable');
    expect(fault.transient).to.equal(true);
  });

  it('H01 ends a slow drip with the signal of the caller', async () => {
    registry.intercept(slowDrip('/manifests/', 20));
    const fault = await faultOf(
      client().manifest(tagged(registry), AbortSignal.timeout(100)),
      'DeadlineExceeded',
    );
    expect(fault.transient).to.equal(true);
  });

  it('H01 ends waiting for a silent registry with the time limit and with the signal', async () => {
    registry.intercept(silence('/manifests/'));
    await faultOf(client().manifest(tagged(registry), AbortSignal.timeout(50)), 'DeadlineExceeded');
    await faultOf(client().manifest(tagged(registry), AbortSignal.abort()), 'DeadlineExceeded');
    await faultOf(
      client({ requestTimeoutMs: 50 }).manifest(tagged(registry), patient()),
      'RegistryUnavailable',
    );
  });

  it('H01 refuses a compressed body instead of unpacking it', async () => {
    const bomb = gzipSync(Buffer.alloc(1024 * 1024));
    const headers = { 'content-encoding': 'gzip' };
    registry.intercept(answer('/manifests/', { status: 200, headers, body: bomb }));
    const fault = await faultOf(client().manifest(tagged(registry), patient()), 'RegistryMisbehaved');
    expect(fault.detail).to.match(/compressed/);
  });

  it('H03 survives deep JSON nesting and huge annotations', async () => {
    const deep = `{"schemaVersion":2,"annotations":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    registry.intercept(answer('/manifests/', { status: 200, body: deep }));
    await faultOf(client().manifest(tagged(registry), patient()), 'RegistryMisbehaved');
    const huge = JSON.stringify({ schemaVersion: 2, annotations: { a: 'x'.repeat(5_000_000) } });
    registry.intercept(answer('/manifests/', { status: 200, body: huge }));
    await faultOf(client().manifest(tagged(registry), patient()), 'LimitExceeded');
  });

  it('reports a registry that does not exist, or closes the connection, as unavailable', async () => {
    registry.intercept(hangUp('/manifests/'));
    await faultOf(client().manifest(tagged(registry), patient()), 'RegistryUnavailable');
    const gone = await startRegistry();
    await gone.close();
    const fault = await faultOf(client().manifest(tagged(gone), patient()), 'RegistryUnavailable');
    expect(fault).to.include({ transient: true });
    expect(fault.detail).to.match(/ECONNREFUSED/);
  });

  it('works after all of these failures, with one connection', async () => {
    const one = client({ concurrencyPerHost: 1, requestTimeoutMs: 250 });
    for (const sick of [endlessBody('/'), slowDrip('/', 20), silence('/'), hangUp('/')]) {
      registry.intercept(sick);
      await one.manifest(tagged(registry), patient()).catch(() => undefined);
      await one.tagDigest(tagged(registry), patient()).catch(() => undefined);
    }
    registry.intercept(undefined);
    // A busy machine may take longer than this client waits; a connection that was not released is never available again.
    const well = async () => one.manifest(tagged(registry), patient()).catch(() => 'not yet');
    let outcome = await well();
    for (let tries = 0; outcome === 'not yet' && tries < 20; tries += 1) outcome = await well();
    expect(outcome).to.equal(undefined);
  });
});
