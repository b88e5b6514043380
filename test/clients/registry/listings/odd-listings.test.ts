import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { digestOf } from '../../../../src/core/model/index.ts';
import type { Reply } from '../../../support/registry/index.ts';
import { all, amend, answer, redirect, refuse } from '../../../support/registry/misbehave.ts';
import { pushIndex, pushReferrer, pushTag } from '../../../support/registry/push.ts';
import { client, closeClients, faultOf, patient, tagged } from '../client.ts';
import {
  closeRegistries,
  entry,
  list,
  NOTE,
  OCI_INDEX,
  OCI_MANIFEST,
  start,
  target,
} from '../registry-fixture.ts';

const DOCKER_INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json';
const INDEX = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry(1)] };
const FALLBACK = '/manifests/sha256-';

/** An answer with this body; an object is written as JSON. */
function served(body: unknown, type: string | undefined, more: Record<string, string> = {}): Reply {
  const headers = { ...(type !== undefined && { 'content-type': type }), ...more };
  const bytes = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  return { status: 200, headers, body: bytes as string };
}

describe('listings that are served in an odd way', () => {
  afterEach(async () => {
    await closeClients();
    await closeRegistries();
  });

  const READ: readonly (readonly [string, Reply])[] = [
    ['application/json', served(INDEX, 'application/json; charset=utf-8')],
    ['text/plain', served(INDEX, 'text/plain')],
    ['text/html', served(INDEX, 'text/html')],
    ['application/octet-stream', served(INDEX, 'application/octet-stream')],
    ['a manifest list of Docker', served({ ...INDEX, mediaType: DOCKER_INDEX }, DOCKER_INDEX)],
    ['a manifest list, with a body that names an OCI index', served(INDEX, DOCKER_INDEX)],
    ['an image manifest, with a body that names an index', served(INDEX, OCI_MANIFEST)],
    ['its own type in capitals', served(INDEX, OCI_INDEX.toUpperCase())],
    ['its own type with parameters', served(INDEX, `${OCI_INDEX}; charset="utf-8"`)],
    ['no type', served(INDEX, undefined)],
    ['no type, without one in the body', served({ ...INDEX, mediaType: undefined }, undefined)],
    ['JSON with a byte order mark', served(`\uFEFF${JSON.stringify(INDEX)}`, 'application/json')],
    ['its own type, with a body without version', served({ manifests: [entry(1)] }, OCI_INDEX)],
  ];
  for (const [title, reply] of READ) {
    it(`O01 reads a listing that is served as ${title}`, async () => {
      const { registry, image } = await start();
      registry.intercept(answer('/referrers/', reply));
      expect(await list(registry, image.digest)).to.deep.equal([digestOf('1')]);
    });
  }

  it('O01 reads the flag in a listing that a registry serves as JSON', async () => {
    const { registry, image } = await start();
    const flag = await pushReferrer(target(registry), { subject: image, artifactType: NOTE });
    const headers = { 'content-type': 'application/json' };
    registry.intercept(amend('/referrers/', (reply) => ({ ...reply, headers })));
    expect(await list(registry, image.digest)).to.deep.equal([flag.digest]);
  });

  const REFUSED: readonly (readonly [string, Reply])[] = [
    ['an empty body', served('', OCI_INDEX)],
    ['an empty body without a type', served('', undefined)],
    ['a page for people in place of the answer', served('<html>', 'text/html; charset=utf-8')],
    ['text', served('ok', 'text/plain')],
    ['an empty object', served({}, OCI_INDEX)],
    ['an empty object as JSON', served({}, 'application/json')],
    ['an error with status 200', served({ errors: [{ code: 'DENIED' }] }, OCI_INDEX)],
    ['an error with status 200, as JSON', served({ errors: [{ code: 'UNKNOWN' }] }, 'application/json')],
    ['an index without a list', served({ ...INDEX, manifests: undefined }, OCI_INDEX)],
    ['a list that is an object', served({ ...INDEX, manifests: {} }, 'application/json')],
    ['no list, with no type anywhere', served({ schemaVersion: 2, manifests: null }, 'application/json')],
    ['an image', served({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: {}, layers: [] }, OCI_MANIFEST)],
    ['a body that is an image and an index', served({ ...INDEX, config: entry(2) }, OCI_INDEX)],
    ['an index under a type for images, unnamed', served({ ...INDEX, mediaType: undefined }, OCI_MANIFEST)],
    ['an index of another version', served({ manifests: [], schemaVersion: 1 }, 'application/json')],
    ['a list of another protocol', served([entry(1)], 'application/json')],
    ['a compressed listing', served(gzipSync(JSON.stringify(INDEX)), OCI_INDEX)],
    ['a listing that is marked as compressed', served(INDEX, OCI_INDEX, { 'content-encoding': 'gzip' })],
    ['status 204', { status: 204 }],
    ['status 206', { ...served({ ...INDEX, manifests: [] }, OCI_INDEX), status: 206 }],
    ['status 203', { ...served({ ...INDEX, manifests: [] }, OCI_INDEX), status: 203 }],
    ['status 409', { status: 409 }],
  ];
  for (const [title, reply] of REFUSED) {
    it(`O01 never treats ${title} as an empty listing`, async () => {
      const { registry, image } = await start();
      registry.intercept(answer('/referrers/', reply));
      await faultOf(list(registry, image.digest), 'RegistryMisbehaved');
    });
  }

  it('O01 never treats a later page that is no listing as the end', async () => {
    const { registry, image } = await start();
    const link = `</v2/shop/web/referrers/${image.digest}?page=2>; rel="next"`;
    const second = all(
      answer('page=2', served({}, OCI_INDEX)),
      answer('/referrers/', served(INDEX, OCI_INDEX, { link })),
    );
    registry.intercept(second);
    await faultOf(list(registry, image.digest), 'RegistryMisbehaved');
  });

  it('O01 never treats a page for people behind a redirect as an empty listing when its body is a listing', async () => {
    const { registry, image } = await start();
    registry.intercept(
      all(
        answer('/about', served(INDEX, 'text/html')),
        redirect('/referrers/', () => `${registry.url}/about`, 302),
      ),
    );
    expect(await list(registry, image.digest)).to.deep.equal([digestOf('1')]);
  });

  for (const status of [406, 410, 415, 501]) {
    it(`O01 reads the fallback tag of a registry that answers ${String(status)}`, async () => {
      const { registry, image } = await start({ referrersApi: false });
      const flag = await pushReferrer(target(registry), { subject: image, artifactType: NOTE });
      registry.intercept(refuse('/referrers/', status));
      expect(await list(registry, image.digest)).to.deep.equal([flag.digest]);
    });
  }

  const MEANINGS = [
    ['DENIED', 'RegistryDenied'],
    ['UNAUTHORIZED', 'RegistryDenied'],
    ['TOOMANYREQUESTS', 'RegistryRateLimited'],
    ['UNAVAILABLE', 'RegistryUnavailable'],
  ] as const;
  for (const [own, code] of MEANINGS) {
    it(`O01 never treats 404 with the code ${own} as "there is none"`, async () => {
      const { registry, image } = await start();
      const body = JSON.stringify({ errors: [{ code: 'UNKNOWN' }, { code: own }] });
      const hidden = { status: 404, body };
      registry.intercept(answer('/referrers/', hidden));
      await faultOf(list(registry, image.digest), code);
      registry.intercept(all(refuse('/referrers/', 404), answer(FALLBACK, hidden)));
      await faultOf(list(registry, image.digest), code);
      registry.intercept(answer('/tags/list', hidden));
      await faultOf(client().tags(tagged(registry), patient()), code);
    });
  }

  describe('under the fallback tag', () => {
    const image = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: entry(3), layers: [] };
    const lists = async (reply: Reply): Promise<string[]> => {
      const { registry, image: of } = await start({ referrersApi: false });
      registry.intercept(answer(FALLBACK, reply));
      return list(registry, of.digest);
    };

    it('O01 reads a listing under the fallback tag whatever it is served as', async () => {
      for (const type of ['application/json', 'text/html', DOCKER_INDEX, OCI_INDEX.toUpperCase(), undefined])
        expect(await lists(served(INDEX, type)), type).to.deep.equal([digestOf('1')]);
      const unnamed = { ...INDEX, mediaType: undefined };
      expect(await lists(served(unnamed, 'application/json'))).to.deep.equal([digestOf('1')]);
    });

    it('O01 never treats what is no listing under the fallback tag as an empty one', async () => {
      const odd: readonly Reply[] = [
        served('', OCI_INDEX),
        served({}, OCI_INDEX),
        served('<html>', 'text/html'),
        served({ errors: [] }, 'application/json'),
        served({ ...INDEX, manifests: undefined }, OCI_INDEX),
        served({ ...INDEX, mediaType: undefined }, OCI_MANIFEST),
        served({ ...INDEX, mediaType: OCI_MANIFEST }, 'application/json'),
        served({ ...INDEX, mediaType: 'application/vnd.example' }, 'application/json'),
        served(image, OCI_INDEX),
        { ...served(INDEX, OCI_INDEX), status: 206 },
        { status: 204 },
      ];
      for (const reply of odd) await faultOf(lists(reply), 'RegistryMisbehaved');
    });

    it('H11 reads an image under the fallback tag as no listing, whatever it is served as', async () => {
      for (const type of ['application/json', OCI_MANIFEST, undefined])
        expect(await lists(served(image, type)), type).to.deep.equal([]);
    });
  });

  it('O45 never opens the platforms of an image that a registry sends for the fallback tag', async () => {
    const { registry, image } = await start({ referrersApi: false });
    const index = await pushIndex({ ...target(registry), tag: '2.0' }, { manifests: [image] });
    await pushTag(target(registry), index.digest.replace(':', '-'), index);
    expect(await list(registry, index.digest)).to.deep.equal([]);
  });

  it('O01 never treats what is no list of tags as an empty one', async () => {
    const { registry } = await start();
    const odd: readonly Reply[] = [
      served('', 'application/json'),
      served({}, 'application/json'),
      served({ errors: [{ code: 'DENIED' }] }, 'application/json'),
      served({ name: 'shop/web', tags: {} }, 'application/json'),
      served('<html>', 'text/html'),
      { ...served({ name: 'shop/web', tags: [] }, 'application/json'), status: 206 },
      { status: 204 },
    ];
    for (const reply of odd) {
      registry.intercept(answer('/tags/list', reply));
      await faultOf(client().tags(tagged(registry), patient()), 'RegistryMisbehaved');
    }
    registry.intercept(answer('/tags/list', served({ name: 'shop/web', tags: ['a'] }, 'text/plain')));
    expect(await client().tags(tagged(registry), patient())).to.deep.equal(['a']);
  });
});
