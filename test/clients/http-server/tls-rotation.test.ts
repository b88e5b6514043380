import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { Agent, Pool, request } from 'undici';
import { startServer, type Server, type Tls } from '../../../src/clients/http-server/index.ts';
import { createAuthority, type Authority } from '../../support/certificates.ts';

/** Fewest changes, and fewest answers on connections of either sort meanwhile. */
const SWAPS = 20;
/** Milliseconds between two swaps, and from the last one to the end. */
const BETWEEN_MS = 15;
/** Callers at a time of either sort: on connections that are kept alive, and on one connection for each request. */
const CALLERS = 8;

describe('A server that changes its certificate', () => {
  let authorities: readonly Authority[];
  let leaves: readonly Tls[];
  let server: Server;
  before(async () => {
    authorities = await Promise.all([createAuthority('old'), createAuthority('new')]);
    const names = { commonName: 'localhost', ips: ['127.0.0.1'], usage: 'server' } as const;
    leaves = await Promise.all(authorities.map((authority) => authority.issue(names)));
  });
  beforeEach(async () => {
    server = await startServer({
      host: '127.0.0.1',
      port: 0,
      tls: leaves[0]!,
      routes: [
        {
          method: 'post',
          path: '/work',
          maxBodyBytes: 1_000,
          handle: async () => {
            await sleep(1);
            return { status: 200, contentType: 'text/plain', body: 'ok' };
          },
        },
      ],
      onError: (error) => {
        throw error;
      },
    });
  });
  afterEach(() => server.close());

  const served = () =>
    new Promise<string>((resolve, reject) => {
      const ca = authorities.map(({ cert }) => cert);
      const socket = connect({ port: server.port, host: '127.0.0.1', ca }, () => {
        resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
        socket.destroy();
      }).once('error', reject);
    });
  const printOf = ({ cert }: Tls) => new X509Certificate(cert).fingerprint256;

  it('drops no request while the certificate changes again and again under load', async function () {
    const origin = `https://127.0.0.1:${String(server.port)}`;
    const trust = { ca: authorities.map(({ cert }) => cert) };
    const kept = new Pool(origin, { connections: CALLERS, pipelining: 1, connect: trust });
    const counts = { kept: 0, fresh: 0 };
    const failures: unknown[] = [];
    let going = true;
    const call = async (sort: keyof typeof counts) => {
      while (going) {
        const dispatcher = sort === 'kept' ? kept : new Agent({ connect: trust, maxCachedSessions: 0 });
        try {
          const answer = await request(`${origin}/work`, { method: 'POST', body: 'x', dispatcher });
          if ((await answer.body.text()) === 'ok') counts[sort] += 1;
        } catch (error) {
          failures.push(error);
        }
        if (sort === 'fresh') await dispatcher.close();
      }
    };
    const callers = Array.from({ length: CALLERS }, () => [call('kept'), call('fresh')]).flat();
    const enough = () => failures.length > 0 || (counts.kept > SWAPS && counts.fresh > SWAPS);
    for (let swap = 1; swap <= SWAPS || !enough(); swap++) {
      await sleep(BETWEEN_MS);
      server.setTls(leaves[swap % 2]!);
    }
    await sleep(BETWEEN_MS);
    going = false;
    await Promise.all(callers);
    await kept.close();
    expect(failures).to.deep.equal([]);
    expect(counts.kept, 'on kept connections').to.be.above(SWAPS);
    expect(counts.fresh, 'on new connections').to.be.above(SWAPS);
  });

  it('serves new connections with the new certificate at once', async () => {
    expect(await served()).to.equal(printOf(leaves[0]!));
    server.setTls(leaves[1]!);
    expect(await served()).to.equal(printOf(leaves[1]!));
  });

  for (const { title, broken } of [
    {
      title: 'the key of another certificate',
      broken: (good: Tls, other: Tls) => ({ ...good, key: other.key }),
    },
    { title: 'a certificate that is none', broken: (good: Tls) => ({ ...good, cert: 'nonsense' }) },
    { title: 'a key that is none', broken: (good: Tls) => ({ ...good, key: 'nonsense' }) },
  ]) {
    it(`throws on ${title}, and continues with the old pair`, async () => {
      expect(() => server.setTls(broken(leaves[1]!, leaves[0]!))).to.throw();
      expect(await served()).to.equal(printOf(leaves[0]!));
    });
  }
});
