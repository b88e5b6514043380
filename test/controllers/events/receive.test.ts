import { eventRoutes } from '../../../src/controllers/events/receive.ts';
import { MAX_EVENT_BYTES } from '../../../src/controllers/events/receive.ts';
import { expect } from 'chai';
import {
  bearer,
  fixture,
  BODY,
  hmac,
  oidc,
  SECRET,
  signature,
  signed,
  reported,
  TOKEN,
  TOO_LARGE,
} from './fixture.ts';
import { githubPackage } from './payloads.ts';

describe('the receiver of events', () => {
  it('accepts an event with the signature of its body, and reports the images that it names', async () => {
    const { ask, pushed, log } = fixture([hmac()]);
    expect(await ask(signed())).to.deep.equal({ status: 202, body: { images: 1 } });
    expect(pushed).to.deep.equal([{ registry: 'registry.example.com', repository: 'shop/web', tag: '1.4' }]);
    expect(log).to.deep.equal([{ sender: 'generic', receiver: 'signed', status: 202, images: 1, why: [] }]);
  });

  it('P10 reads nothing of a body before the sender is authenticated', async () => {
    const { ask } = fixture([bearer()]);
    expect((await ask({}, 'no JSON')).status).to.equal(401);
    expect((await ask(reported(), 'no JSON')).status).to.equal(400);
  });

  it('replaces the host that an event names with the host configured for its receiver', async () => {
    const { ask, pushed } = fixture([bearer({ registry: 'hub.example.com' })]);
    await ask(reported());
    expect(pushed.map(({ registry }) => registry)).to.deep.equal(['hub.example.com']);
  });

  it('accepts events of no interest, and triggers no promotion', async () => {
    const { ask, pushed } = fixture([bearer({ sender: 'ghcr' })]);
    const event = { ...githubPackage('package'), action: 'blessed' };
    expect(await ask(reported(), JSON.stringify(event), { sender: 'ghcr' })).to.deep.equal({
      status: 202,
      body: { images: 0 },
    });
    expect(pushed).to.deep.equal([]);
  });

  it('names the wrong fields, a bounded number of them', async () => {
    const { ask, pushed, log } = fixture([bearer({ sender: 'distribution' })]);
    const events = Array.from({ length: 100 }, () => ({ action: 'push' }));
    const answer = await ask(reported(), JSON.stringify({ events }), { sender: 'distribution' });
    expect(answer.status).to.equal(400);
    const { problems } = answer.body as { problems: { path: string }[] };
    expect(problems).to.have.length(20);
    expect(problems[3]?.path).to.equal('events[3].target');
    expect(pushed).to.deep.equal([]);
    expect(log[0]).to.include({ status: 400, receiver: 'bearer' });
  });

  it('answers 413 to a body that is too large, also from a sender with a secret', async () => {
    const { ask, log } = fixture([bearer()]);
    expect((await ask(reported(), TOO_LARGE)).status).to.equal(413);
    expect(log).to.have.length(1);
  });

  it('rethrows an error that is not a Fault', async () => {
    const { ask } = fixture([oidc()], () => Promise.reject(new TypeError('a bug')));
    const error: unknown = await ask(reported('a.b.c')).catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(TypeError);
  });

  it('logs no token, no signature and no body', async () => {
    const { ask, log } = fixture([hmac(), bearer(), oidc()], async () => ({ ok: false, why: 'expired' }));
    await ask({ ...reported('a.b.c'), 'x-hub-signature-256': signature(`${BODY}x`) });
    await ask({ ...reported(), ...signed() }, '{"repository":"!hunter2"}');
    const lines = JSON.stringify(log);
    for (const secret of ['a.b.c', TOKEN, SECRET, signature(`${BODY}x`).slice(7), 'hunter2'])
      expect(lines).not.to.contain(secret);
  });

  it('listens on one path for each kind of sender that has a receiver', () => {
    const routes = eventRoutes(
      fixture([hmac(), bearer(), bearer({ sender: 'harbor' }), hmac({ sender: 'ghcr' })]).receiving,
    );
    expect(routes.map(({ method, path, maxBodyBytes }) => [method, path, maxBodyBytes])).to.deep.equal([
      ['post', '/events/generic', MAX_EVENT_BYTES],
      ['post', '/events/harbor', MAX_EVENT_BYTES],
      ['post', '/events/ghcr', MAX_EVENT_BYTES],
    ]);
    expect(eventRoutes(fixture([]).receiving)).to.deep.equal([]);
  });
});
