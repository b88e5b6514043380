import { expect } from 'chai';
import { connect } from 'node:net';
import { startGate, type RunningGate } from '../support/gate.ts';
import { policyDocument } from '../support/policies.ts';
import { startRegistry, type EmbeddedRegistry } from '../support/registry/index.ts';
import {
  addToFallbackTag,
  pushBlob,
  pushImage,
  pushIndex,
  pushManifest,
  pushReferrer,
  pushTag,
  type Pushed,
  type Target,
} from '../support/registry/push.ts';
import { pushBundleSignature, pushLegacySignature } from '../support/signed-images.ts';
import { signingKey, type SigningKey } from '../support/signing.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };

describe('ways round the gate', () => {
  let registry: EmbeddedRegistry;
  let key: SigningKey;
  let gates: RunningGate[];
  const place = (repository: string, tag?: string): Target => ({
    registry: registry.host,
    repository,
    ...(tag !== undefined && { tag }),
  });
  const signed = (require: object = {}, more: object = {}) =>
    policyDocument({
      authorities: [{ name: 'release', key: { pem: key.pem } }],
      require: { signatures: { from: ['release'] }, quarantine: {}, ...require },
      ...more,
    });
  const flags = () => policyDocument({ require: { quarantine: {} } }, 'flags');
  const start = async (policies: readonly object[] = [signed()], gate: object = {}): Promise<RunningGate> => {
    const started = await startGate({ upstreams: [{ match: ['**'] }], ...gate }, policies);
    gates.push(started);
    return started;
  };
  const pushSigned = async (repository: string, tag: string, salt = tag): Promise<Pushed> => {
    const image = await pushImage(place(repository, tag), { salt, layers: [`layer of ${salt}`] });
    await pushBundleSignature(place(repository), image, key);
    return image;
  };
  const blobsOf = ({ body }: Pushed): readonly string[] => {
    const { config, layers } = body as { config: { digest: string }; layers: { digest: string }[] };
    return [config, ...layers].map(({ digest }) => digest);
  };
  const status = async (gate: RunningGate, path: string, init?: RequestInit): Promise<number> => {
    const answer = await gate.get(`${registry.host}/${path}`, init);
    await answer.arrayBuffer().catch(() => undefined);
    return answer.status;
  };

  beforeEach(async () => {
    registry = await startRegistry();
    key = signingKey();
    gates = [];
  });
  afterEach(async () => {
    for (const gate of gates) await gate.close();
    await registry.close();
  });

  /** An index that is flagged, and its platforms that are not. */
  const pushFlaggedIndex = async () => {
    const to = place('shop/web');
    const platforms = [
      { ...(await pushImage(to, { salt: 'amd', platform: AMD64, layers: ['amd'] })), platform: AMD64 },
      { ...(await pushImage(to, { salt: 'arm', platform: ARM64, layers: ['arm'] })), platform: ARM64 },
    ];
    const annotations = { 'dev.pratique.quarantine': 'true' };
    const index = await pushIndex(place('shop/web', '1.0'), { manifests: platforms, annotations });
    return { index, platforms };
  };

  it('G01 a platform of a refused index is refused by its digest', async () => {
    const { index, platforms } = await pushFlaggedIndex();
    const gate = await start([flags()]);
    expect(await status(gate, 'shop/web/manifests/1.0')).to.equal(403);
    expect(await status(gate, `shop/web/manifests/${index.digest}`)).to.equal(403);
    for (const { digest } of platforms)
      expect(await status(gate, `shop/web/manifests/${digest}`)).to.equal(403);
  });

  it('G02 a platform of a refused index is refused also by a gate that has never read the index', async () => {
    const { platforms } = await pushFlaggedIndex();
    for (const { digest } of platforms)
      expect(await status(await start([flags()]), `shop/web/manifests/${digest}`)).to.equal(403);
  });

  it('G03 a layer or config of a refused image is refused by its digest', async () => {
    const image = await pushImage(place('shop/web', '1.0'), { layers: ['secret layer'] });
    const [known, fresh] = [await start(), await start()];
    expect(await status(known, 'shop/web/manifests/1.0')).to.equal(403);
    for (const digest of blobsOf(image)) {
      expect(await status(known, `shop/web/blobs/${digest}`)).to.equal(403);
      expect(await status(fresh, `shop/web/blobs/${digest}`)).to.equal(403);
      expect(await status(fresh, `shop/web/blobs/${digest}`, { method: 'HEAD' })).to.equal(403);
    }
  });

  it('G04 a tag that moved between HEAD and GET is judged again', async () => {
    await pushSigned('shop/web', '1.0');
    const gate = await start();
    expect(await status(gate, 'shop/web/manifests/1.0', { method: 'HEAD' })).to.equal(200);
    await pushImage(place('shop/web', '1.0'), { salt: 'unsigned' });
    expect(await status(gate, 'shop/web/manifests/1.0')).to.equal(403);
  });

  it('G05 the bytes are of the digest that was judged, also where the tag moves meanwhile', async () => {
    const good = await pushSigned('shop/web', '1.0');
    const gate = await start();
    let reads = 0;
    const bad = await pushImage(place('shop/web'), { salt: 'unsigned' });
    registry.intercept(async (request, handle) => {
      if (!request.url.pathname.endsWith('/manifests/1.0') || reads++ === 0) return undefined;
      const url = new URL(request.url.href.replace(/1\.0$/, bad.digest));
      return handle({ ...request, url });
    });
    const answer = await gate.get(`${registry.host}/shop/web/manifests/1.0`);
    expect(answer.headers.get('docker-content-digest')).to.equal(good.digest);
  });

  it('G06 a digest that is admitted in another repository is not served from this one', async () => {
    const image = await pushSigned('shop/web', '1.0');
    const gate = await start();
    expect(await status(gate, 'shop/web/manifests/1.0')).to.equal(200);
    expect(await status(gate, `evil/web/manifests/${image.digest}`)).to.equal(404);
  });

  it('G07 a blob of an admitted image is not served from another repository', async () => {
    const image = await pushSigned('shop/web', '1.0');
    await pushImage(place('evil/web', '1.0'));
    const gate = await start();
    expect(await status(gate, 'shop/web/manifests/1.0')).to.equal(200);
    for (const digest of blobsOf(image)) {
      expect(await status(gate, `shop/web/blobs/${digest}`)).to.equal(200);
      expect(await status(gate, `evil/web/blobs/${digest}`)).to.equal(404);
    }
  });

  it('G08 an image under a tag of signatures of an admitted image is refused', async () => {
    const image = await pushSigned('shop/web', '1.0');
    const hex = image.digest.replace(':', '-');
    for (const tag of [hex, `${hex}.sig`, `${hex}.att`])
      await pushImage(place('shop/web', tag), { salt: tag, layers: ['evil'] });
    const gate = await start();
    for (const tag of [hex, `${hex}.sig`, `${hex}.att`])
      expect(await status(gate, `shop/web/manifests/${tag}`), tag).to.equal(403);
  });

  it('G09 an image that names an admitted image as its subject is judged by itself', async () => {
    const subject = await pushSigned('shop/web', '1.0');
    const image = await pushImage(place('shop/web'), { salt: 'evil', layers: ['evil'] });
    const { digest, size, mediaType } = subject;
    const evil = await pushManifest(place('shop/web', 'evil'), {
      ...image.body,
      subject: { digest, size, mediaType },
      artifactType: 'application/vnd.example+json',
    });
    const index = await pushManifest(place('shop/web', 'evil-index'), {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ digest: image.digest, size: image.size, mediaType: image.mediaType, platform: AMD64 }],
      subject: { digest, size, mediaType },
    });
    const gate = await start();
    for (const one of [evil, index])
      expect(await status(gate, `shop/web/manifests/${one.digest}`)).to.equal(403);
    for (const blob of blobsOf(image)) expect(await status(gate, `shop/web/blobs/${blob}`)).to.equal(403);
  });

  it('G10 what a fallback tag lists is no platform of the image that it is about', async () => {
    const subject = await pushSigned('shop/web', '1.0');
    const evil = await pushImage(place('shop/web'), { salt: 'evil', layers: ['evil'] });
    const { digest, size, mediaType } = evil;
    await addToFallbackTag(place('shop/web'), subject.digest, { digest, size, mediaType });
    const gate = await start();
    await status(gate, `shop/web/manifests/${subject.digest.replace(':', '-')}`);
    expect(await status(gate, `shop/web/manifests/${digest}`)).to.equal(403);
    for (const blob of blobsOf(evil)) expect(await status(gate, `shop/web/blobs/${blob}`)).to.equal(403);
  });

  it('G11 ns leads nowhere that no upstream covers, and counts once', async () => {
    const other = await startRegistry();
    try {
      await pushImage({ registry: other.host, repository: 'shop/web', tag: '1.0' });
      other.forgetLog();
      const gate = await start([signed()], { upstreams: [{ match: [`${registry.host}/**`] }] });
      const ask = async (path: string) => (await gate.get(path)).status;
      expect(await ask(`shop/web/manifests/1.0?ns=${other.host}`)).to.equal(404);
      expect(await ask(`${other.host}/shop/web/manifests/1.0`)).to.equal(404);
      expect(await ask(`shop/web/manifests/1.0?ns=${registry.host}&ns=${other.host}`)).to.equal(400);
      expect(await ask(`shop/web/manifests/1.0?ns=${registry.host}@${other.host}`)).to.equal(400);
      expect(await ask(`shop/web/manifests/1.0?ns=${registry.host}/../${other.host}`)).to.equal(400);
      expect(other.requests).to.have.length(0);
      await pushSigned('shop/web', '1.0');
      expect(await ask(`shop/web/manifests/1.0?ns=${encodeURIComponent(registry.host)}`)).to.equal(200);
    } finally {
      await other.close();
    }
  });

  it('G12 no spelling of a path reaches another name', async () => {
    await pushSigned('shop/web', '1.0');
    const gate = await start();
    registry.forgetLog();
    const paths = [
      '/v2/../v2/x/manifests/1.0',
      `/v2/${registry.host}/shop%2Fweb/manifests/1.0`,
      `/v2/${registry.host}/shop/web/manifests/..%2f1.0`,
      `/v2/${registry.host}/shop/%77eb/manifests/1.0`,
      `/v2/${registry.host}/shop//web/manifests/1.0`,
      `/v2/${registry.host}/shop/./web/manifests/1.0`,
      `/v2/${registry.host}/shop\\web/manifests/1.0`,
      `/v2/${registry.host}/Shop/web/manifests/1.0`,
      `/v2/${registry.host}/shop/web:2/manifests/1.0`,
      `/v2/${registry.host}/shop/web@sha256/manifests/1.0`,
      `/v2/${registry.host}/shop/web/manifests/1.0%00`,
      `/v2/${registry.host}/shop/web/manifests/1.0/`,
      `/V2/${registry.host}/shop/web/manifests/1.0`,
      `/v2/${registry.host}/shop/web/manifests/`,
      `//${registry.host}/v2/shop/web/manifests/1.0`,
    ];
    for (const path of paths)
      expect(await statusOf(gate, `GET ${path} HTTP/1.1`), path).to.be.oneOf([400, 404, 405]);
    expect(registry.requests).to.have.length(0);
  });

  it('G13 Host and X-Forwarded headers change nothing that is judged, and no address of tokens for others', async () => {
    await pushImage(place('shop/web', '1.0'));
    const gate = await start([signed()], { callers: { anonymous: true, passthrough: true } });
    const head = ['Host: evil.example"x', 'X-Forwarded-Host: evil.example', 'Forwarded: host=evil.example'];
    const text = await exchange(gate, [`GET /v2/${registry.host}/shop/web/manifests/1.0 HTTP/1.1`, ...head]);
    expect(text).to.match(/^HTTP\/1\.1 401 /);
    expect(text).to.include('realm="http://localhost/token"').and.not.include('evil.example');
  });

  it('G14 a client is judged alike whatever it calls itself and accepts', async () => {
    await pushImage(place('shop/web', '1.0'));
    const gate = await start();
    for (const agent of ['kubelet', 'trivy/0.70', 'pratique', 'containerd/2.1'])
      expect(await status(gate, 'shop/web/manifests/1.0', { headers: { 'user-agent': agent } })).to.equal(
        403,
      );
    const accept = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
    expect(await status(gate, 'shop/web/manifests/1.0', { headers: { accept } })).to.equal(403);
  });

  it('G15 ranges are of blobs that are admitted, inside of them', async () => {
    const [good, bad] = [
      await pushSigned('shop/web', '1.0'),
      await pushImage(place('shop/bad', '1.0'), { layers: ['bad layer'] }),
    ];
    const gate = await start();
    const layer = blobsOf(good)[1]!;
    const ask = async (range: string) => {
      const answer = await gate.get(`${registry.host}/shop/web/blobs/${layer}`, { headers: { range } });
      return `${String(answer.status)} ${await answer.text()}`;
    };
    expect(await ask('bytes=0-4')).to.equal('206 layer');
    expect(await ask('bytes=9-')).to.equal('206 1.0');
    expect(await ask('bytes=-3')).to.equal('206 1.0');
    expect(await ask('bytes=0-999999')).to.equal('200 layer of 1.0');
    expect(await ask('bytes=0-1,3-4')).to.equal('200 layer of 1.0');
    expect(await ask('lines=0-1')).to.equal('200 layer of 1.0');
    expect(await ask('bytes=5-2')).to.equal('200 layer of 1.0');
    expect(await ask('bytes=999999999999999-')).to.match(/^416 /);
    expect(await ask('bytes=-0')).to.match(/^416 /);
    for (const digest of blobsOf(bad))
      expect(await status(gate, `shop/bad/blobs/${digest}`, { headers: { range: 'bytes=0-3' } })).to.equal(
        403,
      );
  });

  it('G19 nothing is written, mounted or deleted', async () => {
    const image = await pushSigned('shop/web', '1.0');
    const gate = await start();
    registry.forgetLog();
    const tries: readonly [string, string][] = [
      ['POST', 'shop/web/blobs/uploads/'],
      ['POST', `shop/web/blobs/uploads/?mount=${image.digest}&from=shop/web`],
      ['PUT', 'shop/web/manifests/2.0'],
      ['PATCH', 'shop/web/blobs/uploads/1'],
      ['DELETE', `shop/web/manifests/${image.digest}`],
    ];
    for (const [method, path] of tries) {
      const answer = await gate.get(`${registry.host}/${path}`, { method });
      expect(answer.status, method).to.equal(405);
      expect(await answer.text()).to.include('only answers pulls');
    }
    expect(registry.requests).to.have.length(0);
  });

  it('G20 names and URLs of any length are answered at once', async () => {
    const gate = await start();
    registry.forgetLog();
    for (const length of [300, 3_000, 12_000])
      expect(
        await statusOf(gate, `GET /v2/${registry.host}/${'a'.repeat(length)}/manifests/1 HTTP/1.1`),
      ).to.equal(400);
    expect(registry.requests).to.have.length(0);
  });

  it('G21 the gate is no proxy and does not upgrade', async () => {
    const gate = await start();
    registry.forgetLog();
    const lines = [
      [`GET http://${registry.host}/v2/ HTTP/1.1`],
      [`CONNECT ${registry.host} HTTP/1.1`],
      ['GET /v2/ HTTP/1.1', 'Connection: Upgrade', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'],
    ];
    for (const head of lines)
      expect(await exchange(gate, head)).not.to.match(/^HTTP\/1\.1 (?:101|200 Connection)/);
    expect(registry.requests).to.have.length(0);
  });

  it('G22 two lengths of one request are refused', async () => {
    const gate = await start();
    const head = ['POST /v2/ HTTP/1.1', 'Content-Length: 4', 'Transfer-Encoding: chunked'];
    expect(await exchange(gate, head, '0\r\n\r\nGET /v2/ HTTP/1.1\r\n\r\n')).to.match(/^HTTP\/1\.1 400 /);
  });

  const lies: readonly [string, (bytes: Buffer) => Buffer][] = [
    ['of another digest', (bytes) => Buffer.from(bytes.toString().toUpperCase())],
    ['too short', (bytes) => bytes.subarray(1)],
    ['too long', (bytes) => Buffer.concat([bytes, Buffer.from('more')])],
  ];
  for (const [what, lie] of lies)
    it(`G23 bytes that are ${what} never arrive as a whole blob`, async () => {
      const image = await pushSigned('shop/web', '1.0');
      const gate = await start();
      expect(await status(gate, 'shop/web/manifests/1.0')).to.equal(200);
      registry.intercept(async (request, handle) => {
        if (!request.url.pathname.includes('/blobs/') || request.method !== 'GET') return undefined;
        const reply = await handle(request);
        const body = lie(Buffer.from((reply.body ?? '') as string | Uint8Array));
        return { ...reply, body, headers: { ...reply.headers, 'content-length': String(body.byteLength) } };
      });
      const layer = blobsOf(image)[1]!;
      const outcome = await gate
        .get(`${registry.host}/shop/web/blobs/${layer}`)
        .then(async (answer) => (answer.ok ? answer.text() : String(answer.status)))
        .catch(() => 'cut');
      expect(outcome).to.be.oneOf(['cut', '503']);
    });

  it('G26 refused tags are left out of a list where the settings hide them', async () => {
    await pushSigned('shop/web', '1.0');
    await pushImage(place('shop/web', '2.0'), { salt: 'unsigned' });
    const tagsOf = async (gate: RunningGate) => {
      const answer = await gate.get(`${registry.host}/shop/web/tags/list`);
      return ((await answer.json()) as { tags: string[] }).tags;
    };
    expect(await tagsOf(await start())).to.deep.equal(['1.0', '2.0']);
    expect(await tagsOf(await start([signed()], { refusedTags: 'Hidden' }))).to.deep.equal(['1.0']);
  });

  it('G27 what is about a refused image is refused: its list of referrers, they and their blobs', async () => {
    const image = await pushImage(place('shop/web', '1.0'), { salt: 'unsigned' });
    const artifactType = 'application/vnd.example.sbom+json';
    const blobs = [{ mediaType: 'application/json', bytes: '{"a":1}' }];
    const referrer = await pushReferrer(place('shop/web'), { subject: image, artifactType, blobs });
    const gate = await start();
    expect(await status(gate, `shop/web/referrers/${image.digest}`)).to.equal(403);
    expect(await status(gate, `shop/web/manifests/${referrer.digest}`)).to.equal(403);
    for (const digest of blobsOf(referrer))
      expect(await status(gate, `shop/web/blobs/${digest}`)).to.equal(403);
  });

  it('clients verify for themselves: what is about an admitted image is served, in both forms of cosign', async () => {
    const image = await pushSigned('shop/web', '1.0');
    await pushLegacySignature(place('shop/web'), image, key);
    const gate = await start();
    const list = await gate.get(`${registry.host}/shop/web/referrers/${image.digest}`);
    const { manifests } = (await list.json()) as { manifests: { digest: string }[] };
    expect(manifests).to.have.length(1);
    for (const name of [manifests[0]!.digest, `${image.digest.replace(':', '-')}.sig`]) {
      const answer = await gate.get(`${registry.host}/shop/web/manifests/${name}`);
      expect(answer.status, name).to.equal(200);
      const { layers } = (await answer.json()) as { layers: { digest: string }[] };
      for (const { digest } of layers) expect(await status(gate, `shop/web/blobs/${digest}`)).to.equal(200);
    }
  });

  it('G28 a flagged platform of an index without a flag is refused', async () => {
    const to = place('shop/web');
    const annotations = { 'dev.pratique.quarantine': 'true' };
    const platform = await pushImage(to, { salt: 'amd', platform: AMD64, annotations });
    await pushIndex(place('shop/web', '1.0'), { manifests: [{ ...platform, platform: AMD64 }] });
    const gate = await start([flags()]);
    await status(gate, 'shop/web/manifests/1.0');
    expect(await status(gate, `shop/web/manifests/${platform.digest}`)).to.equal(403);
  });

  it('G29 an image that no policy covers is refused, unless the settings say otherwise', async () => {
    await pushImage(place('shop/web', '1.0'));
    const elsewhere = [signed({}, { match: { images: ['registry.example.com/**'] } })];
    expect(await status(await start(elsewhere), 'shop/web/manifests/1.0')).to.equal(403);
    expect(await status(await start(elsewhere, { unjudged: 'Allow' }), 'shop/web/manifests/1.0')).to.equal(
      200,
    );
    const gate = await start(elsewhere, { unjudged: 'Warn' });
    const answer = await gate.get(`${registry.host}/shop/web/manifests/1.0`);
    expect(answer.status).to.equal(200);
    expect(answer.headers.get('warning')).to.include('UnmatchedImage');
  });

  it('G30 a policy for the name that is asked for counts also where another place is read', async () => {
    await pushImage(place('golden/library/node', '20'));
    const asked = [signed({}, { match: { images: ['docker.io/library/node'] } })];
    const upstreams = [{ match: ['docker.io/**'], registry: `${registry.host}/golden` }];
    const gate = await start(asked, { upstreams });
    expect((await gate.get('library/node/manifests/20?ns=docker.io')).status).to.equal(403);
    expect((await gate.get('docker.io/library/node/manifests/20')).status).to.equal(403);
    await pushSigned('golden/library/node', '20');
    expect((await gate.get('library/node/manifests/20')).status).to.equal(200);
  });

  it('G31 a dry run refuses nothing, and says what it would refuse', async () => {
    const image = await pushImage(place('shop/web', '1.0'));
    const gate = await start([signed()], { dryRun: true });
    const answer = await gate.get(`${registry.host}/shop/web/manifests/1.0`);
    expect(answer.status).to.equal(200);
    expect(answer.headers.get('warning')).to.include('Unsigned');
    for (const digest of blobsOf(image)) expect(await status(gate, `shop/web/blobs/${digest}`)).to.equal(200);
    expect(gate.log.find(({ msg, kind }) => msg === 'pulled' && kind === 'manifest')).to.include({
      verdict: 'deny',
      reason: 'Unsigned',
    });
  });

  it('G36 many callers who ask for one image at once cost the registry what one costs', async () => {
    await pushSigned('shop/web', '1.0');
    const path = 'shop/web/manifests/1.0';
    const costOf = async (callers: number): Promise<number> => {
      const gate = await start();
      registry.forgetLog();
      const all = await Promise.all(Array.from({ length: callers }, () => status(gate, path)));
      expect(new Set(all)).to.deep.equal(new Set([200]));
      // Whether the tag has moved is asked again for callers that come later.
      return registry.requests.filter(({ method }) => method !== 'HEAD').length;
    };
    const one = await costOf(1);
    expect(await costOf(300)).to.equal(one);
  });

  it('G34 an exempt image is served by its digest alone, with its layers, and no other image of its name', async () => {
    const image = await pushImage(place('shop/web', '1.0'), { layers: ['own'] });
    const gate = await start([signed()], { exempt: [`${registry.host}/shop/web@${image.digest}`] });
    expect(await status(gate, 'shop/web/manifests/1.0')).to.equal(200);
    expect(await status(gate, `shop/web/manifests/${image.digest}`)).to.equal(200);
    for (const digest of blobsOf(image)) expect(await status(gate, `shop/web/blobs/${digest}`)).to.equal(200);
    await pushImage(place('shop/web', '1.0'), { salt: 'other' });
    await pushImage(place('evil/web', '1.0'), { layers: ['own'] });
    expect(await status(gate, 'shop/web/manifests/1.0')).to.equal(403);
    expect(await status(gate, `evil/web/manifests/${image.digest}`)).to.equal(403);
  });

  it('G32 a tag that is read as digest of an admitted image leads to that image alone', async () => {
    const image = await pushSigned('shop/web', '1.0');
    await pushTag(place('shop/web'), 'other', image);
    const blob = await pushBlob(place('shop/web'), { mediaType: 'application/octet-stream', bytes: 'loose' });
    const gate = await start();
    expect(await status(gate, 'shop/web/manifests/other')).to.equal(200);
    expect(await status(gate, `shop/web/blobs/${blob.digest}`)).to.equal(404);
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
