import type { Receiver } from '../../../src/controllers/events/ports.ts';
import { expect } from 'chai';
import { Fault } from '../../../src/core/model/index.ts';
import {
  bearer,
  fixture,
  BODY,
  hmac,
  noSecret,
  oidc,
  SECRET,
  signature,
  signed,
  reported,
  TOKEN,
  TRUST,
} from './fixture.ts';

describe('the receiver of events, authenticating a sender', () => {
  it('accepts the test vector that GitHub documents', async () => {
    const body = 'Hello, World!';
    const headers = {
      'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    };
    const { ask } = fixture([noSecret(hmac(), "It's a Secret to Everybody")]);
    // Known, and then not JSON.
    expect((await ask(headers, body)).status).to.equal(400);
    expect((await ask(headers, 'Hello, World?')).status).to.equal(401);
  });

  it('accepts a signature without the prefix, in a header of another name', async () => {
    const auth = { kind: 'hmac', header: 'x-gitea-signature', secret: () => `${SECRET}\n` } as const;
    const { ask } = fixture([hmac({ auth })]);
    expect((await ask({ 'x-gitea-signature': signature(BODY).slice(7) })).status).to.equal(202);
    expect((await ask(signed())).status).to.equal(401);
  });

  it('accepts an event with the token, whatever the case of the scheme', async () => {
    const { ask, pushed } = fixture([bearer()]);
    expect((await ask(reported())).status).to.equal(202);
    expect((await ask({ authorization: `bearer  ${TOKEN}` })).status).to.equal(202);
    expect(pushed).to.have.length(2);
  });

  it('accepts an event with an identity token, and verifies exactly the configured claims', async () => {
    const asked: unknown[] = [];
    const { ask } = fixture([oidc()], async (token, trust) => {
      asked.push([token, trust]);
      return { ok: true };
    });
    expect((await ask(reported('a.b.c'))).status).to.equal(202);
    expect(asked).to.deep.equal([['a.b.c', TRUST]]);
  });

  const refused: readonly [string, Receiver, Readonly<Record<string, string>>, string][] = [
    ['nothing at all', hmac(), {}, 'signed: signature missing'],
    [
      'a signature by another secret',
      hmac(),
      signed(BODY, 'another secret of theirs'),
      'signed: signature wrong',
    ],
    ['the signature of another body', hmac(), signed(`${BODY} `), 'signed: signature wrong'],
    [
      'half a signature',
      hmac(),
      { 'x-hub-signature-256': signature(BODY).slice(0, 39) },
      'signed: signature wrong',
    ],
    ['an empty signature', hmac(), { 'x-hub-signature-256': '' }, 'signed: signature wrong'],
    [
      'the old signature of SHA-1',
      hmac(),
      { 'x-hub-signature': signature(BODY) },
      'signed: signature missing',
    ],
    ['the secret itself in place of a signature', hmac(), reported(SECRET), 'signed: signature missing'],
    ['no token', bearer(), {}, 'bearer: token missing'],
    ['another token', bearer(), reported('token-of-the-registrz'), 'bearer: token wrong'],
    ['the beginning of the token', bearer(), reported(TOKEN.slice(0, -1)), 'bearer: token wrong'],
    ['more than the token', bearer(), reported(`${TOKEN}x`), 'bearer: token wrong'],
    ['the token as a password', bearer(), { authorization: `Basic ${TOKEN}` }, 'bearer: token missing'],
    ['the token without a scheme', bearer(), { authorization: TOKEN }, 'bearer: token missing'],
    ['no identity token', oidc(), {}, 'ci: token missing'],
    ['an identity token that proves nothing', oidc(), reported('a.b.c'), 'ci: token audience'],
  ];
  for (const [what, receiver, headers, why] of refused) {
    it(`P10 answers 401 to ${what}, writes the reason only to the log, and triggers nothing`, async () => {
      const { ask, pushed, log } = fixture([receiver], async () => ({ ok: false, why: 'audience' }));
      expect(await ask(headers)).to.deep.equal({ status: 401, body: { error: 'unauthorized' } });
      expect(pushed).to.deep.equal([]);
      expect(log).to.deep.equal([{ sender: 'generic', status: 401, images: 0, why: [why] }]);
    });
  }

  it('does not accept a signature again for another body', async () => {
    const { ask } = fixture([hmac()]);
    const headers = signed();
    expect((await ask(headers)).status).to.equal(202);
    expect((await ask(headers, BODY.replace('web', 'db'))).status).to.equal(401);
  });

  for (const [what, secret] of [
    ['cannot be read', undefined],
    ['is empty', '\n'],
    ['is too short to be one', 'hunter2'],
  ] as const) {
    it(`answers 503 to every sender, so that they try again, while its secret ${what}`, async () => {
      for (const receiver of [hmac(), bearer()]) {
        const { ask, pushed, log } = fixture([noSecret(receiver, secret)]);
        for (const headers of [{}, signed(BODY, secret?.trim()), reported(secret?.trim() ?? '')])
          expect((await ask(headers)).status).to.equal(503);
        expect(pushed).to.deep.equal([]);
        expect(log[0]?.why.join()).to.match(/unusable$/);
      }
    });
  }

  it('accepts a changed secret at once, and the old one no longer', async () => {
    let secret = TOKEN;
    const { ask } = fixture([bearer({ auth: { kind: 'bearer', secret: () => secret } })]);
    expect((await ask(reported())).status).to.equal(202);
    secret = 'another-token-of-theirs';
    expect((await ask(reported())).status).to.equal(401);
    expect((await ask(reported(secret))).status).to.equal(202);
  });

  it('finds the receiver that matches among several of one sender', async () => {
    const { ask, log } = fixture([hmac(), bearer(), bearer({ name: 'third' }, 'token-of-another-registry')]);
    await ask(reported('token-of-another-registry'));
    await ask(signed());
    expect(log.map(({ receiver }) => receiver)).to.deep.equal(['third', 'signed']);
    expect((await ask(reported('x'))).status).to.equal(401);
    expect(log.at(-1)?.why).to.have.length(3);
  });

  it('does not accept a secret for the events of another sender', async () => {
    const { ask } = fixture([bearer({ sender: 'harbor' })]);
    expect((await ask(reported(), BODY, { sender: 'generic' })).status).to.equal(401);
  });

  it('answers that senders try again while the keys of an issuer cannot be fetched', async () => {
    const fault = new Fault({
      code: 'IssuerUnavailable',
      operation: 'read the keys of https://ci.example.com',
      side: 'trust',
      transient: true,
      detail: 'the connection failed',
    });
    const { ask, pushed, log } = fixture([oidc()], () => Promise.reject(fault));
    expect(await ask(reported('a.b.c'))).to.deep.equal({ status: 503, body: { error: 'try again later' } });
    expect(pushed).to.deep.equal([]);
    expect(log[0]?.why).to.deep.equal([`ci: ${fault.message}`]);
  });

  it('does not wait for the keys of another issuer, nor for any keys when a secret matches', async () => {
    const never = new Promise<never>(() => undefined);
    const { ask, log } = fixture(
      [oidc('slow', { issuer: 'https://slow.example.com' }), oidc(), bearer()],
      (_token, { issuer }) => (issuer === TRUST.issuer ? Promise.resolve({ ok: true }) : never),
    );
    expect((await ask(reported('a.b.c'))).status).to.equal(202);
    expect((await ask(reported())).status).to.equal(202);
    expect(log.map(({ receiver }) => receiver)).to.deep.equal(['ci', 'bearer']);
  });

  it('gives every verification a deadline', async () => {
    const signals: AbortSignal[] = [];
    const { ask } = fixture([oidc()], async (_token, _trust, signal) => {
      signals.push(signal);
      return { ok: true };
    });
    await ask(reported('a.b.c'));
    expect(signals.map(({ aborted }) => aborted)).to.deep.equal([false]);
  });
});
