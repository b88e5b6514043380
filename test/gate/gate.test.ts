import { expect } from 'chai';
import { startGate, type RunningGate } from './running-gate.ts';
import { openPolicyFixture, type ImageName, type PolicyFixture } from '../support/policy-fixture.ts';

describe('pulls through the gate', () => {
  let fixture: PolicyFixture;
  let gate: RunningGate;
  before(async () => {
    fixture = await openPolicyFixture();
    gate = await startGate({ upstreams: [{ match: ['**'] }] }, [fixture.policy({})]);
  });
  after(async () => {
    await gate.close();
    await fixture.registry.close();
  });
  const path = (name: ImageName, rest: string): string => `${fixture.registry.host}/shop/${name}/${rest}`;
  const errorOf = async (answer: Response) =>
    ((await answer.json()) as { errors: { code: string; message: string; detail?: { reason: string } }[] })
      .errors[0];

  it('answers the version check', async () => {
    expect((await gate.get('')).status).to.equal(200);
  });

  it('hands out a signed image with its config and layers', async () => {
    const answer = await gate.get(path('good', 'manifests/1.0'));
    expect(answer.status, await answer.clone().text()).to.equal(200);
    const { digest } = fixture.pushed.get('good')!;
    expect(answer.headers.get('docker-content-digest')).to.equal(digest);
    const { config, layers } = (await answer.json()) as {
      config: { digest: string };
      layers: { digest: string }[];
    };
    for (const blob of [config, ...layers]) {
      const bytes = await gate.get(path('good', `blobs/${blob.digest}`));
      expect(bytes.status).to.equal(200);
      expect(Number(bytes.headers.get('content-length'))).to.equal((await bytes.arrayBuffer()).byteLength);
    }
  });

  const refused: readonly [ImageName, number, string][] = [
    ['unsigned', 403, 'Unsigned'],
    ['signed-by-a-stranger', 403, 'Unsigned'],
    ['flagged', 403, 'Quarantined'],
    ['old', 403, 'PastEndOfLife'],
    ['broken', 503, 'RegistryUnavailable'],
  ];
  for (const [name, status, reason] of refused)
    it(`refuses the image "${name}" with ${String(status)} ${reason}, and says what to do`, async () => {
      const answer = await gate.get(path(name, 'manifests/1.0'));
      expect(answer.status).to.equal(status);
      const error = await errorOf(answer);
      expect(error?.detail?.reason).to.equal(reason);
      expect(error?.message).to.include(`/shop/${name}`);
      expect(answer.headers.get('warning')).to.match(/^299 - "/);
    });

  it('answers 404 for an image that is not there', async () => {
    expect((await gate.get(path('missing', 'manifests/1.0'))).status).to.equal(404);
  });
});
