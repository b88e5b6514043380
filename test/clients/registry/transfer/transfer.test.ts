import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { digestOf } from '../../../../src/core/model/index.ts';
import { refuse } from '../../../support/registry/misbehave.ts';
import { pushBlob } from '../../../support/registry/push.ts';
import { client, faultOf, patient, tagged } from '../client.ts';
import {
  closeAfterEach,
  describing,
  openRegistry,
  openRegistries,
  log,
  transferOf,
} from '../two-registries.ts';

describe('copying a blob', () => {
  closeAfterEach();

  it('sends one GET, one POST and one PUT', async () => {
    const at = await openRegistries();
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

  it('sends requests to both registries at the same time', async () => {
    const at = await openRegistries();
    // Each registry answers only after a request to the other: a client that sends them one after the other waits without end.
    const asked = { source: Promise.withResolvers<undefined>(), target: Promise.withResolvers<undefined>() };
    at.source.intercept(async () => {
      asked.source.resolve(undefined);
      return asked.target.promise;
    });
    at.target.intercept(async () => {
      asked.target.resolve(undefined);
      return asked.source.promise;
    });
    expect(await client().transferBlob(transferOf(at), patient())).to.equal('copied');
  });

  it('sends one HEAD when the blob exists at the target, and one more when it only may exist', async () => {
    const at = await openRegistries();
    const one = client();
    const transfer = transferOf(at, { maybeThere: true });
    expect(await one.transferBlob(transfer, patient())).to.equal('copied');
    expect(log(at.target)).to.deep.equal(['HEAD blobs 404', 'POST uploads 202', 'PUT uploads 201']);
    at.target.forgetLog();
    expect(await one.transferBlob(transfer, patient())).to.equal('present');
    expect(log(at.target)).to.deep.equal(['HEAD blobs 200']);
  });

  it('sends one HEAD for a blob that it has copied before to a new repository', async () => {
    const at = await openRegistries();
    const one = client();
    await one.transferBlob(transferOf(at), patient());
    at.target.forgetLog();
    expect(await one.transferBlob(transferOf(at), patient())).to.equal('present');
    expect(log(at.target)).to.deep.equal(['HEAD blobs 200']);
  });

  it('reports each request to its watched view, which shares the copied blobs of other views', async () => {
    const at = await openRegistries();
    const one = client();
    let asked = 0;
    const watched = one.watched(() => (asked += 1));
    expect(await watched.transferBlob(transferOf(at, { source: watched }), patient())).to.equal('copied');
    expect(asked).to.equal(3);
    expect(await one.transferBlob(transferOf(at), patient())).to.equal('present');
    expect(asked).to.equal(3);
  });

  it('continues when the registry refuses the HEAD', async () => {
    const at = await openRegistries();
    at.target.intercept(refuse(({ method }) => method === 'HEAD', 403));
    expect(await client().transferBlob(transferOf(at, { maybeThere: true }), patient())).to.equal('copied');
    expect(log(at.target)).to.deep.equal(['HEAD blobs 403', 'POST uploads 202', 'PUT uploads 201']);
  });

  it('throws a Fault of the source when the source does not have the blob', async () => {
    const at = await openRegistries();
    const from = tagged(at.source, '1.0', 'shop/other');
    const fault = await faultOf(
      client().transferBlob(transferOf(at, { from }), patient()),
      'RegistryMisbehaved',
    );
    expect(fault.side).to.equal('source');
    expect(log(at.target)).to.deep.equal(['POST uploads 202', 'DELETE uploads 204']);
  });

  it('lets transfers above the limit wait, also within one registry', async () => {
    const registry = await openRegistry();
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

describe('pushing a small blob', () => {
  closeAfterEach();

  it('sends a HEAD when it exists, and two more requests when it does not', async () => {
    const registry = await openRegistry();
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
