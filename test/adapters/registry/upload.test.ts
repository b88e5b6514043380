import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobTransfer, RegistryOptions } from '../../../src/adapters/registry/index.ts';
import { digestOf, type ReasonCode } from '../../../src/core/model/index.ts';
import type { Intercept, RegistryRequest } from '../../support/registry/index.ts';
import {
  all,
  amend,
  answer,
  cutBody,
  firstTimes,
  hangUp,
  refuse,
  silence,
} from '../../support/registry/misbehave.ts';
import { client, closeClients, faultOf, patient, tagged } from './client.ts';
import { closeDocks, dock, docks, log, transferOf, type Dock } from './dock.ts';

afterEach(async () => {
  await closeClients();
  await closeDocks();
});

const SIZE = 100_000;
const putting = ({ method }: RegistryRequest): boolean => method === 'PUT';
const patching = ({ method }: RegistryRequest): boolean => method === 'PATCH';
const posting = ({ method }: RegistryRequest): boolean => method === 'POST';
const reading = ({ method, url }: RegistryRequest): boolean =>
  method === 'GET' && url.pathname.includes('/blobs/sha');

/** Brings the blob over, with chunks of 40,000 bytes where there are chunks. */
function bring(at: Dock, more: Partial<BlobTransfer> = {}, options: Partial<RegistryOptions> = {}) {
  return client({ chunkBytes: 40_000, ...options }).transferBlob(transferOf(at, more), patient());
}

async function expectThere({ target, blob, bytes }: Dock): Promise<void> {
  target.intercept(undefined);
  const there = await client().blob(tagged(target, '1.0', 'gold/web'), blob, blob.size, patient());
  expect(Buffer.from(there ?? []).equals(bytes)).to.equal(true);
}

describe('uploads that are well in the end', () => {
  const asksForChunks = amend(posting, (reply) => ({
    ...reply,
    headers: { ...reply.headers, 'oci-chunk-min-length': '50000' },
  }));
  const CHUNKS = ['PATCH uploads 202', 'PATCH uploads 202', 'PATCH uploads 202'];
  const ROWS: readonly {
    readonly what: string;
    readonly intercept: (at: Dock) => Intercept;
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
          // The second chunk comes through, its answer does not, and the status does not know of it.
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
    it(`arrive ${what}`, async () => {
      const at = await docks({ size: SIZE });
      at.target.intercept(intercept(at));
      expect(await bring(at)).to.equal('copied');
      expect(log(at.target)).to.deep.equal(target);
      expect(log(at.source)).to.deep.equal(source);
      await expectThere(at);
    });
  }

  it('arrive with the sha512 they are named by', async () => {
    const at = await docks({ size: SIZE });
    const blob = { ...at.blob, digest: digestOf(at.bytes, 'sha512') };
    at.source.intercept((request) => (reading(request) ? { status: 200, body: at.bytes } : undefined));
    expect(await bring(at, { blob })).to.equal('copied');
    await expectThere({ ...at, blob });
  });

  it('arrive when they are empty, without asking the source', async () => {
    const at = await docks({ size: 0 });
    expect(await bring(at)).to.equal('copied');
    expect(log(at.source)).to.deep.equal([]);
    expect(log(at.target)).to.deep.equal(['POST uploads 202', 'PUT uploads 201']);
  });

  it('go to another host without the login, where the registry may lead there', async () => {
    const auth = { kind: 'basic', username: 'acme', password: 'p' } as const;
    const at = await docks({ size: SIZE });
    const target = await dock({ auth });
    const store = await dock();
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

describe('sources that break off', () => {
  const half = (at: Dock): AsyncIterable<Uint8Array> =>
    (async function* () {
      yield at.bytes.subarray(0, SIZE / 2);
      await sleep(20);
      throw new Error('broken');
    })();

  it('are asked for the rest', async () => {
    const at = await docks({ size: SIZE });
    const headers = { 'content-length': String(SIZE) };
    at.source.intercept(firstTimes(1, reading, () => ({ status: 200, headers, body: half(at) })));
    let sum = 0;
    expect(await bring(at, { onBytes: (count) => (sum += count) })).to.equal('copied');
    expect(log(at.source)).to.deep.equal(['GET blobs 200', 'GET blobs 206']);
    expect(log(at.target)).to.deep.equal(['POST uploads 202', 'PUT uploads 201']);
    expect(sum).to.equal(SIZE);
    await expectThere(at);
  });

  it('are read past what is known where they send all of it again', async () => {
    const at = await docks({ size: SIZE });
    const headers = { 'content-length': String(SIZE) };
    at.source.intercept(
      all(
        firstTimes(1, reading, () => ({ status: 200, headers, body: half(at) })),
        (request) => (reading(request) ? { status: 200, body: at.bytes } : undefined),
      ),
    );
    expect(await bring(at)).to.equal('copied');
    expect(log(at.source)).to.deep.equal(['GET blobs 200', 'GET blobs 200']);
    await expectThere(at);
  });

  it('are a fault when they send another part than was asked for', async () => {
    const at = await docks({ size: SIZE });
    const headers = { 'content-length': String(SIZE) };
    at.source.intercept(
      all(
        firstTimes(1, reading, () => ({ status: 200, headers, body: half(at) })),
        answer(reading, {
          status: 206,
          headers: { 'content-range': `bytes 1-${String(SIZE - 1)}/${String(SIZE)}` },
        }),
      ),
    );
    expect((await faultOf(bring(at), 'RegistryMisbehaved')).side).to.equal('source');
  });
});

describe('uploads that fail', () => {
  const wrong = (bytes: Uint8Array): Intercept => answer(reading, { status: 200, body: bytes });
  const ROWS: readonly {
    readonly what: string;
    readonly source?: (at: Dock) => Intercept;
    readonly target?: Intercept;
    readonly code: ReasonCode;
    readonly side: 'source' | 'target';
    readonly transient: boolean;
    /** How often the target was sent the blob, whole or in part; 1 when not given, and not looked at for the source. */
    readonly attempts?: number;
  }[] = [
    {
      what: 'bytes that are not those of the digest',
      source: ({ bytes }) => wrong(Buffer.from(bytes).reverse()),
      code: 'RegistryMisbehaved',
      side: 'source',
      transient: false,
    },
    {
      what: 'bytes that are too few',
      source: ({ bytes }) => wrong(bytes.subarray(1)),
      code: 'RegistryMisbehaved',
      side: 'source',
      transient: false,
    },
    {
      what: 'bytes that are too many',
      source: ({ bytes }) => wrong(Buffer.concat([bytes, Buffer.from('x')])),
      code: 'RegistryMisbehaved',
      side: 'source',
      transient: false,
    },
    {
      what: 'a source that refuses the login',
      source: () => refuse(reading, 403),
      code: 'RegistryDenied',
      side: 'source',
      transient: false,
    },
    {
      what: 'a full disk',
      target: async (request) => {
        if (!putting(request)) return undefined;
        await request.body();
        return { status: 507 };
      },
      code: 'RegistryUnavailable',
      side: 'target',
      transient: true,
    },
    {
      what: 'a disk that stays full, as far as 500 can say it',
      target: all(refuse(putting, 500), refuse(patching, 500)),
      code: 'RegistryUnavailable',
      side: 'target',
      transient: true,
      attempts: 5,
    },
    ...[401, 403, 405, 409].map((status) => ({
      what: `a target that only reads (${String(status)})`,
      target: refuse(putting, status),
      code: 'RegistryDenied' as const,
      side: 'target' as const,
      transient: false,
    })),
    {
      what: 'a target that takes nothing so large',
      target: all(refuse(putting, 413), refuse(patching, 413)),
      code: 'LimitExceeded',
      side: 'target',
      transient: false,
      attempts: 5,
    },
    {
      what: 'a target that finds another digest',
      target: refuse(putting, 400),
      code: 'RegistryMisbehaved',
      side: 'target',
      transient: false,
    },
    {
      what: 'a target that says it stored something else',
      target: amend(putting, (reply) => ({
        ...reply,
        headers: { 'docker-content-digest': digestOf('another') },
      })),
      code: 'RegistryMisbehaved',
      side: 'target',
      transient: false,
    },
    {
      what: 'a target that always hangs up',
      target: all(hangUp(putting), hangUp(patching)),
      code: 'RegistryUnavailable',
      side: 'target',
      transient: true,
      attempts: 5,
    },
  ];
  for (const { what, source, target, code, side, transient, attempts = 1 } of ROWS) {
    it(`say so of ${what}, and are cancelled`, async () => {
      const at = await docks({ size: SIZE });
      at.source.intercept(source?.(at));
      at.target.intercept(target);
      const fault = await faultOf(bring(at), code);
      expect([fault.side, fault.transient]).to.deep.equal([side, transient]);
      const said = log(at.target);
      const sent = said.filter((line) => /^(PUT|PATCH) /.test(line));
      if (side === 'target') expect(sent).to.have.length(attempts);
      else expect(sent).to.not.include('PUT uploads 201');
      expect(said.some((line) => line.startsWith('DELETE uploads '))).to.equal(true);
      at.target.intercept(undefined);
      const there = await client().blob(tagged(at.target, '1.0', 'gold/web'), at.blob, SIZE, patient());
      if (code !== 'RegistryMisbehaved' || side === 'source') expect(there).to.equal(undefined);
    });
  }

  for (const status of [401, 403, 404, 405]) {
    it(`say so of a repository that cannot be written to (${String(status)})`, async () => {
      const at = await docks({ size: SIZE });
      at.target.intercept(refuse(posting, status));
      const fault = await faultOf(bring(at), 'RegistryDenied');
      expect(fault.side).to.equal('target');
      expect(log(at.target)).to.deep.equal([`POST uploads ${String(status)}`]);
    });
  }

  it('do not follow an upload to where requests must not go', async () => {
    const at = await docks({ size: SIZE });
    at.target.intercept(
      answer(posting, { status: 202, headers: { location: 'http://169.254.169.254/x?secret=1' } }),
    );
    const fault = await faultOf(bring(at), 'UntrustedEndpoint');
    expect(fault.side).to.equal('target');
    expect(fault.message).to.not.include('secret');
  });

  it('say so of an upload that is nowhere', async () => {
    const at = await docks({ size: SIZE });
    at.target.intercept(answer(posting, { status: 202 }));
    await faultOf(bring(at), 'RegistryMisbehaved');
  });

  it('end when the source falls silent', async () => {
    const at = await docks({ size: SIZE });
    at.source.intercept((request) =>
      reading(request)
        ? {
            status: 200,
            headers: { 'content-length': String(SIZE) },
            body: (async function* () {
              yield at.bytes.subarray(0, 10);
              await sleep(60_000, undefined, { ref: false });
            })(),
          }
        : undefined,
    );
    const source = client({ stallMs: 100 });
    const broken = {
      openBlob: async (...asked: Parameters<typeof source.openBlob>) =>
        asked[2] === 0 ? source.openBlob(...asked) : Promise.reject(new Error('asked again')),
    };
    const one = client({ stallMs: 5_000 });
    const outcome = await one
      .transferBlob(transferOf(at, { source: broken }), patient())
      .then(String, (error: unknown) => (error as Error).message);
    expect(outcome).to.equal('asked again');
  });

  it('end when the target falls silent', async () => {
    const at = await docks({ size: SIZE });
    at.target.intercept(
      all(
        silence(putting),
        refuse(({ method }) => method !== 'POST', 500),
      ),
    );
    const fault = await faultOf(bring(at, {}, { stallMs: 100 }), 'RegistryUnavailable');
    expect([fault.side, fault.transient]).to.deep.equal(['target', true]);
  });

  it('end with the signal of the caller', async () => {
    const at = await docks({ size: SIZE });
    at.target.intercept(silence(putting));
    const asked = client().transferBlob(transferOf(at), AbortSignal.timeout(200));
    await faultOf(asked, 'DeadlineExceeded');
  });
});
