import { expect } from 'chai';
import { refuse } from '../../../support/registry/misbehave.ts';
import { client, faultOf, patient } from '../client.ts';
import { closeAfterEach, openRegistries, log, transferOf } from '../two-registries.ts';

describe('concurrent transfers of one blob to one repository', () => {
  closeAfterEach();

  it('copy it once for many callers', async () => {
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

  it('continue when the first caller aborts', async () => {
    const at = await openRegistries();
    at.source.latency(300);
    const one = client();
    const leaving = one.transferBlob(transferOf(at), AbortSignal.timeout(100));
    const staying = one.transferBlob(transferOf(at), patient());
    await faultOf(leaving, 'DeadlineExceeded');
    expect(await staying).to.equal('shared');
    expect(log(at.target)).to.deep.equal(['POST uploads 202', 'PUT uploads 201']);
  });

  it('stop when all callers have aborted, and start again after that', async () => {
    const at = await openRegistries();
    at.source.latency(300);
    const one = client();
    const leave = AbortSignal.timeout(100);
    await Promise.all([1, 2].map(() => faultOf(one.transferBlob(transferOf(at), leave), 'DeadlineExceeded')));
    expect(await one.transferBlob(transferOf(at), patient())).to.equal('copied');
    expect(log(at.target).filter((line) => line === 'PUT uploads 201')).to.have.length(1);
  });

  it('fail for all waiting callers, and the next caller tries again', async () => {
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
