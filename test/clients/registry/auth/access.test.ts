import { expect } from 'chai';
import type { Keychain } from '../../../../src/core/evidence/index.ts';
import { digestOf } from '../../../../src/core/model/index.ts';
import { client, faultOf, patient, tagged } from '../client.ts';
import { closeAfterEach, openRegistry } from '../two-registries.ts';

const LOGIN = { username: 'acme', password: 'pa:ss' };

describe('a login that may only be used to read', () => {
  closeAfterEach();

  for (const kind of ['basic', 'bearer'] as const)
    it(`K16 is not sent with a write or a deletion, by ${kind}`, async () => {
      const registry = await openRegistry({ auth: { kind, ...LOGIN } });
      const keychain: Keychain = (_place, _signal, access) =>
        Promise.resolve(access === 'pull' ? { kind: 'password', ...LOGIN } : undefined);
      const one = client({ keychain });
      expect(await one.manifest(tagged(registry), patient())).to.equal(undefined);
      registry.forgetLog();
      const image = { ...tagged(registry), digest: digestOf('x') };
      await faultOf(one.deleteManifest(image, patient()), 'RegistryDenied');
      await faultOf(one.pushBlob(tagged(registry), Buffer.from('x'), patient()), 'RegistryDenied');
      expect(registry.requests.some(({ authorized }) => authorized)).to.equal(false);
    });
});
