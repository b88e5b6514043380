import { expect } from 'chai';
import { blobsOf, useGates } from './bench.ts';
import { connect } from 'node:net';
import type { RunningGate } from './running-gate.ts';
import { startRegistry } from '../support/registry/index.ts';
import { pushImage } from '../support/registry/push.ts';

describe('requests that try to go round the gate', () => {
  const bench = useGates();

  it('G11 ns leads nowhere that no upstream covers, and counts once', async () => {
    const other = await startRegistry();
    try {
      await pushImage({ registry: other.host, repository: 'shop/web', tag: '1.0' });
      other.forgetLog();
      const gate = await bench.start([bench.signed()], {
        upstreams: [{ match: [`${bench.registry.host}/**`] }],
      });
      const ask = async (path: string) => (await gate.get(path)).status;
      expect(await ask(`shop/web/manifests/1.0?ns=${other.host}`)).to.equal(404);
      expect(await ask(`${other.host}/shop/web/manifests/1.0`)).to.equal(404);
      expect(await ask(`shop/web/manifests/1.0?ns=${bench.registry.host}&ns=${other.host}`)).to.equal(400);
      expect(await ask(`shop/web/manifests/1.0?ns=${bench.registry.host}@${other.host}`)).to.equal(400);
      expect(await ask(`shop/web/manifests/1.0?ns=${bench.registry.host}/../${other.host}`)).to.equal(400);
      expect(other.requests).to.have.length(0);
      await bench.pushSigned('shop/web', '1.0');
      expect(await ask(`shop/web/manifests/1.0?ns=${encodeURIComponent(bench.registry.host)}`)).to.equal(200);
    } finally {
      await other.close();
    }
  });

  it('G12 no spelling of a path reaches another name', async () => {
    await bench.pushSigned('shop/web', '1.0');
    const gate = await bench.start();
    bench.registry.forgetLog();
    const paths = [
      '/v2/../v2/x/manifests/1.0',
      `/v2/${bench.registry.host}/shop%2Fweb/manifests/1.0`,
      `/v2/${bench.registry.host}/shop/web/manifests/..%2f1.0`,
      `/v2/${bench.registry.host}/shop/%77eb/manifests/1.0`,
      `/v2/${bench.registry.host}/shop//web/manifests/1.0`,
      `/v2/${bench.registry.host}/shop/./web/manifests/1.0`,
      `/v2/${bench.registry.host}/shop\\web/manifests/1.0`,
      `/v2/${bench.registry.host}/Shop/web/manifests/1.0`,
      `/v2/${bench.registry.host}/shop/web:2/manifests/1.0`,
      `/v2/${bench.registry.host}/shop/web@sha256/manifests/1.0`,
      `/v2/${bench.registry.host}/shop/web/manifests/1.0%00`,
      `/v2/${bench.registry.host}/shop/web/manifests/1.0/`,
      `/V2/${bench.registry.host}/shop/web/manifests/1.0`,
      `/v2/${bench.registry.host}/shop/web/manifests/`,
      `//${bench.registry.host}/v2/shop/web/manifests/1.0`,
    ];
    for (const path of paths)
      expect(await statusOf(gate, `GET ${path} HTTP/1.1`), path).to.be.oneOf([400, 404, 405]);
    expect(bench.registry.requests).to.have.length(0);
  });

  it('G13 Host and X-Forwarded headers change nothing that is judged, and no address of tokens for others', async () => {
    await pushImage(bench.place('shop/web', '1.0'));
    const gate = await bench.start([bench.signed()], {
      ...{
        callers: { anonymous: true, passthrough: true },
        upstreams: [{ match: ['**'], passthrough: true }],
      },
    });
    const head = ['Host: evil.example"x', 'X-Forwarded-Host: evil.example', 'Forwarded: host=evil.example'];
    const text = await exchange(gate, [
      `GET /v2/${bench.registry.host}/shop/web/manifests/1.0 HTTP/1.1`,
      ...head,
    ]);
    expect(text).to.match(/^HTTP\/1\.1 401 /);
    expect(text).to.include('realm="http://localhost/token"').and.not.include('evil.example');
  });

  it('G14 a client is judged alike whatever it calls itself and accepts', async () => {
    await pushImage(bench.place('shop/web', '1.0'));
    const gate = await bench.start();
    for (const agent of ['kubelet', 'trivy/0.70', 'pratique', 'containerd/2.1'])
      expect(
        await bench.status(gate, 'shop/web/manifests/1.0', { headers: { 'user-agent': agent } }),
      ).to.equal(403);
    const accept = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
    expect(await bench.status(gate, 'shop/web/manifests/1.0', { headers: { accept } })).to.equal(403);
  });

  it('G19 nothing is written, mounted or deleted', async () => {
    const image = await bench.pushSigned('shop/web', '1.0');
    const gate = await bench.start();
    bench.registry.forgetLog();
    const tries: readonly [string, string][] = [
      ['POST', 'shop/web/blobs/uploads/'],
      ['POST', `shop/web/blobs/uploads/?mount=${image.digest}&from=shop/web`],
      ['PUT', 'shop/web/manifests/2.0'],
      ['PATCH', 'shop/web/blobs/uploads/1'],
      ['DELETE', `shop/web/manifests/${image.digest}`],
    ];
    for (const [method, path] of tries) {
      const answer = await gate.get(`${bench.registry.host}/${path}`, { method });
      expect(answer.status, method).to.equal(405);
      expect(await answer.text()).to.include('only answers pulls');
    }
    expect(bench.registry.requests).to.have.length(0);
  });

  it('G20 names and URLs of any length are answered at once', async () => {
    const gate = await bench.start();
    bench.registry.forgetLog();
    for (const length of [300, 3_000, 12_000])
      expect(
        await statusOf(gate, `GET /v2/${bench.registry.host}/${'a'.repeat(length)}/manifests/1 HTTP/1.1`),
      ).to.equal(400);
    expect(bench.registry.requests).to.have.length(0);
  });

  it('G21 the gate is no proxy and does not upgrade', async () => {
    const gate = await bench.start();
    bench.registry.forgetLog();
    const lines = [
      [`GET http://${bench.registry.host}/v2/ HTTP/1.1`],
      [`CONNECT ${bench.registry.host} HTTP/1.1`],
      ['GET /v2/ HTTP/1.1', 'Connection: Upgrade', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'],
    ];
    for (const head of lines)
      expect(await exchange(gate, head)).not.to.match(/^HTTP\/1\.1 (?:101|200 Connection)/);
    expect(bench.registry.requests).to.have.length(0);
  });

  it('G22 two lengths of one request are refused', async () => {
    const gate = await bench.start();
    const head = ['POST /v2/ HTTP/1.1', 'Content-Length: 4', 'Transfer-Encoding: chunked'];
    expect(await exchange(gate, head, '0\r\n\r\nGET /v2/ HTTP/1.1\r\n\r\n')).to.match(/^HTTP\/1\.1 400 /);
  });

  it('G26 refused tags are left out of a list where the settings hide them', async () => {
    await bench.pushSigned('shop/web', '1.0');
    await pushImage(bench.place('shop/web', '2.0'), { salt: 'unsigned' });
    const tagsOf = async (gate: RunningGate) => {
      const answer = await gate.get(`${bench.registry.host}/shop/web/tags/list`);
      return ((await answer.json()) as { tags: string[] }).tags;
    };
    expect(await tagsOf(await bench.start())).to.deep.equal(['1.0', '2.0']);
    expect(await tagsOf(await bench.start([bench.signed()], { refusedTags: 'Hidden' }))).to.deep.equal([
      '1.0',
    ]);
  });

  it('G29 an image that no policy covers is refused, unless the settings say otherwise', async () => {
    await pushImage(bench.place('shop/web', '1.0'));
    const elsewhere = [bench.signed({}, { match: { images: ['registry.example.com/**'] } })];
    expect(await bench.status(await bench.start(elsewhere), 'shop/web/manifests/1.0')).to.equal(403);
    expect(
      await bench.status(await bench.start(elsewhere, { unjudged: 'Allow' }), 'shop/web/manifests/1.0'),
    ).to.equal(200);
    const gate = await bench.start(elsewhere, { unjudged: 'Warn' });
    const answer = await gate.get(`${bench.registry.host}/shop/web/manifests/1.0`);
    expect(answer.status).to.equal(200);
    expect(answer.headers.get('warning')).to.include('UnmatchedImage');
  });

  it('G30 a policy for the name that is asked for counts also where another place is read', async () => {
    await pushImage(bench.place('golden/library/node', '20'));
    const asked = [bench.signed({}, { match: { images: ['docker.io/library/node'] } })];
    const upstreams = [{ match: ['docker.io/**'], registry: `${bench.registry.host}/golden` }];
    const gate = await bench.start(asked, { upstreams });
    expect((await gate.get('library/node/manifests/20?ns=docker.io')).status).to.equal(403);
    expect((await gate.get('docker.io/library/node/manifests/20')).status).to.equal(403);
    await bench.pushSigned('golden/library/node', '20');
    expect((await gate.get('library/node/manifests/20')).status).to.equal(200);
  });

  it('G31 a dry run refuses nothing, and says what it would refuse', async () => {
    const image = await pushImage(bench.place('shop/web', '1.0'));
    const gate = await bench.start([bench.signed()], { dryRun: true });
    const answer = await gate.get(`${bench.registry.host}/shop/web/manifests/1.0`);
    expect(answer.status).to.equal(200);
    expect(answer.headers.get('warning')).to.include('...: Unsigned');
    for (const digest of blobsOf(image))
      expect(await bench.status(gate, `shop/web/blobs/${digest}`)).to.equal(200);
    expect(gate.log.find(({ msg, kind }) => msg === 'pulled' && kind === 'manifest')).to.include({
      verdict: 'deny',
      reason: 'Unsigned',
    });
  });
});

/** Sends a head as it is, and answers all that comes back. */
function exchange(gate: RunningGate, head: readonly string[], body = ''): Promise<string> {
  const { hostname, port } = new URL(gate.url);
  const hasHost = head.some((line) => line.toLowerCase().startsWith('host:'));
  const lines = [...head, ...(hasHost ? [] : [`Host: ${hostname}`]), 'Connection: close'];
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (piece: string) => (text += piece));
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
    socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  });
}

async function statusOf(gate: RunningGate, line: string): Promise<number> {
  return Number(/^HTTP\/1\.1 (\d+) /.exec(await exchange(gate, [line]))?.[1] ?? 0);
}
