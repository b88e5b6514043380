import { expect } from 'chai';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseSettings, type Settings } from '../src/core/settings/index.ts';
import type { Judging, Tools } from '../src/cli/index.ts';
import type { FolderPolicies } from '../src/core/policy/index.ts';
import { createTools } from '../src/serve/index.ts';
import { httpsClient } from './support/https-request.ts';
import { createAuthority } from './support/certificates.ts';
import type { WrittenSpec } from './support/policies.ts';
import { podReview } from './support/reviews.ts';
import { pushImage } from './support/registry/push.ts';
import { openPolicyFixture, type PolicyFixture } from './support/policy-fixture.ts';
import { signingKey } from './support/signing.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

describe('the tools of the commands', () => {
  let fixture: PolicyFixture;
  let tools: Tools;
  let log: Record<string, unknown>[];
  let judging: Judging;
  before(async () => {
    fixture = await openPolicyFixture();
  });
  after(() => fixture.registry.close());
  beforeEach(async () => {
    log = [];
    tools = createTools({
      version: '1.2.3',
      environment: { DOCKER_CONFIG: '/nonexistent' },
      stdin: Readable.from([]),
      writeLog: (line) => log.push(JSON.parse(line) as Record<string, unknown>),
    });
    const opened = await tools.openJudge(settings({}));
    if (!opened.ok) throw new Error(JSON.stringify(opened.problems));
    judging = opened.value;
  });
  afterEach(() => judging.close());

  function settings(webhook: object): Settings {
    const read = parseSettings({ webhook });
    if (!read.ok) throw new Error(JSON.stringify(read.problems));
    return read.value;
  }
  const compiled = (spec: WrittenSpec, labels: Readonly<Record<string, string>> = {}): FolderPolicies => {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels } };
    const documents = [fixture.policy(spec), namespace].map((value, index) => ({
      origin: String(index),
      value,
    }));
    const policies = tools.compilePolicies({ documents, problems: [] });
    if (!policies.ok) throw new Error(JSON.stringify(policies.problems));
    return policies.value;
  };
  const verdictOn = async (image: string, policies: FolderPolicies) =>
    (await tools.review(JSON.stringify(podReview([image])), policies, judging, 30_000)).verdict;

  it('T04 judges again with the current namespace labels, from cached facts', async () => {
    const spec = { match: { images: ['**'], namespaceSelector: { matchLabels: { env: 'production' } } } };
    const strict = { ...spec, require: { digest: {}, signatures: { from: ['release'] } } };
    const image = fixture.image('good');
    expect(await verdictOn(image, compiled(spec, { env: 'production' }))).to.equal('allow');
    const asked = fixture.registry.requests.length;
    expect(
      await verdictOn(image, compiled(strict, { env: 'production' })),
      'another policy, same facts',
    ).to.equal('deny');
    expect(await verdictOn(image, compiled(strict, { env: 'test' }))).to.equal('allow');
    expect(await verdictOn(image, compiled(spec, { env: 'production' }))).to.equal('allow');
    const tagLookups = fixture.registry.requests.slice(asked);
    expect(
      tagLookups.every(({ path }) => path.endsWith('/manifests/1.0')),
      'only the tag is read again',
    ).to.equal(true);
  });

  it('T04 judges again at the current time: an end of life that passes while the fact is cached', async () => {
    const policies = compiled({ require: { lifecycle: { warnBefore: '0s' } } });
    const born = async (seconds: number) => {
      const end = Math.ceil(Date.now() / 1_000 + seconds) * 1_000;
      const tag = `for-${String(seconds)}`;
      await pushImage(
        { registry: fixture.registry.host, repository: 'shop/mayfly', tag },
        {
          annotations: {
            'dev.pratique.lifecycle.end-of-life': new Date(end).toISOString().replace('.000', ''),
          },
        },
      );
      return { end, image: `${fixture.registry.host}/shop/mayfly:${tag}` };
    };
    // On a very busy machine it may end before it is read. The next one then lives longer.
    let seconds = 1;
    let mayfly = await born(seconds);
    while ((await verdictOn(mayfly.image, policies)) !== 'allow' && seconds < 16)
      mayfly = await born((seconds *= 2));
    expect(await verdictOn(mayfly.image, policies)).to.equal('allow');
    while (Date.now() <= mayfly.end) await sleep(20);
    expect(await verdictOn(mayfly.image, policies)).to.equal('deny');
  });

  it('T04 judges again with the current keys', async () => {
    const image = fixture.image('signed-by-a-stranger');
    const spec = { require: { signatures: { from: ['release'] } } };
    expect(await verdictOn(fixture.image('good'), compiled(spec))).to.equal('allow');
    expect(await verdictOn(image, compiled(spec))).to.equal('deny');
    const authorities = [{ name: 'release', key: { pem: signingKey().pem } }];
    expect(await verdictOn(fixture.image('good'), compiled({ ...spec, authorities }))).to.equal('deny');
  });

  it('reloads a folder when it changes, and keeps the last good policies when it is broken', async () => {
    const authority = await createAuthority('acme authority');
    const leaf = await authority.issue({ commonName: 'webhook', ips: ['127.0.0.1'], usage: 'server' });
    const files = await temporaryFolder({ 'tls.crt': leaf.cert, 'tls.key': leaf.key });
    const folder = await temporaryFolder({ 'policy.yaml': fixture.policy({ enforcement: 'Audit' }) });
    const webhook = {
      listen: '127.0.0.1:0',
      tlsCert: join(files.path, 'tls.crt'),
      tlsKey: join(files.path, 'tls.key'),
    };
    const serving = await tools.serve(settings(webhook), folder.path);
    if (!serving.ok) throw new Error(JSON.stringify(serving.problems));
    const client = httpsClient(serving.value.url, authority.cert);
    const allowed = async () => {
      const { text } = await client.post('/validate', JSON.stringify(podReview([fixture.image('unsigned')])));
      return (JSON.parse(text) as { response: { allowed: boolean } }).response.allowed;
    };
    const logged = async (message: RegExp) => {
      while (!log.some(({ msg }) => message.test(String(msg)))) await sleep(20);
    };
    expect(await allowed()).to.equal(true);
    await folder.write('policy.yaml', fixture.policy({}));
    await logged(/^policies changed$/);
    expect(await allowed()).to.equal(false);
    await folder.write('policy.yaml', 'kind: [');
    await logged(/the last good ones stay in force$/);
    expect(await allowed()).to.equal(false);
    await client.close();
    await serving.value.close();
    await Promise.all([files.remove(), folder.remove()]);
  });
});
