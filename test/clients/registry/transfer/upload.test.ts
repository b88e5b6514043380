import { expect } from 'chai';
import { digestOf } from '../../../../src/core/model/index.ts';
import type { Intercept } from '../../../support/registry/index.ts';
import { all, amend, cutBody, firstTimes, refuse } from '../../../support/registry/misbehave.ts';
import { client, patient } from '../client.ts';
import {
  closeAfterEach,
  openRegistries,
  openRegistry,
  log,
  transferOf,
  type TwoRegistries,
  SIZE,
  putting,
  patching,
  posting,
  reading,
  bring,
  expectThere,
} from '../two-registries.ts';

describe('uploads that succeed', () => {
  closeAfterEach();

  const asksForChunks = amend(posting, (reply) => ({
    ...reply,
    headers: { ...reply.headers, 'oci-chunk-min-length': '50000' },
  }));
  const CHUNKS = ['PATCH uploads 202', 'PATCH uploads 202', 'PATCH uploads 202'];
  const ROWS: readonly {
    readonly what: string;
    readonly intercept: (at: TwoRegistries) => Intercept;
    readonly target: readonly string[];
    readonly source?: readonly string[];
  }[] = [
    {
      what: 'in chunks no smaller than the registry asks for',
      intercept: () => asksForChunks,
      target: ['POST uploads 202', 'PATCH uploads 202', 'PATCH uploads 202', 'PUT uploads 201'],
    },
    {
      what: 'in chunks after the whole was too large for a proxy',
      intercept: () => firstTimes(1, putting, refuse('', 413)),
      target: ['POST uploads 202', 'PUT uploads 413', 'GET uploads 204', ...CHUNKS, 'PUT uploads 201'],
      source: ['GET blobs 200', 'GET blobs 200'],
    },
    {
      what: 'from where the registry stands after the connection broke',
      intercept: () => firstTimes(1, putting, cutBody('', 50_000)),
      target: [
        'POST uploads 202',
        'PUT uploads 0',
        'HEAD blobs 404',
        'GET uploads 204',
        'PATCH uploads 202',
        'PATCH uploads 202',
        'PUT uploads 201',
      ],
      source: ['GET blobs 200', 'GET blobs 206'],
    },
    {
      what: 'without sending it again when only the answer was lost',
      intercept: () =>
        firstTimes(1, putting, async (request, handle) => {
          await handle(request);
          return 'hang up' as const;
        }),
      target: ['POST uploads 202', 'PUT uploads 0', 'HEAD blobs 200'],
    },
    {
      what: 'anew when the registry has lost the upload',
      intercept: () =>
        firstTimes(1, putting, async (request, handle) => {
          await request.body();
          await handle({ ...request, method: 'DELETE' });
          return { status: 500 };
        }),
      target: [
        'POST uploads 202',
        'PUT uploads 500',
        'GET uploads 404',
        'POST uploads 202',
        ...CHUNKS,
        'PUT uploads 201',
      ],
      source: ['GET blobs 200', 'GET blobs 200'],
    },
    {
      what: 'by our own count where Range stands still and PATCH answers 201 (ECR)',
      intercept: () =>
        all(
          asksForChunks,
          amend(patching, (reply) => ({ status: 201, headers: { ...reply.headers, range: '0-39999' } })),
        ),
      target: ['POST uploads 202', 'PATCH uploads 201', 'PATCH uploads 201', 'PUT uploads 201'],
    },
    {
      what: 'by our own count where the status stands still and a chunk was refused',
      intercept: () =>
        all(
          asksForChunks,
          // The second chunk arrives, its answer is lost, and the status does not include it.
          firstTimes(
            1,
            (request) => patching(request) && (request.headers['content-range'] ?? '').startsWith('50000'),
            refuse('', 416),
          ),
          amend(
            ({ method, url }) => method === 'GET' && url.pathname.includes('/uploads/'),
            (reply) => ({
              ...reply,
              headers: { ...reply.headers, range: '0-49999' },
            }),
          ),
        ),
      target: [
        'POST uploads 202',
        'PATCH uploads 202',
        'PATCH uploads 416',
        'GET uploads 204',
        'PATCH uploads 202',
        'PUT uploads 201',
      ],
      source: ['GET blobs 200', 'GET blobs 206'],
    },
    {
      what: 'with 204 for a chunk and no Location after it',
      intercept: () =>
        all(
          asksForChunks,
          amend(patching, () => ({ status: 204 })),
        ),
      target: ['POST uploads 202', 'PATCH uploads 204', 'PATCH uploads 204', 'PUT uploads 201'],
    },
    {
      what: 'by asking once more where the end is answered with 204',
      intercept: () => amend(putting, () => ({ status: 204 })),
      target: ['POST uploads 202', 'PUT uploads 204', 'HEAD blobs 200'],
    },
    {
      what: 'after a pause that the registry asked for',
      intercept: () => firstTimes(1, posting, refuse('', 429, { 'retry-after': '1' })),
      target: ['POST uploads 429', 'POST uploads 202', 'PUT uploads 201'],
    },
    {
      what: 'at an absolute Location whose query is kept',
      intercept: (at) =>
        all(
          amend(posting, (reply) => ({
            ...reply,
            headers: { location: `${at.target.url}${String(reply.headers?.location)}?_state=a%2Fb~%3D%3D` },
          })),
          (request) =>
            putting(request) && !request.url.search.startsWith('?_state=a%2Fb~%3D%3D&digest=')
              ? { status: 404 }
              : undefined,
        ),
      target: ['POST uploads 202', 'PUT uploads 201'],
    },
  ];
  for (const { what, intercept, target, source = ['GET blobs 200'] } of ROWS) {
    it(`are stored ${what}`, async () => {
      const at = await openRegistries({ size: SIZE });
      at.target.intercept(intercept(at));
      expect(await bring(at)).to.equal('copied');
      expect(log(at.target)).to.deep.equal(target);
      expect(log(at.source)).to.deep.equal(source);
      await expectThere(at);
    });
  }

  it('are stored with their sha512 digest', async () => {
    const at = await openRegistries({ size: SIZE });
    const blob = { ...at.blob, digest: digestOf(at.bytes, 'sha512') };
    at.source.intercept((request) => (reading(request) ? { status: 200, body: at.bytes } : undefined));
    expect(await bring(at, { blob })).to.equal('copied');
    await expectThere({ ...at, blob });
  });

  it('are stored when they are empty, without a request to the source', async () => {
    const at = await openRegistries({ size: 0 });
    expect(await bring(at)).to.equal('copied');
    expect(log(at.source)).to.deep.equal([]);
    expect(log(at.target)).to.deep.equal(['POST uploads 202', 'PUT uploads 201']);
  });

  it('go to another host without the login when the registry may redirect there', async () => {
    const auth = { kind: 'basic', username: 'acme', password: 'p' } as const;
    const at = await openRegistries({ size: SIZE });
    const target = await openRegistry({ auth });
    const store = await openRegistry();
    target.intercept((request) =>
      posting(request) && request.headers.authorization !== undefined
        ? { status: 202, headers: { location: `${store.url}/put/here?signed=1` } }
        : undefined,
    );
    store.intercept(async (request) => {
      await request.body();
      return { status: 201 };
    });
    const keychain = () => Promise.resolve({ kind: 'password', username: 'acme', password: 'p' } as const);
    await client({ keychain }).transferBlob(transferOf({ ...at, target }), patient());
    expect(store.requests.map(({ method, authorized }) => [method, authorized])).to.deep.equal([
      ['PUT', false],
    ]);
  });
});
