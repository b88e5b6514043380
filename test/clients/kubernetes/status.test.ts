import { expect } from 'chai';
import { writeStatus } from '../../../src/clients/kubernetes/status.ts';
import { createClusterTwin } from '../../support/twins/cluster.ts';

const address = {
  resource: { group: 'pratique.dev', version: 'v1alpha1', plural: 'imagepolicies' },
  name: 'signed',
} as const;
const kind = { apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePolicy' } as const;
const target = { address, ...kind, fieldManager: 'pratique-policies' } as const;

describe('kubernetes: writing a status', () => {
  it('owns only the fields that it sends', async () => {
    const twin = createClusterTwin();
    twin.put(address.resource, { ...kind, metadata: { name: 'signed' }, spec: { images: ['**'] } });
    await writeStatus(twin, target, { observedGeneration: 1, keys: 2 });
    await writeStatus(twin, { ...target, fieldManager: 'pratique-audit' }, { violations: 3 });
    const written = await writeStatus(twin, target, { observedGeneration: 2 });
    expect(written.ok).to.equal(true);
    expect(twin.peek(address)).to.deep.include({
      spec: { images: ['**'] },
      status: { observedGeneration: 2, violations: 3 },
    });
  });

  it('goes to the status alone, with the signal', async () => {
    const twin = createClusterTwin();
    twin.put(address.resource, { ...kind, metadata: { name: 'signed' } });
    await writeStatus(twin, target, {});
    expect(
      twin.calls.map(({ verb, subresource, fieldManager }) => [verb, subresource, fieldManager]),
    ).to.deep.equal([['apply', 'status', 'pratique-policies']]);
    const late = writeStatus(twin, target, {}, AbortSignal.abort());
    expect(await late.catch((error: unknown) => error)).to.include({ code: 'ClusterUnavailable' });
  });

  it('answers 404 as a value when the object is gone', async () => {
    const written = await writeStatus(createClusterTwin(), target, {});
    expect(written).to.deep.include({ ok: false, status: 404 });
  });
});
