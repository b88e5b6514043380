import { expect } from 'chai';
import { budgetMs, validateHandler } from '../../src/webhook/http.ts';
import { startServer, type Server } from '../../src/clients/http-server/index.ts';
import { httpsClient, type HttpsClient } from '../support/https-request.ts';
import { createAuthority } from '../support/certificates.ts';
import { podReview } from '../support/reviews.ts';
import { responseIn } from './answers.ts';
import { refused, judgedImage, testPorts, type Otherwise, type TestPorts } from './ports.ts';

const MAX_BODY_BYTES = 8 * 1024 * 1024;
const IMAGE = 'registry.example.com/shop/web:1.4.0';

describe('the webhook over HTTPS', () => {
  let tls: { cert: string; key: string };
  let ca: string;
  let server: Server;
  let client: HttpsClient;
  let ports: TestPorts;
  let otherwise: Otherwise = {};
  before(async () => {
    const authority = await createAuthority('webhook');
    ca = authority.cert;
    tls = await authority.issue({ commonName: 'localhost', ips: ['127.0.0.1'], usage: 'server' });
    server = await startServer({
      host: '127.0.0.1',
      port: 0,
      tls,
      routes: [
        {
          method: 'post',
          path: '/validate',
          maxBodyBytes: MAX_BODY_BYTES,
          handle: (request) => validateHandler(ports, 10_000)(request),
        },
      ],
      onError: (error) => ports.report(error),
    });
    client = httpsClient(`https://127.0.0.1:${String(server.port)}`, ca);
  });
  beforeEach(() => {
    otherwise = {};
    ports = testPorts();
  });
  after(async () => {
    await client.close();
    await server.close();
  });

  const ask = async (body: unknown, query = '?timeout=10s') => {
    ports = testPorts(otherwise);
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await client.post(`/validate${query}`, text);
    expect(answer.headers['content-type']).to.match(/^application\/json/);
    return { status: answer.status, answer: JSON.parse(answer.text) as unknown };
  };

  it('admits a good pod', async () => {
    const review = podReview([IMAGE]);
    const { status, answer } = await ask(review);
    expect(status).to.equal(200);
    expect(responseIn(answer, review.request.uid)).to.include({ allowed: true });
    expect(ports.judged).to.deep.equal(['spec.containers[0].image']);
  });

  it('refuses a bad pod with 403', async () => {
    const review = podReview(['registry.example.com/bad:1']);
    const { status, answer } = await ask(review);
    expect(status).to.equal(200);
    const { allowed, status: why } = responseIn(answer, review.request.uid);
    expect(allowed).to.equal(false);
    expect(why).to.include({ code: 403, reason: 'Forbidden' });
  });

  it('answers a review of 2.5 MB', async () => {
    const annotations = Object.fromEntries(
      Array.from({ length: 10 }, (_, index) => [`example.com/part-${index}`, 'x'.repeat(250_000)]),
    );
    const review = podReview([IMAGE]);
    const object = { ...review.request.object, metadata: { name: 'web', annotations } };
    const { status, answer } = await ask({ ...review, request: { ...review.request, object } });
    expect(status).to.equal(200);
    expect(responseIn(answer, review.request.uid).allowed).to.equal(true);
  });

  it('answers a body over the limit with 413 and a refusal', async () => {
    const { status, answer } = await ask('x'.repeat(MAX_BODY_BYTES + 1));
    expect(status).to.equal(413);
    const response = responseIn(answer, '');
    expect(response.allowed).to.equal(false);
    expect(response.status).to.include({ code: 413, reason: 'RequestTooLarge' });
  });

  it('allows requests that add no image: another kind, a DELETE, a CONNECT', async () => {
    const kind = { group: '', version: 'v1', kind: 'ConfigMap' };
    for (const more of [{ kind }, { operation: 'DELETE', object: null }, { operation: 'CONNECT' }]) {
      const review = podReview(['bad/one:1'], more);
      const { status, answer } = await ask(review);
      expect(status).to.equal(200);
      expect(responseIn(answer, review.request.uid)).to.deep.equal({
        uid: review.request.uid,
        allowed: true,
      });
    }
  });

  const { request } = podReview([IMAGE]);
  const envelope = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' };
  const broken: readonly { what: string; body: unknown; uid: string; status: number; says: string }[] = [
    { what: 'nothing at all', body: '', uid: '', status: 400, says: 'not JSON' },
    { what: 'no JSON', body: '{"apiVersion": ', uid: '', status: 400, says: 'not JSON' },
    { what: 'JSON that is null', body: 'null', uid: '', status: 400, says: 'object' },
    { what: 'JSON that is no review', body: { hello: 'world' }, uid: '', status: 400, says: 'request' },
    {
      what: 'another API version',
      body: { ...envelope, apiVersion: 'admission.k8s.io/v1beta1', request },
      uid: request.uid,
      status: 200,
      says: 'apiVersion',
    },
    {
      what: 'another kind',
      body: { ...envelope, kind: 'TokenReview', request },
      uid: request.uid,
      status: 200,
      says: 'kind',
    },
    {
      what: 'a request of a uid and nothing else',
      body: { ...envelope, request: { uid: 'u-1' } },
      uid: 'u-1',
      status: 200,
      says: 'request.kind',
    },
    {
      what: 'an empty uid',
      body: { ...envelope, request: { ...request, uid: '' } },
      uid: '',
      status: 400,
      says: 'request.uid',
    },
    {
      what: 'an unknown operation',
      body: { ...envelope, request: { ...request, operation: 'PATCH' } },
      uid: request.uid,
      status: 200,
      says: 'request.operation',
    },
    {
      what: 'a pod that is null',
      body: { ...envelope, request: { ...request, object: null } },
      uid: request.uid,
      status: 200,
      says: 'request.object',
    },
    {
      what: 'a pod that is a text',
      body: { ...envelope, request: { ...request, object: 'pod' } },
      uid: request.uid,
      status: 200,
      says: 'Pod',
    },
    {
      what: 'containers that are no list',
      body: { ...envelope, request: { ...request, object: { spec: { containers: 7 } } } },
      uid: request.uid,
      status: 200,
      says: 'spec.containers',
    },
  ];
  for (const { what, body, uid, status, says } of broken) {
    it(`refuses ${what} as InvalidRequest`, async () => {
      const answered = await ask(body);
      expect(answered.status).to.equal(status);
      const response = responseIn(answered.answer, uid);
      expect(response.allowed).to.equal(false);
      expect(response.status).to.include({ code: 400, reason: 'InvalidRequest' });
      expect(response.status?.message).to.include(says);
      expect(ports.judged).to.deep.equal([]);
    });
  }

  it('refuses bytes that are no UTF-8', async () => {
    const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
    const { status, text } = await client.post('/validate', bytes);
    expect(status).to.equal(400);
    expect(responseIn(JSON.parse(text), '').allowed).to.equal(false);
  });

  it('answers 404 elsewhere and 405 to another method', async () => {
    expect((await client.post('/mutate', '{}')).status).to.equal(404);
    const { status, headers } = await client.get('/validate');
    expect(status).to.equal(405);
    expect(headers.allow).to.equal('POST');
  });

  it('B13 refuses with InternalError and reports when the judge throws, typed or untyped', async () => {
    for (const thrown of [new TypeError('x is undefined'), 'a text', undefined]) {
      otherwise = {
        judge: () => {
          // eslint-disable-next-line @typescript-eslint/only-throw-error -- a bug may throw anything
          throw thrown;
        },
      };
      const review = podReview([IMAGE]);
      const { status, answer } = await ask(review);
      expect(status).to.equal(200);
      const response = responseIn(answer, review.request.uid);
      expect(response.allowed).to.equal(false);
      expect(response.status).to.include({ code: 500, reason: 'InternalError' });
      expect(response.status?.message).not.to.include('undefined');
      expect(ports.reported).to.deep.equal([thrown]);
    }
  });

  it('B13 refuses with DeadlineExceeded before the timeout of the caller, when the judge ignores its signal', async () => {
    otherwise = { judge: () => new Promise(() => undefined) };
    const review = podReview([IMAGE]);
    let answer: unknown;
    const time = async (timeoutMs: number): Promise<number> => {
      const started = performance.now();
      ({ answer } = await ask(review, `?timeout=${String(timeoutMs)}ms`));
      return performance.now() - started;
    };
    let timeoutMs = 300;
    let took = await time(timeoutMs);
    // A busy machine may use more than the margin. With a longer timeout the margin is larger.
    while (took >= timeoutMs && timeoutMs < 10_000) took = await time((timeoutMs *= 2));
    expect(took).to.be.within(timeoutMs / 2, timeoutMs);
    const response = responseIn(answer, review.request.uid);
    expect(response.status).to.include({ code: 504, reason: 'DeadlineExceeded' });
    expect(response.status?.message).to.include('temporary');
  });

  it('gives the judge a signal that aborts before the response is due', async () => {
    otherwise = {
      judge: ({ images, signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () =>
            resolve(
              images.map((image) =>
                judgedImage(image, [refused({ reason: 'DeadlineExceeded', kind: 'unknown' })]),
              ),
            ),
          );
        }),
    };
    const review = podReview([IMAGE]);
    const { answer } = await ask(review, '?timeout=500ms');
    const { status, auditAnnotations } = responseIn(answer, review.request.uid);
    expect(status?.code).to.equal(403);
    expect(auditAnnotations).to.include({ verdict: 'unknown', reasons: 'DeadlineExceeded' });
  });

  it('answers a hundred reviews at once, each with its own uid', async () => {
    const reviews = Array.from({ length: 100 }, (_, index) =>
      podReview([index % 2 ? IMAGE : `bad/${index}`]),
    );
    const answers = await Promise.all(
      reviews.map(
        async (review) =>
          JSON.parse((await client.post('/validate', JSON.stringify(review))).text) as unknown,
      ),
    );
    for (const [
      index,
      {
        request: { uid },
      },
    ] of reviews.entries()) {
      expect(responseIn(answers[index], uid).allowed).to.equal(index % 2 === 1);
    }
  });
});

describe('budgetMs', () => {
  const rows: readonly [string | null, number][] = [
    ['10s', 9_000],
    ['1s', 900],
    ['30s', 29_000],
    ['1m0s', 29_000],
    ['9.5s', 8_550],
    ['500ms', 400],
    ['1m', 29_000],
    [null, 4_500],
    ['', 4_500],
    ['0s', 4_500],
    ['soon', 4_500],
    ['-3s', 4_500],
    ['100ms', 50],
    ['1ms', 0.5],
  ];
  for (const [timeout, expected] of rows) {
    it(`leaves ${expected} ms of ${timeout ?? 'no timeout'}`, () => {
      expect(budgetMs(timeout, 5_000)).to.equal(expected);
    });
  }
});
