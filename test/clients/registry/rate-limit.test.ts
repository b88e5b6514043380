import { expect } from 'chai';
import { MAX_PAUSE_MS, MAX_REST_MS } from '../../../src/clients/registry/pause.ts';
import { amend, firstTimes, refuse } from '../../support/registry/misbehave.ts';
import { client, faultOf, patient, tagged } from './client.ts';
import {
  closeAfterEach,
  openRegistry,
  openRegistries,
  log,
  posting,
  reading,
  transferOf,
} from './two-registries.ts';

describe('the pause that a registry requests', () => {
  closeAfterEach();

  const ROWS = [
    [{}, 0],
    [{ 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' }, 0],
    [{ 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '10;w=21600' }, 0],
    [{ 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '9;w=21600' }, MAX_REST_MS],
    [{ 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=60' }, 60_000],
    [{ 'ratelimit-remaining': '0;w=120' }, 120_000],
    [{ 'ratelimit-remaining': '0', 'ratelimit-reset': '30' }, 30_000],
    [{ 'ratelimit-remaining': '0' }, 60_000],
    [{ 'ratelimit-remaining': '1' }, 0],
    [{ 'ratelimit-limit': '10;w=60', 'ratelimit-remaining': '2;w=60' }, 0],
    [{ 'ratelimit-limit': '10;w=60', 'ratelimit-remaining': '0;w=60' }, 60_000],
    [{ 'ratelimit-remaining': 'plenty' }, 0],
    [{ 'retry-after': '30' }, 0],
    [{ ratelimit: 'limit=100, remaining=5, reset=30' }, 30_000],
    [{ ratelimit: 'limit=100, remaining=50, reset=30' }, 0],
    [{ ratelimit: '"hub";r=5;t=30', 'ratelimit-policy': '"hub";q=100;w=3600' }, 30_000],
    [{ ratelimit: '"day";r=900;t=3600, "minute";r=0;t=20' }, 20_000],
    [{ ratelimit: '"hub";r=50;t=30' }, 0],
    [{ ratelimit: 'plenty' }, 0],
    [{ 'x-ratelimit-limit': '5000', 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': '40' }, 40_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '9999999999' }, MAX_REST_MS],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1000000001' }, 0],
  ] as const;
  for (const [headers, ms] of ROWS) {
    it(`is ${String(ms)} ms after ${JSON.stringify(headers)}`, async () => {
      const registry = await openRegistry();
      let now = Date.now();
      const one = client({ now: () => new Date(now) });
      expect(await one.restMs(tagged(registry), patient())).to.equal(0);
      registry.intercept(amend('', (reply) => ({ ...reply, headers: { ...reply.headers, ...headers } })));
      await one.tagDigest(tagged(registry), patient());
      expect(await one.restMs(tagged(registry), patient())).to.equal(ms);
      expect(
        await one
          .as({ scope: 'acme', keychain: () => Promise.resolve(undefined) })
          .restMs(tagged(registry), patient()),
      ).to.equal(ms);
      now += ms;
      expect(await one.restMs(tagged(registry), patient())).to.equal(0);
    });
  }

  it('ends when a response has enough remaining requests again', async () => {
    const registry = await openRegistry();
    const one = client();
    registry.intercept(
      firstTimes(
        1,
        '',
        amend('', (reply) => ({ ...reply, headers: { 'ratelimit-remaining': '0' } })),
      ),
    );
    await one.tagDigest(tagged(registry), patient());
    registry.intercept(amend('', (reply) => ({ ...reply, headers: { 'ratelimit-remaining': '50' } })));
    await one.tagDigest(tagged(registry), patient());
    expect(await one.restMs(tagged(registry), patient())).to.equal(0);
  });

  it('is as long as a 429 requests, up to a limit', async () => {
    const registry = await openRegistry();
    const now = Date.now();
    const one = client({ now: () => new Date(now) });
    for (const [asked, ms] of [
      ['90', 90_000],
      ['86400', MAX_REST_MS],
    ] as const) {
      const view = client({ now: () => new Date(now) });
      registry.intercept(refuse('', 429, { 'retry-after': asked }));
      await faultOf(view.tagDigest(tagged(registry), patient()), 'RegistryRateLimited');
      expect(await view.restMs(tagged(registry), patient())).to.equal(ms);
    }
    expect(await one.restMs(tagged(registry), patient())).to.equal(0); // each client counts for itself
  });

  it('does not stop an admission: reads continue', async () => {
    const registry = await openRegistry();
    const one = client();
    registry.intercept(amend('', (reply) => ({ ...reply, headers: { 'ratelimit-remaining': '0' } })));
    for (const tag of ['1.0', '1.1']) {
      expect(await one.tagDigest(tagged(registry, tag), patient())).to.equal(undefined);
    }
    expect(registry.requests).to.have.length(2);
  });
});

describe('a transfer', () => {
  closeAfterEach();

  it('waits for a pause that is too long for an admission', async () => {
    const at = await openRegistries();
    at.source.intercept(firstTimes(1, reading, refuse('', 429, { 'retry-after': '3' })));
    expect(await client().transferBlob(transferOf(at), patient())).to.equal('copied');
    expect(log(at.source)).to.deep.equal(['GET blobs 429', 'GET blobs 200']);
  });

  it('does not wait longer than the longest pause', async () => {
    const at = await openRegistries();
    const over = String(MAX_PAUSE_MS / 1_000 + 1);
    at.target.intercept(refuse(posting, 429, { 'retry-after': over }));
    const fault = await faultOf(client().transferBlob(transferOf(at), patient()), 'RegistryRateLimited');
    expect([fault.side, fault.transient]).to.deep.equal(['target', true]);
    expect(log(at.target)).to.deep.equal(['POST uploads 429']);
  });
});
