import { createServer, type AddressInfo, type Server } from 'node:net';
import { expect } from 'chai';
import { digestOf } from '../../../src/core/model/index.ts';
import type { EmbeddedRegistry } from '../../support/registry/index.ts';
import { all, answer, firstTimes, redirect, refuse } from '../../support/registry/misbehave.ts';
import { pushImage, pushIndex, pushManifest, pushTag } from '../../support/registry/push.ts';
import { client, closeClients, faultOf, patient, pinned, tagged, useRegistry } from './client.ts';

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';

describe('reading manifests', () => {
  let registry: EmbeddedRegistry;
  useRegistry((started) => (registry = started));

  const target = (): { registry: string; repository: string; tag: string } => ({
    registry: registry.host,
    repository: 'shop/web',
    tag: '1.0',
  });

  it('reads an image by tag and by digest', async () => {
    const pushed = await pushImage(target(), { annotations: { a: 'b' } });
    for (const ref of [tagged(registry), pinned(registry, pushed.digest)]) {
      const manifest = await client().manifest(ref, patient());
      expect(manifest).to.include({ digest: pushed.digest, mediaType: OCI_MANIFEST, size: pushed.size });
      expect(manifest?.annotations).to.deep.equal({ a: 'b' });
    }
  });

  it('reads the digest, not the tag, when the reference has both', async () => {
    const first = await pushImage(target(), { salt: 'first' });
    await pushImage(target(), { salt: 'second' });
    const ref = { ...pinned(registry, first.digest), tag: '1.0' };
    expect((await client().manifest(ref, patient()))?.digest).to.equal(first.digest);
  });

  it('reads an index with its children', async () => {
    const child = await pushImage({ ...target(), tag: 'child' });
    await pushIndex(target(), {
      manifests: [{ ...child, platform: { os: 'linux', architecture: 'arm64' } }],
    });
    const index = await client().manifest(tagged(registry), patient());
    expect(index?.mediaType).to.equal(OCI_INDEX);
    expect(index?.manifests[0]).to.deep.include({ digest: child.digest });
  });

  it('requests all types that it can read, uncompressed', async () => {
    const seen: Record<string, unknown>[] = [];
    registry.intercept((request) => {
      seen.push(request.headers);
      return undefined;
    });
    await client().manifest(tagged(registry), patient());
    expect(seen[0]).to.include({ 'accept-encoding': 'identity', 'user-agent': 'pratique' });
    expect(String(seen[0]?.accept).split(', ')).to.have.length(4);
  });

  it('returns undefined for a missing tag, digest and repository', async () => {
    await pushImage(target());
    const registryClient = client();
    expect(await registryClient.manifest(tagged(registry, 'none'), patient())).to.equal(undefined);
    expect(await registryClient.manifest(pinned(registry, digestOf('no')), patient())).to.equal(undefined);
    expect(await registryClient.tagDigest(tagged(registry, '1.0', 'none'), patient())).to.equal(undefined);
  });

  it('resolves a tag by HEAD alone', async () => {
    const pushed = await pushImage(target());
    const from = registry.requests.length;
    expect(await client().tagDigest(tagged(registry), patient())).to.equal(pushed.digest);
    expect(registry.requests.slice(from).map(({ method }) => method)).to.deep.equal(['HEAD']);
  });

  /** A server that answers each HEAD with the digest of the tag, and sends this after it, at once or before the next answer. */
  const headServer = async (
    after: string,
    isLate = false,
  ): Promise<{ server: Server; connections: () => number; requests: () => number; host: string }> => {
    let [connections, requests] = [0, 0];
    const server = createServer((socket) => {
      connections += 1;
      let late = '';
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        requests += 1;
        const [, tag = ''] = /^HEAD \S+\/(\S+) /.exec(bytes.toString()) ?? [];
        const head = `HTTP/1.1 200 OK\r\ndocker-content-digest: ${digestOf(tag)}\r\ncontent-length: 100\r\n\r\n`;
        socket.write(isLate ? `${late}${head}` : `${head}${after}`);
        late = after;
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return {
      server,
      connections: () => connections,
      requests: () => requests,
      host: `127.0.0.1:${String(port)}`,
    };
  };
  const askSome = async (host: string, asking = client()): Promise<void> => {
    for (const tag of 'abcdef')
      expect(await asking.tagDigest({ registry: host, repository: 'shop/web', tag }, patient())).to.equal(
        digestOf(tag),
      );
  };

  it('resolves tags over few connections', async () => {
    const { server, connections, host } = await headServer('');
    await askSome(host);
    // One, and another where the first is not free yet when the next tag is asked for.
    expect(connections()).to.be.at.most(2);
    await closeClients();
    server.close();
  });

  it('G52 what a registry sends after the answer to a HEAD answers no other request', async () => {
    const forged = `HTTP/1.1 200 OK\r\ndocker-content-digest: ${digestOf('forged')}\r\n\r\n`;
    for (const body of [forged, '{"schemaVersion":2}']) {
      const { server, host } = await headServer(body);
      await askSome(host);
      await closeClients();
      server.close();
    }
  });

  it('G52 what comes so late that the next request is under way fails none', async () => {
    const { server, requests, host } = await headServer('{"schemaVersion":2}', true);
    const asking = client();
    await askSome(host, asking);
    const before = requests();
    await askSome(host, asking);
    // Known now: each has a connection of its own. Those that were kept before are met once more.
    expect(requests() - before).to.be.at.most(8);
    await closeClients();
    server.close();
  });

  it('G52 a connection to where a registry redirects a HEAD is not kept: what lies there may be anything', async () => {
    const { server, connections, host } = await headServer('');
    registry.intercept(redirect('/manifests/', ({ url }) => `http://${host}${url.pathname}`));
    await askSome(registry.host);
    expect(connections()).to.equal(6);
    await closeClients();
    server.close();
  });

  it('resolves a tag by GET when HEAD names no digest', async () => {
    const pushed = await pushImage(target());
    registry.intercept((request) => (request.method === 'HEAD' ? { status: 200 } : undefined));
    expect(await client().tagDigest(tagged(registry), patient())).to.equal(pushed.digest);
  });

  it('reads a sha512 digest', async () => {
    const { body } = await pushImage(target());
    const bytes = JSON.stringify(body);
    const digest = digestOf(bytes, 'sha512');
    registry.intercept(
      answer(digest, { status: 200, headers: { 'content-type': OCI_MANIFEST }, body: bytes }),
    );
    expect((await client().manifest(pinned(registry, digest), patient()))?.digest).to.equal(digest);
  });

  describe('T03 refuses', () => {
    const good = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
    const lies = async (body: string, headers: Record<string, string>, asked?: string): Promise<string> => {
      registry.intercept(answer('/manifests/', { status: 200, headers, body }));
      const ref = asked === undefined ? tagged(registry) : pinned(registry, asked);
      return (await faultOf(client().manifest(ref, patient()), 'RegistryMisbehaved')).detail;
    };

    it('bytes that do not match the requested digest', async () => {
      expect(await lies(good, { 'content-type': OCI_INDEX }, digestOf('other'))).to.match(/bytes/);
    });
    it('a digest header that is not that of the bytes', async () => {
      const headers = { 'content-type': OCI_INDEX, 'docker-content-digest': digestOf('other') };
      expect(await lies(good, headers)).to.match(/Docker-Content-Digest/);
    });
    it('a digest header with another digest than requested, with the right bytes', async () => {
      const headers = { 'content-type': OCI_INDEX, 'docker-content-digest': digestOf('other') };
      expect(await lies(good, headers, digestOf(good))).to.match(/Docker-Content-Digest/);
    });
    it('a digest header that is no digest', async () => {
      const headers = { 'content-type': OCI_INDEX, 'docker-content-digest': 'sha256:ABC' };
      expect(await lies(good, headers)).to.match(/not a digest/);
    });
    it('a type that contradicts the body', async () => {
      expect(await lies(good, { 'content-type': OCI_MANIFEST })).to.match(/mediaType/);
    });
    it('a body that is no JSON, without repeating it', async () => {
      expect(await lies('<html>secret</html>', { 'content-type': OCI_INDEX })).to.not.match(/secret/);
    });
    it('a Docker schema 1 manifest, saying so', async () => {
      expect(await lies('{"schemaVersion":1}', {})).to.match(/schema 1/);
    });
    it('a HEAD that names another digest than requested', async () => {
      const headers = { 'docker-content-digest': digestOf('other') };
      registry.intercept(answer('/manifests/', { status: 200, headers }));
      const ref = pinned(registry, digestOf(good));
      await faultOf(client().tagDigest(ref, patient()), 'RegistryMisbehaved');
    });
  });

  it('T03 detects different digests in HEAD and GET of one tag', async () => {
    const first = await pushImage(target(), { salt: 'first' });
    const registryClient = client();
    const digest = await registryClient.tagDigest(tagged(registry), patient());
    const second = await pushImage({ ...target(), tag: 'other' }, { salt: 'second' });
    await pushTag(target(), '1.0', second);
    // A reference pinned to the digest of the HEAD reads exactly that, however the tag has moved meanwhile.
    const read = await client().manifest({ ...tagged(registry), digest: digest ?? digestOf('') }, patient());
    expect(read?.digest).to.equal(first.digest);
  });

  it('H04 refuses an index with thousands of children', async () => {
    const child = { mediaType: OCI_MANIFEST, digest: digestOf('x'), size: 1 };
    const manifests = Array.from({ length: 2_001 }, () => child);
    await pushManifest(target(), { schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    await faultOf(client().manifest(tagged(registry), patient()), 'LimitExceeded');
  });

  const STATUSES = [
    [401, 'RegistryDenied', false],
    [403, 'RegistryDenied', false],
    [429, 'RegistryRateLimited', true],
    [500, 'RegistryUnavailable', true],
    [503, 'RegistryUnavailable', true],
    [418, 'RegistryMisbehaved', false],
    [304, 'RegistryMisbehaved', false],
    [302, 'RegistryMisbehaved', false],
  ] as const;
  for (const [status, code, transient] of STATUSES) {
    it(`calls ${String(status)} ${code}, ${transient ? '' : 'not '}transient`, async () => {
      registry.intercept(refuse('/manifests/', status));
      const fault = await faultOf(client().manifest(tagged(registry), patient()), code);
      expect(fault).to.include({ transient, side: 'source' });
      expect(fault.operation).to.equal(`read manifest of ${registry.host}/shop/web:1.0`);
      await faultOf(client().tagDigest(tagged(registry), patient()), code);
    });
  }

  it('counts every request with host, operation and code', async () => {
    await pushImage(target());
    const counted: unknown[] = [];
    registry.intercept(all(firstTimes(1, '/manifests/', refuse('', 503, { 'retry-after': '0' }))));
    await client({ onRequest: (event) => counted.push(event) }).manifest(tagged(registry), patient());
    const common = { host: registry.host, operation: 'manifest' };
    expect(counted).to.deep.equal([
      { ...common, code: '503' },
      { ...common, code: '200' },
    ]);
  });
});
