import { expect } from 'chai';
import {
  MAX_MANIFEST_BYTES,
  parseManifest,
  type Digest,
  type ManifestContent,
} from '../../../src/core/model/index.ts';
import { digestOf } from '../../../src/core/model/index.ts';
import type { EmbeddedRegistry } from '../../support/registry/index.ts';
import { amend, refuse } from '../../support/registry/misbehave.ts';
import { client, faultOf, patient, pinned, tagged } from './client.ts';
import { closeAfterEach, openRegistry, log, putting } from './two-registries.ts';
import { NOTE, OCI_INDEX, OCI_MANIFEST } from './registry-fixture.ts';

const SUBJECT = { mediaType: OCI_MANIFEST, digest: digestOf('the image'), size: 9 };
const TAG = SUBJECT.digest.replace(':', '-');

/** A manifest with these fields, as it would be read. */
function content(fields: Record<string, unknown>): ManifestContent {
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, ...fields }, null, 1),
  );
  const manifest = parseManifest(bytes, digestOf(bytes), undefined);
  if (!manifest.ok) throw new Error(JSON.stringify(manifest.problems));
  return { manifest: manifest.value, bytes };
}

const note = (n: number): ManifestContent =>
  content({ artifactType: NOTE, subject: SUBJECT, annotations: { n: String(n) } });

/** The content of the fallback tag. */
async function listed(registry: EmbeddedRegistry): Promise<Record<string, unknown>> {
  const response = await fetch(`${registry.url}/v2/gold/web/manifests/${TAG}`, {
    headers: { accept: OCI_INDEX },
  });
  return response.ok ? ((await response.json()) as Record<string, unknown>) : {};
}

async function seed(registry: EmbeddedRegistry, index: unknown, type = OCI_INDEX): Promise<void> {
  const body = JSON.stringify(index);
  const headers = { 'content-type': type };
  await fetch(`${registry.url}/v2/gold/web/manifests/${TAG}`, { method: 'PUT', headers, body });
  registry.forgetLog();
}

describe('pushing a manifest', () => {
  closeAfterEach();

  it('sends the unchanged bytes, under the tag, in one request', async () => {
    const registry = await openRegistry();
    const one = client();
    const image = content({ layers: [] });
    const to = tagged(registry, '1.0', 'gold/web');
    await one.pushManifest(to, image, patient());
    expect(log(registry)).to.deep.equal(['PUT manifests 201']);
    const read = await one.content(to, patient());
    expect(Buffer.from(read?.bytes ?? []).equals(image.bytes)).to.equal(true);
    expect(read?.manifest).to.deep.equal(image.manifest);
  });

  it('uses the digest when the reference has one, or has neither digest nor tag', async () => {
    const registry = await openRegistry();
    const one = client();
    const image = content({ layers: [] });
    const to = pinned(registry, image.manifest.digest, 'gold/web');
    await one.pushManifest({ ...to, tag: '1.0' }, image, patient());
    await one.pushManifest({ registry: registry.host, repository: 'gold/web' }, image, patient());
    expect(await one.tags(to, patient())).to.deep.equal([]);
    await faultOf(
      one.pushManifest({ ...to, digest: digestOf('another') }, image, patient()),
      'InternalError',
    );
  });

  it('sends no request when it is larger than registries accept', async () => {
    const registry = await openRegistry();
    const { manifest } = content({ layers: [] });
    const large = { manifest, bytes: new Uint8Array(MAX_MANIFEST_BYTES + 1) };
    const fault = await faultOf(
      client().pushManifest(tagged(registry, '1.0', 'gold/web'), large, patient()),
      'LimitExceeded',
    );
    expect(fault.side).to.equal('target');
    expect(registry.requests).to.deep.equal([]);
  });

  it('throws a Fault when the registry stored something else', async () => {
    const registry = await openRegistry();
    registry.intercept(
      amend(putting, (reply) => ({ ...reply, headers: { 'docker-content-digest': digestOf('another') } })),
    );
    await faultOf(
      client().pushManifest(tagged(registry, '1.0', 'gold/web'), content({}), patient()),
      'RegistryMisbehaved',
    );
  });

  for (const [status, code] of [
    [400, 'RegistryMisbehaved'],
    [402, 'RegistryDenied'],
    [403, 'RegistryDenied'],
    [405, 'RegistryDenied'],
    [408, 'RegistryUnavailable'],
    [409, 'RegistryDenied'],
    [412, 'RegistryDenied'],
    [413, 'LimitExceeded'],
    [429, 'RegistryRateLimited'],
    [500, 'RegistryUnavailable'],
    [507, 'RegistryUnavailable'],
  ] as const) {
    it(`throws ${code} of the target on ${String(status)}, with the message of the registry`, async () => {
      const registry = await openRegistry();
      const errors = [{ code: 'TAG_IMMUTABLE', message: 'hidden words' }];
      registry.intercept(() => ({ status, body: JSON.stringify({ errors }) }));
      const fault = await faultOf(
        client().pushManifest(tagged(registry, '1.0', 'gold/web'), content({}), patient()),
        code,
      );
      expect(fault.side).to.equal('target');
      expect(fault.message).to.include('TAG_IMMUTABLE').and.not.include('hidden');
      expect(registry.requests).to.have.length(1);
    });
  }
});

describe('pushing a manifest with a subject', () => {
  closeAfterEach();

  const push = (registry: EmbeddedRegistry, one: ManifestContent, by = client()): Promise<void> =>
    by.pushManifest({ registry: registry.host, repository: 'gold/web' }, one, patient());

  it('is one request when the registry lists it', async () => {
    const registry = await openRegistry();
    await push(registry, note(1));
    expect(log(registry)).to.deep.equal(['PUT manifests 201']);
  });

  it('is listed under the fallback tag when the registry does not list it, and read back', async () => {
    const registry = await openRegistry({ referrersApi: false });
    const { manifest } = note(1);
    await push(registry, note(1));
    expect(log(registry)).to.deep.equal([
      'PUT manifests 201',
      'GET manifests 404',
      'PUT manifests 201',
      'GET manifests 200',
    ]);
    expect(await listed(registry)).to.deep.equal({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [
        {
          mediaType: OCI_MANIFEST,
          digest: manifest.digest,
          size: manifest.size,
          artifactType: NOTE,
          annotations: { n: '1' },
        },
      ],
    });
    expect(await client().referrers(pinned(registry, SUBJECT.digest, 'gold/web'), patient())).to.have.length(
      1,
    );
  });

  it('is listed there also when the registry confirms another subject', async () => {
    const registry = await openRegistry();
    registry.intercept(amend(putting, (reply) => ({ ...reply, headers: { 'oci-subject': digestOf('x') } })));
    await push(registry, note(1));
    expect((await listed(registry)).manifests).to.have.length(1);
  });

  it('has the artifact type of its config when it has none', async () => {
    const registry = await openRegistry({ referrersApi: false });
    const config = { mediaType: NOTE, digest: digestOf('{}'), size: 2 };
    await push(registry, content({ config, subject: SUBJECT }));
    expect((await listed(registry)).manifests).to.have.nested.property('[0].artifactType', NOTE);
  });

  it('is merged into the listing: other entries stay unchanged, duplicates are removed', async () => {
    const registry = await openRegistry({ referrersApi: false });
    const other = { mediaType: OCI_MANIFEST, digest: digestOf('a'), size: 1, future: { field: 1 } };
    await seed(registry, {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [other, other],
      annotations: { kept: 'yes' },
    });
    await push(registry, note(1));
    const index = await listed(registry);
    expect(index.annotations).to.deep.equal({ kept: 'yes' });
    expect(index.manifests).to.have.length(2).and.have.deep.nested.property('[0]', other);
  });

  it('is not written again when it is listed already', async () => {
    const registry = await openRegistry({ referrersApi: false });
    await push(registry, note(1));
    registry.forgetLog();
    await push(registry, note(1));
    expect(log(registry)).to.deep.equal(['PUT manifests 201', 'GET manifests 200']);
  });

  it('never overwrites another object under the tag', async () => {
    const registry = await openRegistry({ referrersApi: false });
    await seed(registry, { schemaVersion: 2, mediaType: OCI_MANIFEST, layers: [] }, OCI_MANIFEST);
    const fault = await faultOf(push(registry, note(1)), 'RegistryMisbehaved');
    expect(fault.side).to.equal('target');
    expect(log(registry)).to.deep.equal(['PUT manifests 201', 'GET manifests 200']);
  });

  it('does not treat an outage as an empty listing', async () => {
    const registry = await openRegistry({ referrersApi: false });
    registry.intercept(refuse(({ method }) => method === 'GET', 500));
    await faultOf(push(registry, note(1)), 'RegistryUnavailable');
    expect(log(registry).filter((line) => line.startsWith('PUT'))).to.have.length(1);
  });

  it('loses no entry when one client pushes many at once', async () => {
    const registry = await openRegistry({ referrersApi: false });
    const one = client();
    const views = [one, one.as({ scope: 'acme', keychain: () => Promise.resolve(undefined) })];
    await Promise.all(
      Array.from({ length: 10 }, (_, n) => push(registry, note(n), views[n % 2] as typeof one)),
    );
    expect(log(registry)).to.have.length(4 * 10); // none had to write twice
    expect((await listed(registry)).manifests).to.have.length(10);
  });

  it('is listed again when another writer has overwritten the listing meanwhile', async () => {
    const registry = await openRegistry({ referrersApi: false });
    const theirs = { mediaType: OCI_MANIFEST, digest: digestOf('theirs'), size: 1 };
    let left = 2;
    registry.intercept(async (request, handle) => {
      if (request.method !== 'PUT' || !request.url.pathname.endsWith(TAG) || left === 0) return undefined;
      left -= 1;
      const reply = await handle(request);
      const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [theirs] });
      await handle({ ...request, body: () => Promise.resolve(Buffer.from(index)) });
      return reply;
    });
    await push(registry, note(1), client({ random: () => 0 }));
    const { manifests } = (await listed(registry)) as { manifests: { digest: Digest }[] };
    expect(manifests.map(({ digest }) => digest)).to.deep.equal([theirs.digest, note(1).manifest.digest]);
  });

  it('throws a transient Fault when others overwrite the listing again and again', async () => {
    const registry = await openRegistry({ referrersApi: false });
    registry.intercept((request) =>
      request.method === 'PUT' && request.url.pathname.endsWith(TAG) ? { status: 201 } : undefined,
    );
    const fault = await faultOf(push(registry, note(1), client({ random: () => 0 })), 'RegistryUnavailable');
    expect([fault.side, fault.transient]).to.deep.equal(['target', true]);
    expect(
      registry.requests.filter(({ method, path }) => method === 'PUT' && path.endsWith(TAG)),
    ).to.have.length(6);
  });
});
