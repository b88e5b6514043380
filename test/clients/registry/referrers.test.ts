import { expect } from 'chai';
import { digestOf } from '../../../src/core/model/index.ts';
import { fallbackTag } from '../../../src/core/model/index.ts';
import { type EmbeddedRegistry, type Intercept, type Reply } from '../../support/registry/index.ts';
import { all, answer, redirect, refuse } from '../../support/registry/misbehave.ts';
import { addToFallbackTag, pushImage, pushReferrer } from '../../support/registry/push.ts';
import { client, closeClients, faultOf, patient, pinned } from './client.ts';
import {
  closeRegistries,
  entry,
  list,
  NOTE,
  OCI_INDEX,
  OCI_MANIFEST,
  page,
  start,
  target,
} from './registry-fixture.ts';

describe('listing referrers', () => {
  afterEach(async () => {
    await closeClients();
    await closeRegistries();
  });

  it('H11 lists by the API, with type and annotations of each', async () => {
    const { registry, image } = await start();
    const pushed = await pushReferrer(target(registry), {
      subject: image,
      artifactType: NOTE,
      annotations: { a: 'b' },
    });
    const found = await client().referrers(pinned(registry, image.digest), patient());
    expect(found).to.deep.equal([
      {
        mediaType: OCI_MANIFEST,
        digest: pushed.digest,
        size: pushed.size,
        artifactType: NOTE,
        annotations: { a: 'b' },
      },
    ]);
  });

  it('H11 lists entries without type and annotations unchanged', async () => {
    const { registry, image } = await start({ listing: 'bare' });
    await pushReferrer(target(registry), { subject: image, artifactType: NOTE, annotations: { a: 'b' } });
    const [found] = await client().referrers(pinned(registry, image.digest), patient());
    expect(found).to.include({ mediaType: OCI_MANIFEST }).and.not.have.property('artifactType');
    expect(found?.annotations).to.deep.equal({});
  });

  it('H11 lists nothing when nothing refers to the image, with and without the API', async () => {
    for (const referrersApi of [true, false]) {
      const { registry, image } = await start({ referrersApi });
      expect(await list(registry, image.digest)).to.deep.equal([]);
    }
  });

  it('H11 lists by the fallback tag when there is no API', async () => {
    const { registry, image } = await start({ referrersApi: false });
    const one = await pushReferrer(target(registry), {
      subject: image,
      artifactType: NOTE,
      annotations: { n: '1' },
    });
    const two = await pushReferrer(target(registry), {
      subject: image,
      artifactType: NOTE,
      annotations: { n: '2' },
    });
    expect(await list(registry, image.digest)).to.deep.equal([one.digest, two.digest]);
  });

  it('H11 keeps entries of the empty type in a fallback listing', async () => {
    const { registry, image } = await start({ referrersApi: false });
    const empty = 'application/vnd.oci.empty.v1+json';
    await addToFallbackTag(target(registry), image.digest, {
      mediaType: OCI_MANIFEST,
      digest: digestOf('1'),
      size: 1,
      artifactType: empty,
    });
    const [found] = await client().referrers(pinned(registry, image.digest), patient());
    expect(found?.artifactType).to.equal(empty);
  });

  it('H11 does not read a stale fallback tag when there is an API', async () => {
    const { registry, image } = await start();
    const real = await pushReferrer(target(registry), { subject: image, artifactType: NOTE });
    await addToFallbackTag(target(registry), image.digest, {
      mediaType: OCI_MANIFEST,
      digest: digestOf('stale'),
      size: 1,
    });
    expect(await list(registry, image.digest)).to.deep.equal([real.digest]);
  });

  it('H11 does not treat an image under the fallback tag as a listing', async () => {
    const { registry, image } = await start({ referrersApi: false });
    await pushImage({ ...target(registry), tag: image.digest.replace(':', '-') });
    expect(await list(registry, image.digest)).to.deep.equal([]);
  });

  it('H11 refuses a fallback listing without a clear type', async () => {
    const { registry, image } = await start({ referrersApi: false });
    const tag = image.digest.replace(':', '-');
    const headers = { 'content-type': OCI_MANIFEST };
    const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
    registry.intercept(answer(tag, { status: 200, headers, body }));
    await faultOf(list(registry, image.digest), 'RegistryMisbehaved');
    registry.intercept(answer(tag, { status: 200, body: '{}' }));
    await faultOf(list(registry, image.digest), 'RegistryMisbehaved');
  });

  it('names the fallback tag of a sha512 digest within 128 characters', () => {
    expect(fallbackTag(digestOf('x', 'sha512'))).to.match(/^sha512-[0-9a-f]{64}$/);
  });

  describe('H11 reads the fallback tag when the endpoint answers', () => {
    const html: Reply = { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' };
    const ANSWERS: readonly (readonly [string, (registry: EmbeddedRegistry) => Intercept])[] = [
      ['404', () => refuse('/referrers/', 404)],
      ['400', () => refuse('/referrers/', 400)],
      ['405', () => refuse('/referrers/', 405)],
      ['200 of another type', () => answer('/referrers/', html)],
      [
        'a redirect to an HTML page',
        ({ url }) =>
          all(
            answer('/about', html),
            redirect('/referrers/', () => `${url}/about`, 303),
          ),
      ],
      ['a redirect to nothing', ({ url }) => redirect('/referrers/', () => `${url}/nothing`)],
    ];
    for (const [title, misbehave] of ANSWERS) {
      it(title, async () => {
        const { registry, image } = await start({ referrersApi: false });
        const pushed = await pushReferrer(target(registry), { subject: image, artifactType: NOTE });
        registry.intercept(misbehave(registry));
        expect(await list(registry, image.digest)).to.deep.equal([pushed.digest]);
      });
    }
  });

  const REFUSALS = [
    [401, 'RegistryDenied'],
    [403, 'RegistryDenied'],
    [429, 'RegistryRateLimited'],
    [500, 'RegistryUnavailable'],
    [503, 'RegistryUnavailable'],
    [412, 'RegistryMisbehaved'],
  ] as const;
  for (const [status, code] of REFUSALS) {
    it(`H11 never treats ${String(status)} as an empty listing`, async () => {
      const { registry, image } = await start();
      registry.intercept(refuse('/referrers/', status));
      await faultOf(list(registry, image.digest), code);
      registry.intercept(
        all(refuse('/referrers/', 404), refuse('/manifests/sha256-', status), refuse('/tags/list', status)),
      );
      await faultOf(list(registry, image.digest), code);
    });
  }

  it('H12 does not let a broken entry hide the good ones', async () => {
    const { registry, image } = await start();
    const broken = [null, 7, {}, { ...entry(8), digest: 'sha256:nonsense' }, { digest: digestOf('9') }];
    registry.intercept(
      answer('/referrers/', page([broken[0], entry(1), ...broken.slice(1), entry(2), entry(1)])),
    );
    expect(await list(registry, image.digest)).to.deep.equal([digestOf('1'), digestOf('2')]);
  });

  it('H12 keeps a broken entry that names a manifest, without its claims', async () => {
    const { registry, image } = await start();
    registry.intercept(answer('/referrers/', page([{ ...entry(1), size: -1, annotations: { a: 1 } }])));
    expect(await client().referrers(pinned(registry, image.digest), patient())).to.deep.equal([
      { mediaType: OCI_MANIFEST, digest: digestOf('1'), size: 0, annotations: {} },
    ]);
  });

  it('H12 refuses a listing that cannot be read at all', async () => {
    const { registry, image } = await start();
    const headers = { 'content-type': OCI_INDEX };
    for (const body of [
      '',
      'null',
      '[]',
      '{"manifests":{}}',
      '{"manifests":"x"}',
      `{"mediaType":"${OCI_MANIFEST}"}`,
    ]) {
      registry.intercept(answer('/referrers/', { status: 200, headers, body }));
      await faultOf(list(registry, image.digest), 'RegistryMisbehaved');
    }
  });

  it('reads "manifests": null as empty', async () => {
    const { registry, image } = await start();
    registry.intercept(answer('/referrers/', page(null)));
    expect(await list(registry, image.digest)).to.deep.equal([]);
  });
});
