import { expect } from 'chai';
import { listTags } from '../../../support/registry/listings.ts';
import { at, conditionOf, mirror, says, type Around } from './context.ts';

const PULL_SECRET = 'kubernetes.io/dockerconfigjson';
const CA = { caSecretRef: { name: 'ca' } };

/** A registry with a private CA, and logins for it. */
export function describeLogins(around: () => Around): void {
  describe('logins', () => {
    const into = (name: string, more: object) => {
      const { open, locked } = around();
      return mirror(name, at('app', open), { ...at(`quarantine/${name}`, locked), ...more });
    };

    before(async () => {
      const { flow, fixture, locked, authority } = around();
      const login = (password: string) => ({
        '.dockerconfigjson': JSON.stringify({ auths: { [locked.host]: { username: 'jane', password } } }),
      });
      const account = (name: string, secrets: readonly string[]) =>
        fixture.cluster.apply({
          apiVersion: 'v1',
          kind: 'ServiceAccount',
          metadata: { name, namespace: flow.namespace },
          imagePullSecrets: secrets.map((each) => ({ name: each })),
        });
      await flow.secret('ca', { 'ca.crt': authority.cert });
      await flow.secret('login', login('right'), PULL_SECRET);
      await flow.secret('wrong-login', login('wrong'), PULL_SECRET);
      await account('puller', ['login']);
      await account('careless', ['login', 'lost']);
      await account('no-login', []);
    });

    it('come from a Secret, for a registry with a private CA', async () => {
      const { flow } = around();
      await flow.apply(into('secret', { ...CA, secretRef: { name: 'login' } }));
      await flow.wait('ipr/secret', 'Ready');
      expect((await flow.promotion('secret')).status?.counts?.promoted).to.equal(1);
    });

    it('come from the pull secrets of a ServiceAccount', async () => {
      const { flow, open, locked } = around();
      const source = { ...at('quarantine/secret', locked), ...CA, serviceAccountName: 'puller' };
      await flow.apply(mirror('account', source, at('quarantine/account', open)));
      await flow.wait('ipr/account', 'Ready');
      expect(await listTags({ registry: open.host, repository: 'quarantine/account' })).to.include('1.0.0');
    });

    it('without the CA fail with the reason that its certificate is not trusted', async () => {
      const { flow, locked } = around();
      await flow.apply(into('no-ca', { secretRef: { name: 'login' } }));
      const said = `${locked.host}: its certificate is not trusted: give its CA`;
      await says(around(), { name: 'no-ca', type: 'Stalled', said });
      expect((await conditionOf(around(), 'no-ca', 'Ready'))?.reason).to.equal('RegistryUnavailable');
    });

    it('with a wrong password fail with the refusal of the registry', async () => {
      await around().flow.apply(into('wrong-login', { ...CA, secretRef: { name: 'wrong-login' } }));
      await says(around(), { name: 'wrong-login', type: 'Stalled', said: 'RegistryDenied: ' });
      const { message = '' } = (await conditionOf(around(), 'wrong-login', 'Ready')) ?? {};
      expect(message).to.include('401: it needs a login, or refuses this one');
    });

    const missing: readonly (readonly [string, string, object, string])[] = [
      ['a missing CA', 'lost-ca', { caSecretRef: { name: 'lost' } }, 'target.caSecretRef'],
      ['an authority without a certificate', 'empty-ca', { caSecretRef: { name: 'login' } }, 'ca.crt'],
      ['a missing login', 'lost-login', { ...CA, secretRef: { name: 'lost' } }, 'target.secretRef'],
      ['a Secret that is no login', 'no-login', { ...CA, secretRef: { name: 'ca' } }, '.dockerconfigjson'],
      [
        'a service account with a missing Secret',
        'careless',
        { ...CA, serviceAccountName: 'careless' },
        'Secret platform/lost does not exist',
      ],
      [
        'an account without Secrets',
        'no-puller',
        { ...CA, serviceAccountName: 'no-login' },
        'has no login for',
      ],
      [
        'a missing service account',
        'lost-puller',
        { ...CA, serviceAccountName: 'lost' },
        'there is no ServiceAccount "lost"',
      ],
    ];
    for (const [what, name, more, said] of missing)
      it(`that are ${what} prevent the start of the run`, async () => {
        const { flow } = around();
        await flow.apply(into(name, more));
        await says(around(), { name, type: 'Stalled', said });
        expect((await conditionOf(around(), name, 'Stalled'))?.reason).to.equal('SecretUnreadable');
        expect((await conditionOf(around(), name, 'Ready'))?.status).to.equal('False');
        expect(await flow.runsOf(name)).to.deep.equal([]);
      });
  });
}
