import { expect } from 'chai';
import type { RegistryOptions } from '../../../../src/clients/registry/index.ts';
import type { EmbeddedRegistry } from '../../../support/registry/index.ts';
import { all, answer, redirect } from '../../../support/registry/misbehave.ts';
import { createAuthority } from '../../../support/certificates.ts';
import { always, client, faultOf, patient, tagged } from '../client.ts';
import {
  closeAfterEach,
  log,
  openRegistries,
  openRegistry,
  posting,
  reading,
  transferOf,
} from '../two-registries.ts';

const EVIL = 'evil.example.com';
const INSIDE = 'inside.example.com';
const MIDDLE = 'middle.example.com';
const PUBLIC = '203.0.113.66';

/** The same port under another name. */
function under(name: string, { host }: Pick<EmbeddedRegistry, 'host'>): string {
  return host.replace('127.0.0.1', name);
}

/** Options under which names have these addresses, each of which is in truth the loopback address. */
function addressed(table: Readonly<Record<string, readonly string[]>>): Partial<RegistryOptions> {
  return { resolve: (name) => Promise.resolve(table[name] ?? []), dial: () => '127.0.0.1' };
}

/** Paths that were asked for at an address that only a redirect or a location names. */
function insideOf({ requests }: EmbeddedRegistry): string[] {
  return requests.map(({ path }) => path).filter((path) => path.startsWith('/inside'));
}

describe('what a promotion reaches', () => {
  closeAfterEach();

  /**
   * A hostile source and target under a public name, plain http to all of them, and a name for an internal service. That is on the ports of
   * the registries, so that its address alone decides.
   */
  async function lab(inside: readonly string[], own: readonly string[] = [PUBLIC]) {
    const at = await openRegistries({ size: 41 });
    const hosts = [EVIL, INSIDE, MIDDLE].flatMap((name) => [under(name, at.source), under(name, at.target)]);
    const bring = (more: Partial<RegistryOptions> = {}) => {
      const one = client({
        ...addressed({ [EVIL]: own, [INSIDE]: inside, [MIDDLE]: [PUBLIC] }),
        insecureHosts: hosts,
        ...more,
      });
      const [from, to] = [{ host: under(EVIL, at.source) }, { host: under(EVIL, at.target) }];
      const transfer = { source: one, from: tagged(from), to: tagged(to, '1.0', 'gold/web') };
      return one.transferBlob(transferOf(at, transfer), patient());
    };
    at.source.intercept(
      all(
        redirect(reading, () => `http://${under(INSIDE, at.source)}/inside/credentials`),
        answer('/inside', { status: 200, body: at.bytes }),
      ),
    );
    return { ...at, bring };
  }

  const PLACES: readonly (readonly string[])[] = [
    ['169.254.169.254'],
    ['127.0.0.1'],
    ['::1'],
    ['10.96.0.1'],
    ['::ffff:10.0.0.1'],
    ['64:ff9b::a00:1'],
    ['fd00:ec2::254'],
    ['203.0.113.5', '10.0.0.1'],
  ];
  for (const place of PLACES) {
    it(`N08 is nothing at ${place.join(' and ')} by a redirect of a download`, async () => {
      const { source, target, bring } = await lab(place);
      const fault = await faultOf(bring(), 'UntrustedEndpoint');
      expect(fault.message).to.include(INSIDE).and.include('registries.allowedAddresses');
      expect(insideOf(source)).to.deep.equal([]);
      expect(log(target).filter((line) => /^(?:PUT|PATCH)/.test(line))).to.deep.equal([]);
    });

    it(`N08 is nothing at ${place.join(' and ')} by the location of an upload`, async () => {
      const { source, target, bring } = await lab(place);
      source.intercept(undefined);
      const location = `http://${under(INSIDE, target)}/inside/grant?force=true`;
      target.intercept(answer(posting, { status: 202, headers: { location } }));
      await faultOf(bring(), 'UntrustedEndpoint');
      expect(insideOf(target)).to.deep.equal([]);
    });
  }

  it('N08 is a place at public addresses, and one that an administrator allows', async () => {
    for (const [inside, allowedAddresses] of [
      [['203.0.113.5'], []],
      [['10.0.0.1'], ['10.0.0.0/8']],
      [['10.0.0.1'], [INSIDE]],
    ] as const) {
      const { source, bring } = await lab(inside);
      expect(await bring({ allowedAddresses })).to.equal('copied');
      expect(insideOf(source)).to.deep.equal(['/inside/credentials']);
    }
  });

  it('N08 is nothing private at the end of a chain of redirects that passes a public place', async () => {
    for (const [middle, reached] of [
      [PUBLIC, false],
      ['10.0.0.3', true],
    ] as const) {
      const at = await openRegistries({ size: 41 });
      const [own, second, third] = [EVIL, MIDDLE, INSIDE].map((name) => under(name, at.source));
      at.source.intercept(
        all(
          redirect(reading, () => `http://${second ?? ''}/hop`),
          redirect('/hop', () => `http://${third ?? ''}/inside/credentials`),
          answer('/inside', { status: 200, body: at.bytes }),
        ),
      );
      const table = { [EVIL]: ['10.0.0.2'], [MIDDLE]: [middle], [INSIDE]: ['10.0.0.1'] };
      const one = client({ ...addressed(table), insecureHosts: [own ?? '', second ?? '', third ?? ''] });
      const read = one.blob(tagged({ host: own ?? '' }), at.blob, 100, patient());
      if (reached) expect(await read).to.have.length(41);
      else await faultOf(read, 'UntrustedEndpoint');
      expect(insideOf(at.source)).to.have.length(reached ? 1 : 0);
    }
  });

  it('N08 is nothing private by a token service', async () => {
    const at = await openRegistries({ size: 41 });
    const host = under(EVIL, at.source);
    const realm = `http://auth.example.com:${new URL(at.source.url).port}/inside/token`;
    const challenge = { 'www-authenticate': `Bearer realm="${realm}"` };
    at.source.intercept(answer('/v2/', { status: 401, headers: challenge }));
    const table = { [EVIL]: [PUBLIC], 'auth.example.com': ['10.0.0.1'] };
    const one = client({
      ...addressed(table),
      insecureHosts: [host, new URL(realm).host],
      keychain: always({ kind: 'password', username: 'acme', password: 'p' }),
    });
    await faultOf(one.manifest(tagged({ host }), patient()), 'UntrustedEndpoint');
    expect(insideOf(at.source)).to.deep.equal([]);
  });

  it('N08 is nothing that a place outside of the registry sends the upload on to', async () => {
    const { source, target, bring } = await lab(['10.0.0.1'], ['10.0.0.2']);
    source.intercept(undefined);
    target.intercept(
      all(
        answer(posting, { status: 202, headers: { location: `http://${under(MIDDLE, target)}/uploads` } }),
        answer(({ method }) => method === 'PATCH', {
          status: 202,
          headers: { location: `http://${under(INSIDE, target)}/inside` },
        }),
        answer(({ method }) => method === 'PUT', { status: 413 }),
      ),
    );
    await faultOf(bring({ provenBytes: 0 }), 'UntrustedEndpoint');
    expect(insideOf(target)).to.deep.equal([]);
  });
});

describe('registries that are named', () => {
  closeAfterEach();

  for (const address of ['169.254.169.254', '127.0.0.1', '::1', '0.0.0.0', '::ffff:127.0.0.1']) {
    it(`N02 are not contacted at ${address} under a name`, async () => {
      const registry = await openRegistry();
      const host = under(EVIL, registry);
      const one = client({ ...addressed({ [EVIL]: [address] }), insecureHosts: [host] });
      const fault = await faultOf(one.manifest(tagged({ host }), patient()), 'AddressRefused');
      expect([fault.transient, registry.requests.length]).to.deep.equal([false, 0]);
      expect(fault.message).to.include(EVIL).and.include('registries.allowedAddresses');
    });
  }

  it('N02 are not contacted on loopback where this process stands in a pod', async () => {
    const registry = await openRegistry();
    const refusing = client({ loopback: 'Refuse' });
    await faultOf(refusing.manifest(tagged(registry), patient()), 'AddressRefused');
    expect(registry.requests).to.have.length(0);
    const allowing = client({ loopback: 'Refuse', allowedAddresses: ['127.0.0.0/8'] });
    expect(await allowing.manifest(tagged(registry), patient())).to.equal(undefined);
  });

  it('N02 are contacted at private addresses and in the cluster, without which images would not be found', async () => {
    const registry = await openRegistry();
    for (const name of ['registry.corp.example', 'registry.shop.svc']) {
      const host = under(name, registry);
      const place = addressed({ [name]: ['10.96.7.7'] });
      const one = client({ ...place, apiServer: '10.96.0.1', loopback: 'Refuse', insecureHosts: [host] });
      expect(await one.manifest(tagged({ host }), patient())).to.equal(undefined);
    }
    expect(registry.requests).to.have.length(2);
  });
});

describe('names whose addresses change', () => {
  closeAfterEach();

  it('N03 are not connected to at an address that was not judged', async () => {
    const registry = await openRegistry();
    const host = under(EVIL, registry);
    // Each question gets another answer, and no answer is remembered.
    let [asked, time] = [0, 0];
    const resolve = (): Promise<readonly string[]> => {
      asked += 1;
      return Promise.resolve([asked === 1 ? PUBLIC : '127.0.0.1']);
    };
    const now = (): Date => new Date((time += 20_000));
    const one = client({ resolve, dial: () => '127.0.0.1', now, insecureHosts: [host] });
    await faultOf(one.manifest(tagged({ host }), patient()), 'RegistryUnavailable');
    expect([asked, registry.requests.length]).to.deep.equal([2, 0]);
  });

  it('N03 do not use a connection that was made under another judgement', async () => {
    const registry = await openRegistry();
    const host = under(EVIL, registry);
    let [addresses, time] = [[PUBLIC], 0];
    const resolve = (): Promise<readonly string[]> => Promise.resolve(addresses);
    const one = client({
      ...{ resolve, dial: () => '127.0.0.1' },
      now: () => new Date(time),
      insecureHosts: [host],
    });
    const ask = (): Promise<unknown> => one.manifest(tagged({ host }), patient());
    await ask();
    [addresses, time] = [['169.254.169.254'], 20_000];
    await faultOf(ask(), 'AddressRefused');
    expect(registry.requests).to.have.length(1);
  });

  it('N03 do not use a connection to a private address for a host that is public now', async () => {
    const registry = await openRegistry();
    const host = under(EVIL, registry);
    let [addresses, time] = [['10.0.0.1'], 0];
    const one = client({
      resolve: () => Promise.resolve(addresses),
      // No server is at the public address.
      dial: (address) => (address === PUBLIC ? '127.0.0.2' : '127.0.0.1'),
      now: () => new Date(time),
      insecureHosts: [host],
    });
    const ask = (): Promise<unknown> => one.manifest(tagged({ host }), patient());
    // Several, so that idle connections remain.
    for (let n = 0; n < 5; n += 1) await ask();
    [addresses, time] = [[PUBLIC], 20_000];
    await faultOf(ask(), 'RegistryUnavailable');
    expect(registry.requests).to.have.length(5);
  });

  it('N05 cost one question to DNS for many requests', async () => {
    const registry = await openRegistry();
    const host = under(EVIL, registry);
    let asked = 0;
    const resolve = (): Promise<readonly string[]> => {
      asked += 1;
      return Promise.resolve([PUBLIC]);
    };
    const one = client({ resolve, dial: () => '127.0.0.1', now: () => new Date(0), insecureHosts: [host] });
    for (let n = 0; n < 3; n += 1) await one.manifest(tagged({ host }), patient());
    expect([asked, registry.requests.length]).to.deep.equal([1, 3]);
  });
});

describe('certificates', () => {
  closeAfterEach();

  it('N09 are those of the name, not of the address', async () => {
    const authority = await createAuthority('Acme Test CA');
    const names: readonly (readonly [object, boolean])[] = [
      [{ dns: ['registry.example.com'] }, true],
      [{ ips: ['127.0.0.1', PUBLIC] }, false],
      [{ dns: ['other.example.com'] }, false],
    ];
    for (const [subject, isTrusted] of names) {
      const tls = await authority.issue({ commonName: 'registry', usage: 'server', ...subject });
      const registry = await openRegistry({ tls });
      const place = addressed({ 'registry.example.com': [PUBLIC] });
      const one = client({ ...place, ca: authority.cert });
      const found = one.manifest(tagged({ host: under('registry.example.com', registry) }), patient());
      if (isTrusted) expect(await found).to.equal(undefined);
      else expect((await faultOf(found, 'RegistryUnavailable')).detail).to.include('another name');
      expect(registry.requests).to.have.length(isTrusted ? 1 : 0);
    }
  });
});
