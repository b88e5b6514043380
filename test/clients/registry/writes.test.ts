import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { Registry } from '../../../src/clients/registry/index.ts';
import type { SourceRegistry, TargetRegistry } from '../../../src/core/promotion/ports.ts';
import { amend, refuse } from '../../support/registry/misbehave.ts';
import { always, client, faultOf, patient, tagged } from './client.ts';
import { closeAfterEach, openRegistry, openRegistries, transferOf } from './two-registries.ts';

describe('a registry client', () => {
  closeAfterEach();

  it('implements the source and target ports of promotion', () => {
    // The compiler is the test: an adapter satisfies the ports structurally.
    const whole: Registry = client();
    const views: [SourceRegistry, TargetRegistry, TargetRegistry] = [
      whole,
      whole,
      whole.as({ scope: 'acme', keychain: () => Promise.resolve(undefined), side: 'target' }),
    ];
    expect(views.map((view) => typeof view.content)).to.deep.equal(['function', 'function', 'function']);
  });

  it('reports for a failed read whether it was for source or target', async () => {
    const registry = await openRegistry();
    registry.intercept(refuse('', 403));
    const view = client().as({ scope: 'acme', keychain: always(undefined), side: 'target' });
    expect((await faultOf(view.tagDigest(tagged(registry), patient()), 'RegistryDenied')).side).to.equal(
      'target',
    );
    const other = client().as({ scope: 'acme', keychain: always(undefined) });
    expect((await faultOf(other.tagDigest(tagged(registry), patient()), 'RegistryDenied')).side).to.equal(
      'source',
    );
  });
});

describe('logins of writes', () => {
  closeAfterEach();

  it('need one refused request at a new registry, and none afterwards', async () => {
    const at = await openRegistries();
    const registry = await openRegistry({ auth: { kind: 'bearer', expiresIn: 300 } });
    const one = client();
    const bytes = [randomBytes(10), randomBytes(10)];
    const to = tagged(registry, '1.0', 'gold/web');
    expect(await one.transferBlob(transferOf(at, { to }), patient())).to.equal('copied');
    expect(registry.requests.map(({ method, status }) => `${method} ${String(status)}`)).to.deep.equal([
      'POST 401',
      'GET 200',
      'POST 202',
      'PUT 201',
    ]);
    registry.forgetLog();
    await one.pushBlob(to, bytes[0] ?? Buffer.of(), patient());
    await one.pushBlob(tagged(registry, '1.0', 'gold/other'), bytes[1] ?? Buffer.of(), patient());
    expect(registry.requests.map(({ method, status }) => `${method} ${String(status)}`)).to.deep.equal([
      'HEAD 404',
      'POST 202',
      'PUT 201',
      'GET 200', // the token of the other repository, whose challenge is known without asking
      'HEAD 404',
      'POST 202',
      'PUT 201',
    ]);
  });

  it('do not use a token that only reads', async () => {
    const at = await openRegistries();
    const registry = await openRegistry({ auth: { kind: 'bearer', expiresIn: 300 } });
    const one = client();
    const to = tagged(registry, '1.0', 'gold/web');
    expect(await one.tagDigest(to, patient())).to.equal(undefined);
    registry.forgetLog();
    await one.transferBlob(transferOf(at, { to }), patient());
    expect(registry.requests.map(({ method, status }) => `${method} ${String(status)}`)).to.deep.equal([
      'GET 200',
      'POST 202',
      'PUT 201',
    ]);
    expect(registry.requests[0]?.path).to.include('scope=repository%3Agold%2Fweb%3Apull%2Cpush');
  });

  it('get a new token when the old one expires during the write', async () => {
    const at = await openRegistries();
    const registry = await openRegistry({ auth: { kind: 'bearer', expiresIn: 300 } });
    const one = client();
    registry.intercept(
      amend(
        ({ method }) => method === 'POST',
        (reply) => {
          if (reply.status === 202) registry.revokeTokens();
          return reply;
        },
      ),
    );
    const to = tagged(registry, '1.0', 'gold/web');
    expect(await one.transferBlob(transferOf(at, { to }), patient())).to.equal('copied');
  });
});
