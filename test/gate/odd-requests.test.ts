import { connect } from 'node:net';
import { expect } from 'chai';
import { blobsOf, useGates } from './bench.ts';
import type { RunningGate } from './running-gate.ts';
import { pushImage } from '../support/registry/push.ts';

describe('requests in odd forms', () => {
  const bench = useGates();

  it('G62 requests that share a connection are each judged, and no body is taken for a request', async () => {
    await bench.pushSigned('shop/signed', '1.0');
    const unsigned = await pushImage(bench.place('shop/unsigned', '1.0'));
    const gate = await bench.start();
    const place = `/v2/${bench.registry.host}/shop`;
    const signedHead = `GET ${place}/signed/manifests/1.0 HTTP/1.1\r\nHost: gate\r\n`;
    const paths = [
      'manifests/1.0',
      `manifests/${unsigned.digest}`,
      ...blobsOf(unsigned).map((one) => `blobs/${one}`),
    ];
    const pipelined = paths.map((path) => `GET ${place}/unsigned/${path} HTTP/1.1\r\nHost: gate\r\n\r\n`);
    expect(await statusesOf(gate, `${signedHead}\r\n${pipelined.join('')}`)).to.deep.equal([
      200,
      ...paths.map(() => 403),
    ]);
    const inside = `GET ${place}/unsigned/manifests/1.0 HTTP/1.1\r\nHost: gate\r\n\r\n`;
    const whole = `${signedHead}Content-Length: ${String(inside.length)}\r\n\r\n${inside}`;
    expect(await statusesOf(gate, whole)).to.deep.equal([200]);
    const broken = [
      'Transfer-Encoding: xchunked',
      'Transfer-Encoding: chunked, identity',
      'Transfer-Encoding : chunked',
      'Content-Length: 1\r\nContent-Length: 2',
      'Content-Length: +1',
      'X: a\r\n b',
    ];
    for (const line of broken)
      expect(await statusesOf(gate, `${signedHead}${line}\r\n\r\n${inside}`), line).to.deep.equal([400]);
  });

  it('G62 conditions, ranges and other methods do not lead to what is refused', async () => {
    const unsigned = await pushImage(bench.place('shop/web', '1.0'));
    const gate = await bench.start();
    const image = `/v2/${bench.registry.host}/shop/web`;
    const [config = ''] = blobsOf(unsigned);
    const tries: readonly [string, string, string][] = [
      ['GET', `${image}/manifests/1.0`, `If-None-Match: "${unsigned.digest}"`],
      ['GET', `${image}/manifests/${unsigned.digest}`, 'If-None-Match: *'],
      ['HEAD', `${image}/manifests/1.0`, 'If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT'],
      ['GET', `${image}/blobs/${config}`, 'Range: bytes=0-0,2-3'],
      ['GET', `${image}/referrers/${unsigned.digest}?artifactType=application%2Fjson`, 'Accept: */*'],
      ['GET', `${image}/manifests/1.0`, 'X-Original-URL: /v2/\r\nX-HTTP-Method-Override: HEAD'],
    ];
    for (const [method, path, line] of tries)
      expect(
        await statusesOf(gate, `${method} ${path} HTTP/1.1\r\nHost: gate\r\n${line}\r\n\r\n`),
        line,
      ).to.deep.equal([403]);
    for (const method of ['OPTIONS', 'TRACE', 'PROPFIND', 'SEARCH'])
      expect(
        await statusesOf(gate, `${method} ${image}/manifests/1.0 HTTP/1.1\r\nHost: gate\r\n\r\n`),
      ).to.deep.equal([405]);
  });

  it('G62 other spellings of a digest, and lists of all repositories, are none', async () => {
    const image = await bench.pushSigned('shop/web', '1.0');
    const gate = await bench.start();
    bench.registry.forgetLog();
    const hex = image.digest.slice('sha256:'.length);
    const places = [
      `shop/web/manifests/SHA256:${hex}`,
      `shop/web/manifests/sha256:${hex.toUpperCase()}`,
      `shop/web/manifests/sha512:${hex}`,
      `shop/web/manifests/sha256%3A${hex}%00`,
      `shop/web/blobs/sha256-${hex}`,
      `shop/web%2Fmanifests/1.0`,
      'shop/web/manifests/1.0;v=2',
      '_catalog',
    ];
    for (const place of ['_catalog', ...places.map((one) => `${bench.registry.host}/${one}`)])
      expect((await gate.get(place)).status, place).to.be.oneOf([400, 404, 405]);
    expect(bench.registry.requests).to.have.length(0);
  });
});

/** Sends a text as it is, and returns the statuses of all answers. */
function statusesOf(gate: RunningGate, text: string): Promise<readonly number[]> {
  const { hostname, port } = new URL(gate.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let read = '';
    socket.setEncoding('utf8');
    socket.on('data', (piece: string) => (read += piece));
    socket.on('close', () => {
      resolve([...read.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status)));
    });
    socket.on('error', reject);
    socket.write(text);
    // The last request asks for the end of the connection.
    socket.write('GET /v2/ HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n');
  }).then((statuses) => {
    const all = statuses as number[];
    // Of the last request; after a broken one nothing follows.
    return all.at(-1) === 200 && all.length > 1 ? all.slice(0, -1) : all;
  });
}
