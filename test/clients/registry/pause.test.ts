import { expect } from 'chai';
import { retryAfterMs } from '../../../src/clients/registry/pause.ts';
import type { EmbeddedRegistry } from '../../support/registry/index.ts';
import { firstTimes, refuse } from '../../support/registry/misbehave.ts';
import { client, faultOf, patient, tagged, useRegistry } from './client.ts';

describe('Retry-After', () => {
  const now = new Date('2026-11-23T12:00:00Z');
  const TABLE = [
    [undefined, undefined],
    ['0', 0],
    ['2', 2_000],
    [' 3 ', 3_000],
    ['Mon, 23 Nov 2026 12:00:05 GMT', 5_000],
    ['Mon, 23 Nov 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    ['', undefined],
  ] as const;
  for (const [value, ms] of TABLE) {
    it(`reads ${String(value)} as ${String(ms)}`, () => {
      expect(retryAfterMs(value, now)).to.equal(ms);
    });
  }
});

describe('registries that request a pause', () => {
  let registry: EmbeddedRegistry;
  useRegistry((started) => (registry = started));
  const statuses = (): number[] => registry.requests.map(({ status }) => status);

  for (const status of [429, 503]) {
    it(`H09 sends once more after a short pause on ${String(status)}`, async () => {
      registry.intercept(firstTimes(1, '/v2/', refuse('', status, { 'retry-after': '1' })));
      const began = performance.now();
      expect(await client().manifest(tagged(registry), patient())).to.equal(undefined);
      expect(performance.now() - began).to.be.at.least(950);
      expect(statuses()).to.deep.equal([status, 404]);
    });

    it(`H09 sends at most once more on ${String(status)}`, async () => {
      registry.intercept(refuse('/v2/', status, { 'retry-after': '0' }));
      const code = status === 429 ? 'RegistryRateLimited' : 'RegistryUnavailable';
      await faultOf(client().manifest(tagged(registry), patient()), code);
      expect(statuses()).to.deep.equal([status, status]);
    });

    it(`H09 does not try again on ${String(status)} without Retry-After, or with a long one`, async () => {
      const code = status === 429 ? 'RegistryRateLimited' : 'RegistryUnavailable';
      registry.intercept(refuse('/v2/', status));
      expect((await faultOf(client().manifest(tagged(registry), patient()), code)).transient).to.equal(true);
      registry.intercept(refuse('/v2/', status, { 'retry-after': '3600' }));
      await faultOf(client().manifest(tagged(registry), patient()), code);
      expect(statuses()).to.deep.equal([status, status]);
    });
  }

  it('H09 delays all calls to the host after a 429, for a minute at most', async () => {
    let now = Date.now();
    const one = client({ now: () => new Date(now) });
    registry.intercept(refuse('/v2/', 429, { 'retry-after': '86400' }));
    await faultOf(one.manifest(tagged(registry), patient()), 'RegistryRateLimited');
    registry.intercept(undefined);
    await faultOf(one.tags(tagged(registry, '1.0', 'shop/other'), patient()), 'RegistryRateLimited');
    expect(registry.requests).to.have.length(1);
    now += 60_001;
    expect(await one.manifest(tagged(registry), patient())).to.equal(undefined);
  });

  it('H09 lets other calls wait for a short pause', async () => {
    const one = client();
    registry.intercept(firstTimes(1, '/v2/', refuse('', 429, { 'retry-after': '1' })));
    const first = one.manifest(tagged(registry), patient());
    await new Promise((resolve) => setTimeout(resolve, 100));
    const second = one.manifest(tagged(registry, '1.1'), patient());
    expect(await Promise.all([first, second])).to.deep.equal([undefined, undefined]);
    expect(statuses()).to.deep.equal([429, 404, 404]);
  });

  it('H09 ends a pause with the signal of the caller', async () => {
    registry.intercept(refuse('/v2/', 429, { 'retry-after': '2' }));
    const ending = new AbortController();
    const asked = faultOf(client().manifest(tagged(registry), ending.signal), 'DeadlineExceeded');
    while (registry.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    ending.abort();
    await asked;
    expect(statuses(), 'it did not sit the pause out and try again').to.deep.equal([429]);
  });
});
