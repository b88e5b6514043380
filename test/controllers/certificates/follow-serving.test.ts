import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { followServing } from '../../../src/controllers/certificates/index.ts';
import { encodePathSecrets } from '../../../src/controllers/certificates/path-plan.ts';
import { encodeBase64 } from '../../../src/controllers/certificates/read.ts';
import { parsed, problem, type Parsed } from '../../../src/core/model/index.ts';
import { parseSettings, type SettingsInput } from '../../../src/core/settings/index.ts';
import { createAuthority, type Authority, type KeyedCertificate } from '../../support/certificates.ts';

const SECRET = 'a1'.repeat(32);

describe('followServing', () => {
  let authority: Authority;
  let leaf: KeyedCertificate;
  let following: ReturnType<typeof followServing> | undefined;
  before(async () => {
    authority = await createAuthority('clients');
    leaf = await authority.issue({ commonName: 'webhook', usage: 'server' });
  });
  afterEach(() => following?.close());

  const path = () => encodePathSecrets({ secret: SECRET, plain: false, madeAt: new Date('2030-01-01') });
  const pair = () => ({ 'tls.crt': encodeBase64(leaf.cert), 'tls.key': encodeBase64(leaf.key) });
  function follow(input: SettingsInput, authorities: () => Parsed<string> = () => parsed(authority.cert)) {
    const settings = parseSettings(input);
    if (!settings.ok) throw new Error(JSON.stringify(settings.problems));
    const secrets = new Map<string, unknown>();
    const given: (string | undefined)[] = [];
    const warned: string[] = [];
    const log = (fields: object) => void warned.push(JSON.stringify(fields));
    let reads = 0;
    const one = followServing({
      settings: settings.value,
      readFiles: async () => parsed(leaf),
      readAuthorities: async () => {
        reads += 1;
        return authorities();
      },
      secretData: (name) => secrets.get(name),
      onChange: ({ clientCa }) => given.push(clientCa),
      log: { info: log, warn: log, error: log },
    });
    following = one;
    const read = async () => {
      while (reads === 0) await sleep(1);
      await sleep(1);
    };
    return { ...one, secrets, given, warned, read };
  }

  it('C04 is missing something until certificate and path were read, in either order', () => {
    for (const first of ['pratique-webhook-tls', 'pratique-webhook-path']) {
      const { missing, onSecret, secrets, given, admits } = follow({});
      expect(missing()).to.deep.equal(['no certificate yet', 'no secret of the webhook paths yet']);
      secrets.set(first, first.endsWith('tls') ? pair() : path());
      onSecret();
      expect(missing()).to.have.length(1);
      secrets.set('pratique-webhook-tls', pair()).set('pratique-webhook-path', path());
      onSecret();
      expect(missing()).to.deep.equal([]);
      expect(given).to.have.length(1);
      expect(admits({ below: SECRET, certificate: undefined })).to.equal(true);
    }
  });

  it('C04 knows the path also where the certificate comes from files', async () => {
    const { missing, onSecret, secrets } = follow({ certificates: { source: 'Files' } });
    while (missing().includes('no certificate yet')) await sleep(1);
    expect(missing()).to.deep.equal(['no secret of the webhook paths yet']);
    secrets.set('pratique-webhook-path', path());
    onSecret();
    expect(missing()).to.deep.equal([]);
  });

  it('C03 serves nothing before the authorities of clients were read', async () => {
    for (const bad of [
      problem('/ca.crt', 'no such file or folder'),
      parsed(''),
      parsed('-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'),
      parsed(leaf.key),
    ]) {
      const { missing, given, secrets, onSecret, warned, read } = follow(
        { webhook: { clientCA: '/ca.crt' } },
        () => bad,
      );
      secrets.set('pratique-webhook-tls', pair()).set('pratique-webhook-path', path());
      onSecret();
      await read();
      expect(given).to.deep.equal([]);
      expect(missing()).to.deep.equal(['no authorities of clients yet']);
      expect(warned.join()).to.contain('/ca.crt').and.not.contain('PRIVATE');
      following?.close();
    }
  });

  it('C03 serves with the authorities of clients as soon as both are read', async () => {
    const { given, secrets, onSecret, read } = follow({ webhook: { clientCA: '/ca.crt' } });
    await read();
    expect(given).to.deep.equal([]);
    secrets.set('pratique-webhook-tls', pair());
    onSecret();
    onSecret();
    expect(given).to.deep.equal([authority.cert]);
  });
});
