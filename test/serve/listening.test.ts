import { expect } from 'chai';
import { createLog } from '../../src/clients/http-server/index.ts';
import { listen, urlOf } from '../../src/serve/listening.ts';

describe('where a server listens', () => {
  for (const [host, shown] of [
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '[::1]'],
  ] as const) {
    it(`is logged with the address and the port that it has: ${host}`, async () => {
      const lines: string[] = [];
      const log = createLog((line) => lines.push(line));
      const server = await listen({ host, port: 0 }, 'operations.listen', {
        log,
        routes: [],
        onError: () => undefined,
      });
      if (!server.ok) throw new Error('it does not listen');
      const { port } = server.value;
      await server.value.close();
      expect(port).to.be.greaterThan(0);
      expect(urlOf({ host, port: 0 }, port)).to.equal(`https://${shown}:${port}`);
      expect(lines.map((line) => JSON.parse(line) as unknown)).to.have.lengthOf(1);
      expect(JSON.parse(lines[0] ?? '')).to.include({
        msg: 'listening',
        setting: 'operations.listen',
        address: `${shown}:${port}`,
      });
    });
  }

  it('is all addresses where none is given, and not localhost', () => {
    expect(urlOf({ host: '', port: 8_443 }, 8_443)).to.equal('https://[::]:8443');
  });
});
