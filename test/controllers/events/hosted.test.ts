import { expect } from 'chai';
import { decode } from '../../../src/controllers/events/decode.ts';
import type { Receiver, Sender } from '../../../src/controllers/events/ports.ts';
import { BODY, fixture, signature, TOKEN } from './fixture.ts';
import {
  acr,
  dockerHub,
  ECR,
  ecr,
  gar,
  garMessage,
  jfrog,
  PUSHES,
  quay,
  zot,
  ZOT_UPDATED,
  zotData,
} from './hosted-payloads.ts';

const HUB = 'hub.example.com';
const readOf = (sender: Sender, body: unknown, registry?: string, type?: string) =>
  decode(sender, Buffer.from(JSON.stringify(body)), { registry, type });
function imagesIn(...given: Parameters<typeof readOf>): readonly string[] {
  const read = readOf(...given);
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return read.value.map(({ registry: host, repository, tag }) => `${host}/${repository}:${String(tag)}`);
}
function wrongIn(...given: Parameters<typeof readOf>): readonly string[] | 'nothing' {
  const read = readOf(...given);
  return read.ok ? 'nothing' : read.problems.map(({ path }) => path);
}

describe('events of hosted registries', () => {
  const good: readonly [string, Sender, unknown, readonly string[]][] = [
    ['a push', 'acr', acr(), ['acme.azurecr.io/shop/web:1.4']],
    ['a push without a tag', 'acr', acr('push', { tag: undefined }), ['acme.azurecr.io/shop/web:undefined']],
    ['no deletion', 'acr', acr('delete'), []],
    ['no quarantine', 'acr', acr('quarantine'), []],
    ['the ping', 'acr', { id: 'x', action: 'ping' }, []],
    ['a push', 'ecr', ecr(), [`${ECR}/shop/web:1.4`]],
    ['a push without a tag', 'ecr', ecr({ 'image-tag': undefined }), [`${ECR}/shop/web:undefined`]],
    [
      'an arrival by replication',
      'ecr',
      ecr({ 'action-type': 'REPLICATE' }, { 'detail-type': 'ECR Replication Action' }),
      [`${ECR}/shop/web:1.4`],
    ],
    [
      'a push in China, which has another domain',
      'ecr',
      ecr({}, { region: 'cn-north-1' }),
      ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/shop/web:1.4'],
    ],
    ['no push that failed', 'ecr', ecr({ result: 'FAILURE' }), []],
    ['no deletion', 'ecr', ecr({ 'action-type': 'DELETE' }), []],
    ['no scan', 'ecr', ecr({}, { 'detail-type': 'ECR Image Scan', account: 7 }), []],
    ['a push', 'gar', gar(), ['europe-docker.pkg.dev/acme/shop/web:1.4']],
    ['a push without the envelope', 'gar', garMessage(), ['europe-docker.pkg.dev/acme/shop/web:1.4']],
    [
      'a push without a tag',
      'gar',
      gar({ tag: undefined }),
      ['europe-docker.pkg.dev/acme/shop/web:undefined'],
    ],
    ['no deletion', 'gar', gar({ action: 'DELETE' }), []],
    ['a push', 'dockerhub', dockerHub(), ['docker.io/acme/web:1.4']],
    ['a push with two tags', 'quay', quay(), ['quay.io/acme/web:1.4', 'quay.io/acme/web:1']],
    ['the elder form', 'quay', quay({ updated_tags: { latest: 'b750fe' } }), ['quay.io/acme/web:latest']],
    ['no build', 'quay', quay({ updated_tags: undefined, build_id: '1', docker_tags: ['1'] }), []],
    [
      'a push, by both names of the repository',
      'jfrog',
      jfrog(),
      ['acme.jfrog.io/docker-local/shop/web:1.4', 'docker-local.acme.jfrog.io/shop/web:1.4'],
    ],
    [
      'a key that cannot be part of a host',
      'jfrog',
      jfrog({ repo_key: 'docker_local' }),
      ['acme.jfrog.io/docker_local/shop/web:1.4'],
    ],
    ['no deletion', 'jfrog', jfrog({}, { event_type: 'deleted' }), []],
    ['no event about another domain', 'jfrog', jfrog({}, { domain: 'artifact', event_type: 'deployed' }), []],
    ['no push of another domain', 'jfrog', jfrog({}, { domain: 'artifact' }), []],
    ['no deletion', 'zot', zot(zotData(), 'zotregistry.image.deleted'), []],
    ['no new repository', 'zot', zot({ name: 'shop/web' }, 'zotregistry.repository.created'), []],
  ];
  for (const [what, sender, body, images] of good)
    it(`reads ${what} (${sender})`, () => expect(imagesIn(sender, body)).to.deep.equal(images));

  it('reads a push to zot, whose type is in a header or in the body, under the host of the settings', () => {
    const images = [`${HUB}/shop/web:1.4`];
    expect(imagesIn('zot', zot(), HUB)).to.deep.equal(images);
    expect(imagesIn('zot', zotData(), HUB, ZOT_UPDATED)).to.deep.equal(images);
    expect(imagesIn('zot', zotData(), HUB, 'zotregistry.image.deleted')).to.deep.equal([]);
    const untagged = zotData({ reference: `sha256:${'0'.repeat(64)}` });
    expect(imagesIn('zot', untagged, HUB, ZOT_UPDATED)).to.deep.equal([`${HUB}/shop/web:undefined`]);
    expect(wrongIn('zot', zot())).to.deep.equal(['data']);
  });

  for (const [sender, body] of PUSHES)
    it(`P37: ${sender} speaks of no other host than the one of its settings`, () => {
      const images = imagesIn(sender, body, HUB);
      expect(images).to.not.be.empty;
      expect(images.every((image) => image.startsWith(`${HUB}/`))).to.be.true;
    });

  const hostile: readonly [string, Sender, unknown, readonly string[]][] = [
    ['a repository that climbs', 'acr', acr('push', { repository: '../../x' }), ['target']],
    ['a tag that is a list', 'acr', acr('push', { tag: [] }), ['target.tag']],
    ['no host', 'acr', { ...acr(), request: {} }, ['request.host']],
    ['an account that is a host', 'ecr', ecr({}, { account: 'evil.example.com/' }), ['account']],
    ['a region that is a host', 'ecr', ecr({}, { region: 'evil.example.com/x' }), ['region']],
    ['a region with more behind it', 'ecr', ecr({}, { region: 'eu-central-1.evil' }), ['region']],
    ['a repository that is a number', 'ecr', ecr({ 'repository-name': 7 }), ['detail.repository-name']],
    ['a repository that climbs', 'ecr', ecr({ 'repository-name': '../x' }), ['detail.repository-name']],
    ['an event without detail', 'ecr', ecr({}, { detail: null }), ['detail']],
    ['data that is no base64', 'gar', { message: { data: '{"action":"INSERT"}' } }, ['message.data']],
    ['data that is no JSON', 'gar', { message: { data: 'aGVsbG8=' } }, ['message.data']],
    ['data that is no text', 'gar', { message: { data: '/////w==' } }, ['message.data']],
    ['a message without data', 'gar', { message: {} }, ['message.data']],
    ['an envelope that is a text', 'gar', { message: 'x' }, ['message']],
    ['a name without host', 'gar', gar({ tag: 'web:1' }), ['message.data']],
    ['no name', 'gar', gar({ tag: null, digest: null }), ['message.data']],
    ['a tag that cannot be one', 'gar', gar({ tag: 'europe-docker.pkg.dev/a/b:-' }), ['message.data']],
    ['a repository that climbs', 'dockerhub', dockerHub({ repo_name: '../x' }), ['repository.repo_name']],
    ['a repository with a host', 'dockerhub', dockerHub({ repo_name: 'a:1/b' }), ['repository.repo_name']],
    ['no repository', 'dockerhub', { push_data: {} }, ['repository']],
    [
      'an address without host',
      'quay',
      quay({ docker_url: 'acme/web', updated_tags: ['1'] }),
      ['docker_url'],
    ],
    [
      'an address with a scheme',
      'quay',
      quay({ docker_url: 'https://quay.io/a', updated_tags: ['1'] }),
      ['docker_url'],
    ],
    ['tags that are no list', 'quay', quay({ updated_tags: 7 }), ['updated_tags']],
    ['tags that are no text', 'quay', quay({ updated_tags: [{}] }), ['updated_tags']],
    ['a key with a path', 'jfrog', jfrog({ repo_key: 'a/b' }), ['data.repo_key']],
    ['no origin', 'jfrog', jfrog({}, { jpd_origin: 'javascript:alert(1)' }), ['data', 'data']],
    ['an image that climbs', 'jfrog', jfrog({ image_name: '../../x' }), ['data', 'data']],
    ['data that is null', 'jfrog', jfrog({}, { data: null }), ['data']],
    ['a type of no kind', 'zot', { type: 7, specversion: '1.0' }, ['type']],
    ['data that is a text', 'zot', zot('x' as unknown as object), ['data']],
  ];
  for (const [what, sender, body, paths] of hostile)
    it(`P37: refuses ${what} (${sender})`, () => expect(wrongIn(sender, body)).to.deep.equal(paths));

  it('P37: reads no more tags than one request may name, and never repeats what came', () => {
    const tags = Array.from({ length: 1_001 }, (_, index) => `t${String(index)}`);
    expect(wrongIn('quay', quay({ updated_tags: tags }))).to.deep.equal(['updated_tags']);
    const said = PUSHES.flatMap(([sender]) =>
      [
        { hunter2: 'hunter2', type: 7, action: 7, domain: 7, 'detail-type': 7, updated_tags: 'hunter2' },
        { message: { data: 'hunter2!' }, action: 'push', repository: { repo_name: 'hunter2!' } },
      ].map((body) => JSON.stringify(readOf(sender, body))),
    );
    expect(said.join('\n')).not.to.contain('hunter2');
  });
});

describe('senders that show a secret as they can', () => {
  const secret = () => `${TOKEN}\n`;
  const of = (auth: Receiver['auth']): Receiver => ({ name: 'shown', sender: 'generic', auth });
  const header = of({ kind: 'header', header: 'x-api-key', secret });
  const basic = of({ kind: 'basic', username: 'quay', secret });
  const query = of({ kind: 'query', parameter: 'token', secret });
  const login = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });

  it('accepts the header, the login or the parameter with exactly the secret', async () => {
    const open = fixture([header, basic, query]);
    expect((await open.ask({ 'x-api-key': TOKEN })).status).to.equal(202);
    expect((await open.ask(login(`quay:${TOKEN}`))).status).to.equal(202);
    expect((await open.ask({}, BODY, { query: `token=${TOKEN}` })).status).to.equal(202);
    expect(open.pushed).to.have.length(3);
  });

  const refused: readonly [string, Receiver, Readonly<Record<string, string>>, string, string][] = [
    ['no header', header, {}, '', 'secret missing'],
    ['another header', header, { 'x-other': TOKEN }, '', 'secret missing'],
    ['more than the secret', header, { 'x-api-key': `${TOKEN}x` }, '', 'secret wrong'],
    ['the beginning of it', header, { 'x-api-key': TOKEN.slice(0, -1) }, '', 'secret wrong'],
    ['the secret in the address', header, {}, `x-api-key=${TOKEN}`, 'secret missing'],
    ['no login', basic, {}, '', 'login missing'],
    ['another name', basic, login(`hub:${TOKEN}`), '', 'login wrong'],
    ['no name', basic, login(`:${TOKEN}`), '', 'login wrong'],
    ['the password alone', basic, login(TOKEN), '', 'login wrong'],
    ['a login that is not coded', basic, { authorization: `Basic quay:${TOKEN}` }, '', 'login missing'],
    ['the password as a token', basic, { authorization: `Bearer ${TOKEN}` }, '', 'login missing'],
    ['no parameter', query, {}, '', 'secret missing'],
    ['another parameter', query, {}, `Token=${TOKEN}`, 'secret missing'],
    ['the parameter twice', query, {}, `token=${TOKEN}&token=x`, 'secret missing'],
    ['an empty parameter', query, {}, 'token=', 'secret wrong'],
    ['the secret in a header', query, { token: TOKEN }, '', 'secret missing'],
  ];
  for (const [what, receiver, headers, asked, why] of refused)
    it(`P36: answers 401 to ${what} (${receiver.auth.kind}), and writes no secret into the log`, async () => {
      const open = fixture([receiver]);
      const answer = await open.ask(headers, BODY, { query: asked });
      expect(answer).to.deep.equal({ status: 401, body: { error: 'unauthorized' } });
      expect(open.pushed).to.deep.equal([]);
      expect(open.log[0]?.why).to.deep.equal([`shown: ${why}`]);
      expect(JSON.stringify(open.log)).not.to.include(TOKEN);
    });

  it('P36: accepts no header, login or parameter while the secret is empty or short', async () => {
    for (const text of ['', 'short', undefined]) {
      const receivers = [header, basic, query].map(({ auth, ...rest }) => ({
        ...rest,
        auth: { ...auth, secret: () => text } as Receiver['auth'],
      }));
      const open = fixture(receivers);
      const shown = { 'x-api-key': text ?? '', ...login(`quay:${text ?? ''}`) };
      expect((await open.ask(shown, BODY, { query: `token=${text ?? ''}` })).status).to.equal(503);
    }
  });

  it('accepts the signature of JFrog, in its header and without a prefix', async () => {
    const auth = { kind: 'hmac', header: 'x-jfrog-event-auth', secret } as const;
    const open = fixture([{ name: 'jfrog', sender: 'jfrog', auth }]);
    const body = JSON.stringify(jfrog());
    const good = { 'x-jfrog-event-auth': signature(body, TOKEN).slice('sha256='.length) };
    expect((await open.ask(good, body, { sender: 'jfrog' })).status).to.equal(202);
    expect((await open.ask({ 'x-jfrog-event-auth': TOKEN }, body, { sender: 'jfrog' })).status).to.equal(401);
  });

  it('reads the type of a CloudEvent from its header', async () => {
    const receiver = { ...basic, sender: 'zot', registry: 'zot.example.com' } as const;
    const open = fixture([receiver]);
    const event = { ...login(`quay:${TOKEN}`), 'ce-type': ZOT_UPDATED };
    await open.ask(event, JSON.stringify(zotData()), { sender: 'zot' });
    expect(open.pushed).to.deep.equal([{ registry: 'zot.example.com', repository: 'shop/web', tag: '1.4' }]);
  });
});
