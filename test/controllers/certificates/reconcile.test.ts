import { expect } from 'chai';
import { CERTIFICATES as real } from '../../../src/controllers/certificates/make.ts';
import { servingCertificate } from '../../../src/controllers/certificates/read.ts';
import {
  reconcileRegistration,
  type RegistrationOutcome,
} from '../../../src/controllers/certificates/reconcile.ts';
import { configuration, createClusterTwin, textOf, type ClusterTwin } from './twin.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The configurations are read first. */
const SECRET_READ = 2;
const HOSTS = ['pratique-webhook.pratique.svc', '::1'];
const SETTINGS = { hosts: HOSTS, lifetimeMs: 9 * DAY_MS, authorityLifetimeMs: 90 * DAY_MS };

describe('reconcileRegistration', () => {
  let twin: ClusterTwin;
  let nowMs: number;
  beforeEach(() => {
    nowMs = Date.parse('2030-01-01T00:00:00Z');
    twin = createClusterTwin(real);
  });

  const look = (settings: Partial<typeof SETTINGS> = {}): Promise<RegistrationOutcome> =>
    reconcileRegistration(twin.ports, { ...SETTINGS, ...settings }, () => new Date(nowMs));

  /** Reconciles until nothing is due for at least an hour. */
  async function settle(settings: Partial<typeof SETTINGS> = {}): Promise<readonly string[]> {
    const did: string[] = [];
    for (let count = 0; count < 20; count += 1) {
      const outcome = await look(settings);
      did.push(...outcome.did);
      if (outcome.nextInMs >= HOUR_MS) return did;
      nowMs += outcome.nextInMs;
    }
    throw new Error(`does not come to rest: ${did.join('; ')}`);
  }

  /** Fingerprints of the authorities that each webhook trusts. */
  const trusted = () =>
    twin.configurations.flatMap(({ webhooks }) =>
      webhooks.map(({ caBundle }) => Buffer.from(caBundle, 'base64').toString('utf8')),
    );
  const authorities = () => textOf(twin, 'ca.crt').split('-----BEGIN').length - 1;
  const serves = () => {
    const pair = servingCertificate(twin.secret?.data);
    if (!pair.ok) throw new Error(JSON.stringify(pair.problems));
    expect(
      trusted().every((bundle) => real.isIssuedBy(pair.value.cert, bundle)),
      'trusted by every webhook',
    ).to.equal(true);
    return real.readCertificate(pair.value.cert)!;
  };

  it('creates everything in one reconcile on an empty cluster, and writes the bundle to every webhook at once', async () => {
    const outcome = await look();
    expect(outcome.did).to.have.length(3);
    expect(outcome.missing).to.deep.equal([]);
    expect(serves()).to.deep.include({ hosts: HOSTS, notAfter: new Date(nowMs + 9 * DAY_MS) });
    expect(twin.secret?.data).to.have.all.keys('ca.crt', 'ca.key', 'tls.crt', 'tls.key');
    expect(await settle()).to.deep.equal([]);
  });

  it('fills a Secret that was created empty, and leaves foreign keys in it unchanged', async () => {
    twin.secret = { data: { note: 'b3Vycw==' }, resourceVersion: 'x' };
    await look();
    serves();
    expect(twin.secret.data.note).to.equal('b3Vycw==');
  });

  it('renews the certificate at two thirds of its lifetime, with the same authority', async () => {
    await settle();
    const before = { leaf: serves(), bundle: textOf(twin, 'ca.crt') };
    nowMs = before.leaf.notAfter.getTime() - 3 * DAY_MS - HOUR_MS;
    expect(await settle()).to.deep.equal([]);
    nowMs += HOUR_MS;
    expect(await settle()).to.have.length(1);
    expect(serves().fingerprint).not.to.equal(before.leaf.fingerprint);
    expect(textOf(twin, 'ca.crt')).to.equal(before.bundle);
  });

  it('issues another certificate when the hosts change, but not when only their spelling or order changes', async () => {
    await settle();
    const { fingerprint } = serves();
    expect(await settle({ hosts: ['0:0::0:1', 'PRATIQUE-webhook.pratique.svc'] })).to.deep.equal([]);
    expect(serves().fingerprint).to.equal(fingerprint);
    expect(await settle({ hosts: ['other.pratique.svc'] })).to.have.length(1);
    expect(serves().hosts).to.deep.equal(['other.pratique.svc']);
  });

  it('replaces the authority with an overlap: the new one is first trusted, then it signs, and at last the old one is removed', async () => {
    await settle();
    const old = { leaf: serves().fingerprint, bundle: textOf(twin, 'ca.crt') };
    nowMs += 59 * DAY_MS;
    await settle();
    const late = serves();
    expect(textOf(twin, 'ca.crt')).to.equal(old.bundle);
    nowMs += DAY_MS;

    expect((await look()).did, 'one authority, two configurations').to.have.length(3);
    expect(authorities()).to.equal(2);
    expect(serves().fingerprint, 'is still served').to.equal(late.fingerprint);
    expect((await look()).did, 'API servers have to hear of it').to.deep.equal([]);
    await settle();
    expect(serves().fingerprint).not.to.equal(late.fingerprint);
    expect(authorities(), 'what the old one signed may still be served').to.equal(2);
    nowMs += 9 * DAY_MS;
    await settle();
    expect(authorities()).to.equal(1);
    expect(textOf(twin, 'ca.crt')).not.to.equal(old.bundle);
    serves();
  });

  it('does not sign with a new authority before every webhook trusts it', async () => {
    await settle();
    nowMs += 59 * DAY_MS;
    await settle();
    nowMs += DAY_MS;
    const { setCaBundle } = twin.ports;
    const denied = { ...twin.ports, setCaBundle: () => Promise.reject(new Error('denied')) };
    const { fingerprint } = serves();
    for (let count = 0; count < 5; count += 1) {
      const outcome = await reconcileRegistration(denied, SETTINGS, () => new Date(nowMs)).catch(String);
      expect(outcome).to.equal('Error: denied');
      nowMs += HOUR_MS;
    }
    expect(serves().fingerprint).to.equal(fingerprint);
    expect(authorities(), 'one is enough').to.equal(2);
    await setCaBundle('ValidatingWebhookConfiguration', ['images.pratique.dev'], bundleOf(twin));
    await reconcileRegistration(denied, SETTINGS, () => new Date(nowMs)).catch(String);
    expect(serves().fingerprint, 'one configuration of two').to.equal(fingerprint);
    await settle();
    expect(serves().fingerprint).not.to.equal(fingerprint);
  });

  it('writes the bundle again to a webhook that lost it, and to a new webhook', async () => {
    await settle();
    twin.configurations[0] = configuration('ValidatingWebhookConfiguration', ['images.pratique.dev', 'new']);
    expect((await look()).did).to.have.length(1);
    serves();
  });

  it('reports which configurations do not exist', async () => {
    const [validating] = twin.configurations;
    twin.configurations = [];
    expect((await look()).missing).to.deep.equal(['ValidatingWebhookConfiguration']);
    twin.configurations = [validating!];
    expect((await look()).missing).to.deep.equal([]);
    serves();
    const expected = ['MutatingWebhookConfiguration'] as const;
    const outcome = await reconcileRegistration(twin.ports, { ...SETTINGS, expected }, () => new Date(nowMs));
    expect(outcome.missing).to.deep.equal(expected);
  });

  const stranger = real.createAuthority({
    name: 'x',
    lifetimeMs: 30_000 * DAY_MS,
    skewMs: 0,
    now: new Date(0),
  });
  const broken = [
    { title: 'no Secret', change: () => undefined },
    { title: 'an empty Secret', change: () => ({}) },
    { title: 'no ca.key', change: (data: object) => ({ ...data, 'ca.key': '' }) },
    {
      title: 'the key of another authority',
      change: async (data: object) => ({ ...data, 'ca.key': btoa((await stranger).key) }),
    },
    { title: 'no ca.crt', change: (data: object) => ({ ...data, 'ca.crt': '' }) },
    { title: 'ca.crt that is no PEM', change: (data: object) => ({ ...data, 'ca.crt': btoa('x') }) },
    {
      title: 'ca.crt that is no base64',
      change: (data: object) => ({ ...data, 'ca.crt': '*' }),
    },
    { title: 'no tls.key', change: (data: object) => ({ ...data, 'tls.key': '' }) },
    { title: 'half of tls.crt', change: (data: object) => ({ ...data, 'tls.crt': btoa('-----BEGIN') }) },
    {
      title: 'a certificate where the authority should be',
      change: (data: Record<string, string>) => ({
        ...data,
        'ca.crt': data['tls.crt'],
        'ca.key': data['tls.key'],
      }),
    },
    {
      title: 'a certificate of a stranger',
      change: async (data: object) => {
        const given = { hosts: HOSTS, lifetimeMs: DAY_MS, skewMs: 0, now: new Date(nowMs) };
        const { cert, key } = await real.issueServing({ authority: await stranger, ...given });
        return { ...data, 'tls.crt': btoa(cert), 'tls.key': btoa(key) };
      },
    },
  ];
  for (const { title, change } of broken) {
    it(`repairs ${title}, and what replicas still serve stays trusted meanwhile`, async () => {
      await settle();
      nowMs += DAY_MS;
      const kept = servingCertificate(twin.secret?.data);
      const data = (await Promise.resolve(change(twin.secret!.data))) as Record<string, string> | undefined;
      twin.secret = data && { data, resourceVersion: 'broken' };
      const did: string[] = [];
      for (let count = 0; count < 20; count += 1) {
        const outcome = await look();
        did.push(...outcome.did);
        if (outcome.nextInMs >= HOUR_MS) break;
        expect(
          trusted().every((bundle) => kept.ok && real.isIssuedBy(kept.value.cert, bundle)),
          'what is still served',
        ).to.equal(true);
        nowMs += outcome.nextInMs;
      }
      expect(did, 'says so').not.to.deep.equal([]);
      serves();
      expect(await settle()).to.deep.equal([]);
    });
  }

  it('issues everything again when it starts after everything has expired', async () => {
    await settle();
    nowMs += 1_000 * DAY_MS;
    expect((await look()).did).to.have.length(3);
    serves();
    expect(authorities()).to.equal(1);
  });

  it('writes nothing more when another writer was faster, and reconciles again soon', async () => {
    const other = createClusterTwin(real);
    await reconcileRegistration(other.ports, SETTINGS, () => new Date(nowMs));
    let reads = 0;
    twin.onChange = () => {
      reads += 1;
      if (reads === SECRET_READ) twin.secret = other.secret; // right after it was read as absent
    };
    const outcome = await look();
    expect(outcome.did).to.deep.equal([]);
    expect(outcome.nextInMs).to.be.below(5_000);
    expect(trusted()).to.deep.equal(['', '', '']);
    await settle();
    serves();
    expect(twin.secret).to.deep.equal(other.secret);
  });

  it('does not renew a certificate when the new one would end at the same moment, with its authority', async () => {
    const long = { lifetimeMs: 80 * DAY_MS };
    await settle(long);
    nowMs += 54 * DAY_MS;
    expect(await settle(long)).to.have.length(1);
    const { notAfter } = serves();
    expect(notAfter).to.deep.equal(real.readCertificate(textOf(twin, 'ca.crt'))?.notAfter);
    nowMs += 5 * DAY_MS;
    expect(await settle({ lifetimeMs: 89 * DAY_MS })).to.deep.equal([]);
    nowMs += DAY_MS;
    await settle(long);
    expect(serves().notAfter.getTime()).to.be.above(notAfter.getTime());
  });

  it('does not accept a foreign certificate with its key as the authority', async () => {
    const authority = await stranger;
    const given = { lifetimeMs: 90 * DAY_MS, skewMs: 0, now: new Date(nowMs) };
    const leaf = await real.issueServing({ authority, hosts: HOSTS, ...given });
    const data = { 'ca.crt': btoa(leaf.cert), 'ca.key': btoa(leaf.key) };
    twin.secret = { data, resourceVersion: 'x' };
    await settle();
    serves();
  });

  it('works with lifetimes of minutes', async () => {
    const short = { lifetimeMs: 60_000, authorityLifetimeMs: 120_000 };
    const seen = new Set<string>();
    for (const until = nowMs + 30 * 60_000; nowMs < until;) {
      const { nextInMs } = await look(short);
      const { notAfter, fingerprint } = serves();
      expect(notAfter.getTime()).to.be.above(nowMs);
      seen.add(fingerprint);
      nowMs += nextInMs;
    }
    expect(seen.size).to.be.within(30, 90);
    expect(authorities()).to.be.at.most(3);
  });
});

function bundleOf(twin: ClusterTwin): string {
  return twin.secret!.data['ca.crt']!;
}
