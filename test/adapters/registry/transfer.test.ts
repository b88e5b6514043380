import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { Registry } from '../../../src/adapters/registry/index.ts';
import { digestOf } from '../../../src/core/model/index.ts';
import type { SourceRegistry, TargetRegistry } from '../../../src/core/promotion/ports.ts';
import { amend, refuse } from '../../support/registry/misbehave.ts';
import { pushBlob } from '../../support/registry/push.ts';
import { always, client, closeClients, faultOf, patient, tagged } from './client.ts';
import { closeDocks, describing, dock, docks, log, transferOf } from './dock.ts';

afterEach(async () => {
  await closeClients();
  await closeDocks();
});

describe('a registry client', () => {
  it('is what promotion reads from and writes to', () => {
    // The compiler is the test: an adapter satisfies the ports structurally.
    const whole: Registry = client();
    const views: [SourceRegistry, TargetRegistry, TargetRegistry] = [
      whole,
      whole,
      whole.as({ scope: 'acme', keychain: () => Promise.resolve(undefined), side: 'target' }),
    ];
    expect(views.map((view) => typeof view.content)).to.deep.equal(['function', 'function', 'function']);
  });

  it('says of a read which side it was meant for', async () => {
    const registry = await dock();
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

describe('bringing a blob', () => {
  it('costs one GET, one POST and one PUT', async () => {
    const at = await docks();
    const pieces: number[] = [];
    const one = client();
    const arrival = await one.transferBlob(
      transferOf(at, { onBytes: (count) => pieces.push(count) }),
      patient(),
    );
    expect(arrival).to.equal('copied');
    expect(log(at.source)).to.deep.equal(['GET blobs 200']);
    expect(log(at.target)).to.deep.equal(['POST uploads 202', 'PUT uploads 201']);
    expect(pieces.reduce((a, b) => a + b)).to.equal(at.blob.size);
    const read = await one.blob(tagged(at.target, '1.0', 'gold/web'), at.blob, at.blob.size, patient());
    expect(Buffer.from(read ?? []).equals(at.bytes)).to.equal(true);
  });

  it('asks both registries at the same time', async () => {
    const at = await docks();
    at.source.latency(150);
    at.target.latency(150);
    const began = performance.now();
    await client().transferBlob(transferOf(at), patient());
    expect(performance.now() - began).to.be.within(290, 440); // two round trips, not three
  });

  it('costs one HEAD where it is there already, and one more where it only might be', async () => {
    const at = await docks();
    const one = client();
    const transfer = transferOf(at, { maybeThere: true });
    expect(await one.transferBlob(transfer, patient())).to.equal('copied');
    expect(log(at.target)).to.deep.equal(['HEAD blobs 404', 'POST uploads 202', 'PUT uploads 201']);
    at.target.forgetLog();
    expect(await one.transferBlob(transfer, patient())).to.equal('present');
    expect(log(at.target)).to.deep.equal(['HEAD blobs 200']);
  });

  it('is a fault of the source when that does not have it', async () => {
    const at = await docks();
    const from = tagged(at.source, '1.0', 'shop/other');
    const fault = await faultOf(
      client().transferBlob(transferOf(at, { from }), patient()),
      'RegistryMisbehaved',
    );
    expect(fault.side).to.equal('source');
    expect(log(at.target)).to.deep.equal(['POST uploads 202', 'DELETE uploads 204']);
  });

  it('lets more of them wait than may travel at a time, within one registry too', async () => {
    const registry = await dock();
    const blobs = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const bytes = randomBytes(200_000);
        await pushBlob({ registry: registry.host, repository: 'shop/web' }, { mediaType: 'a/b', bytes });
        return describing(bytes);
      }),
    );
    registry.intercept(refuse('?mount=', 405));
    const one = client({ transfersPerHost: 2, concurrencyPerHost: 2 });
    const arrivals = await Promise.all(
      blobs.map((blob) =>
        one.transferBlob(
          transferOf({ source: registry, target: registry, blob }, { source: one }),
          patient(),
        ),
      ),
    );
    expect(new Set(arrivals)).to.deep.equal(new Set(['copied']));
  });
});

describe('mounting a blob', () => {
  it('is one request within a registry', async () => {
    const at = await docks();
    const to = tagged(at.source, '1.0', 'gold/web');
    expect(await client().transferBlob(transferOf(at, { to }), patient())).to.equal('mounted');
    expect(log(at.source)).to.deep.equal(['POST mount 201']);
    expect(at.source.requests[0]?.path).to.equal(
      `/v2/gold/web/blobs/uploads/?mount=${encodeURIComponent(at.blob.digest)}&from=shop%2Fweb`,
    );
  });

  it('goes on with the upload that the registry begins instead', async () => {
    const at = await docks();
    at.source.intercept((request, handle) => {
      request.url.searchParams.delete('mount');
      return handle(request);
    });
    const to = tagged(at.source, '1.0', 'gold/web');
    expect(await client().transferBlob(transferOf(at, { to }), patient())).to.equal('copied');
    expect(log(at.source)).to.deep.equal(['POST uploads 202', 'GET blobs 200', 'PUT uploads 201']);
  });

  for (const status of [400, 401, 403, 404, 405]) {
    it(`gives way to an upload where it is refused with ${String(status)}`, async () => {
      const at = await docks();
      at.source.intercept(refuse('?mount=', status));
      const to = tagged(at.source, '1.0', 'gold/web');
      expect(await client().transferBlob(transferOf(at, { to }), patient())).to.equal('copied');
      expect(log(at.source).toSorted()).to.deep.equal([
        'GET blobs 200',
        `POST mount ${String(status)}`,
        'POST uploads 202',
        'PUT uploads 201',
      ]);
    });
  }

  it('is done from where this client has brought the blob before', async () => {
    const at = await docks();
    const one = client();
    await one.transferBlob(transferOf(at), patient());
    const to = tagged(at.target, '1.0', 'gold/other');
    expect(await one.transferBlob(transferOf(at, { to }), patient())).to.equal('mounted');
    expect(log(at.source)).to.have.length(1);
    expect(log(at.target)).to.deep.equal(['POST uploads 202', 'PUT uploads 201', 'POST mount 201']);
  });

  it('is not tried twice from where it has gone', async () => {
    const at = await docks();
    const one = client();
    await one.transferBlob(transferOf(at), patient());
    at.target.reset();
    for (const repository of ['gold/b', 'gold/c']) {
      const to = tagged(at.target, '1.0', repository);
      const arrival = await one.transferBlob(transferOf(at, { to }), patient());
      expect(arrival).to.equal(repository === 'gold/b' ? 'copied' : 'mounted');
    }
    expect(log(at.target)).to.deep.equal(['POST mount 202', 'PUT uploads 201', 'POST mount 201']);
  });

  it('asks for a token that reads the one repository and writes the other, and remembers it', async () => {
    const auth = { kind: 'bearer', username: 'acme', password: 'p' } as const;
    const at = await docks();
    const registry = await dock({ auth });
    const one = client({ keychain: always({ kind: 'password', username: 'acme', password: 'p' }) });
    const to = (repository: string) => tagged(registry, '1.0', repository);
    await one.pushBlob(to('shop/web'), at.bytes, patient());
    const source = { blob: at.blob, source: one, from: to('shop/web'), maybeThere: false };
    registry.forgetLog();
    expect(await one.transferBlob({ ...source, to: to('gold/web') }, patient())).to.equal('mounted');
    const [token] = registry.requests;
    expect(new URL(token?.path ?? '', registry.url).searchParams.getAll('scope')).to.deep.equal([
      'repository:gold/web:pull,push',
      'repository:shop/web:pull',
    ]);
    expect(registry.requests.map(({ status }) => status)).to.deep.equal([200, 201]);
  });

  it('uploads where the mount is not for this login', async () => {
    const at = await docks();
    const auth = { kind: 'bearer' } as const;
    const registry = await dock({ auth });
    const one = client();
    const to = (repository: string) => tagged(registry, '1.0', repository);
    await one.pushBlob(to('shop/web'), at.bytes, patient());
    registry.intercept((request, handle) => {
      // A token service that gives less than was asked for, as many do.
      request.url.searchParams.delete('scope', 'repository:shop/web:pull');
      return handle(request);
    });
    const transfer = { ...transferOf(at), from: to('shop/web'), to: to('gold/web') };
    const reader = { openBlob: () => Promise.resolve(pieces(at.bytes)) };
    expect(await one.transferBlob({ ...transfer, source: reader }, patient())).to.equal('copied');
  });
});

describe('logins of writes', () => {
  it('cost one refused request at a registry that was never heard, and none afterwards', async () => {
    const at = await docks();
    const registry = await dock({ auth: { kind: 'bearer', expiresIn: 300 } });
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
    const at = await docks();
    const registry = await dock({ auth: { kind: 'bearer', expiresIn: 300 } });
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

  it('get a new token when theirs has ended in the middle of it', async () => {
    const at = await docks();
    const registry = await dock({ auth: { kind: 'bearer', expiresIn: 300 } });
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

describe('the same blob for the same repository', () => {
  it('travels once, however many want it', async () => {
    const at = await docks();
    at.source.latency(50);
    const one = client();
    const counted = [0, 0, 0];
    const arrivals = await Promise.all(
      counted.map((_, n) =>
        one.transferBlob(
          transferOf(at, { onBytes: (count) => (counted[n] = (counted[n] ?? 0) + count) }),
          patient(),
        ),
      ),
    );
    expect(arrivals).to.deep.equal(['copied', 'shared', 'shared']);
    expect(counted).to.deep.equal([at.blob.size, 0, 0]);
    expect(log(at.target)).to.deep.equal(['POST uploads 202', 'PUT uploads 201']);
  });

  it('still comes when the one that began it leaves', async () => {
    const at = await docks();
    at.source.latency(300);
    const one = client();
    const leaving = one.transferBlob(transferOf(at), AbortSignal.timeout(100));
    const staying = one.transferBlob(transferOf(at), patient());
    await faultOf(leaving, 'DeadlineExceeded');
    expect(await staying).to.equal('shared');
    expect(log(at.target)).to.deep.equal(['POST uploads 202', 'PUT uploads 201']);
  });

  it('stops when all have left, and is begun anew after that', async () => {
    const at = await docks();
    at.source.latency(300);
    const one = client();
    const leave = AbortSignal.timeout(100);
    await Promise.all([1, 2].map(() => faultOf(one.transferBlob(transferOf(at), leave), 'DeadlineExceeded')));
    expect(await one.transferBlob(transferOf(at), patient())).to.equal('copied');
    expect(log(at.target).filter((line) => line === 'PUT uploads 201')).to.have.length(1);
  });

  it('fails for all who wait for it, and is tried again by the next', async () => {
    const at = await docks();
    at.target.intercept(refuse('/uploads/', 403));
    const one = client();
    await Promise.all(
      [1, 2].map(() => faultOf(one.transferBlob(transferOf(at), patient()), 'RegistryDenied')),
    );
    at.target.intercept(undefined);
    expect(await one.transferBlob(transferOf(at), patient())).to.equal('copied');
  });
});

describe('pushing a small blob', () => {
  it('costs a HEAD where it is there, and two requests more where it is not', async () => {
    const registry = await dock();
    const one = client();
    const bytes = Buffer.from('{}');
    const to = tagged(registry, '1.0', 'gold/web');
    expect(await one.pushBlob(to, bytes, patient())).to.equal(digestOf(bytes));
    expect(log(registry)).to.deep.equal(['HEAD blobs 404', 'POST uploads 202', 'PUT uploads 201']);
    registry.forgetLog();
    expect(await one.pushBlob(to, bytes, patient())).to.equal(digestOf(bytes));
    expect(log(registry)).to.deep.equal(['HEAD blobs 200']);
  });
});

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
