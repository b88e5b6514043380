import { expect } from 'chai';
import type { Registry } from '../../../src/adapters/registry/index.ts';
import type { SourceRegistry, TargetRegistry } from '../../../src/core/promotion/ports.ts';
import { client, closeClients, faultOf, patient, tagged } from './client.ts';
import { closeDocks, docks, log, transferOf } from './dock.ts';

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
});

describe('bringing a blob', () => {
  it('costs one GET, one POST and one PUT', async () => {
    const dock = await docks();
    const pieces: number[] = [];
    const one = client();
    const arrival = await one.transferBlob(
      transferOf(dock, { onBytes: (count) => pieces.push(count) }),
      patient(),
    );
    expect(arrival).to.equal('copied');
    expect(log(dock.source)).to.deep.equal(['GET blobs 200']);
    expect(log(dock.target)).to.deep.equal(['POST uploads 202', 'PUT uploads 201']);
    expect(pieces.reduce((a, b) => a + b)).to.equal(dock.blob.size);
    const read = await one.blob(tagged(dock.target, '1.0', 'gold/web'), dock.blob, dock.blob.size, patient());
    expect(Buffer.from(read ?? []).equals(dock.bytes)).to.equal(true);
  });

  it('costs one HEAD where it is there already', async () => {
    const dock = await docks();
    const one = client();
    await one.transferBlob(transferOf(dock), patient());
    dock.target.forgetLog();
    expect(await one.transferBlob(transferOf(dock, { maybeThere: true }), patient())).to.equal('present');
    expect(log(dock.target)).to.deep.equal(['HEAD blobs 200']);
  });

  it('is one request within a registry', async () => {
    const dock = await docks();
    const to = tagged(dock.source, '1.0', 'gold/web');
    expect(await client().transferBlob(transferOf(dock, { to }), patient())).to.equal('mounted');
    expect(log(dock.source)).to.deep.equal(['POST mount 201']);
  });

  it('is a fault of the source when that does not have it', async () => {
    const dock = await docks();
    const from = tagged(dock.source, '1.0', 'shop/other');
    const fault = await faultOf(
      client().transferBlob(transferOf(dock, { from }), patient()),
      'RegistryMisbehaved',
    );
    expect(fault.side).to.equal('source');
    expect(log(dock.target)).to.deep.equal(['POST uploads 202', 'DELETE uploads 204']);
  });
});
