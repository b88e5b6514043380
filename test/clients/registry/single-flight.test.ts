import { expect } from 'chai';
import { refuse } from '../../support/registry/misbehave.ts';
import { client, faultOf, patient } from './client.ts';
import { closeAfterEach, openRegistries, log, transferOf } from './two-registries.ts';

describe('the same blob for the same repository', () => {
  closeAfterEach();

  it('travels once, however many want it', async () => {
    const at = await openRegistries();
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
    const at = await openRegistries();
    at.source.latency(300);
    const one = client();
    const leaving = one.transferBlob(transferOf(at), AbortSignal.timeout(100));
    const staying = one.transferBlob(transferOf(at), patient());
    await faultOf(leaving, 'DeadlineExceeded');
    expect(await staying).to.equal('shared');
    expect(log(at.target)).to.deep.equal(['POST uploads 202', 'PUT uploads 201']);
  });

  it('stops when all have left, and is begun anew after that', async () => {
    const at = await openRegistries();
    at.source.latency(300);
    const one = client();
    const leave = AbortSignal.timeout(100);
    await Promise.all([1, 2].map(() => faultOf(one.transferBlob(transferOf(at), leave), 'DeadlineExceeded')));
    expect(await one.transferBlob(transferOf(at), patient())).to.equal('copied');
    expect(log(at.target).filter((line) => line === 'PUT uploads 201')).to.have.length(1);
  });

  it('fails for all who wait for it, and is tried again by the next', async () => {
    const at = await openRegistries();
    at.target.intercept(refuse('/uploads/', 403));
    const one = client();
    await Promise.all(
      [1, 2].map(() => faultOf(one.transferBlob(transferOf(at), patient()), 'RegistryDenied')),
    );
    at.target.intercept(undefined);
    expect(await one.transferBlob(transferOf(at), patient())).to.equal('copied');
  });
});
