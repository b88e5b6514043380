import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { digestOf, type ReasonCode } from '../../../src/core/model/index.ts';
import type { Intercept } from '../../support/registry/index.ts';
import { all, amend, answer, hangUp, refuse, silence } from '../../support/registry/misbehave.ts';
import { client, faultOf, patient, tagged } from './client.ts';
import {
  closeAfterEach,
  openRegistries,
  log,
  transferOf,
  type TwoRegistries,
  SIZE,
  putting,
  patching,
  posting,
  reading,
  bring,
} from './two-registries.ts';

describe('uploads that fail', () => {
  closeAfterEach();

  const wrong = (bytes: Uint8Array): Intercept => answer(reading, { status: 200, body: bytes });
  const ROWS: readonly {
    readonly what: string;
    readonly source?: (at: TwoRegistries) => Intercept;
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
    it(`report ${what}, and are cancelled`, async () => {
      const at = await openRegistries({ size: SIZE });
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
    it(`report a repository that cannot be written to (${String(status)})`, async () => {
      const at = await openRegistries({ size: SIZE });
      at.target.intercept(refuse(posting, status));
      const fault = await faultOf(bring(at), 'RegistryDenied');
      expect(fault.side).to.equal('target');
      expect(log(at.target)).to.deep.equal([`POST uploads ${String(status)}`]);
    });
  }

  it('do not follow an upload to a URL that is not allowed', async () => {
    const at = await openRegistries({ size: SIZE });
    at.target.intercept(
      answer(posting, { status: 202, headers: { location: 'http://169.254.169.254/x?secret=1' } }),
    );
    const fault = await faultOf(bring(at), 'UntrustedEndpoint');
    expect(fault.side).to.equal('target');
    expect(fault.message).to.not.include('secret');
  });

  it('report an upload without a location', async () => {
    const at = await openRegistries({ size: SIZE });
    at.target.intercept(answer(posting, { status: 202 }));
    await faultOf(bring(at), 'RegistryMisbehaved');
  });

  it('end when the source sends nothing more', async () => {
    const at = await openRegistries({ size: SIZE });
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

  it('end when the target sends nothing more', async () => {
    const at = await openRegistries({ size: SIZE });
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
    const at = await openRegistries({ size: SIZE });
    at.target.intercept(silence(putting));
    const asked = client().transferBlob(transferOf(at), AbortSignal.timeout(200));
    await faultOf(asked, 'DeadlineExceeded');
  });
});
