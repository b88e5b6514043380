import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { parse } from 'yaml';
import { cosignKey } from '../support/private-keys.ts';
import { listTags } from '../support/registry/listings.ts';
import { startRegistry, type EmbeddedRegistry } from '../support/registry/index.ts';
import { pushImage, pushTag } from '../support/registry/push.ts';
import { run, type Ran } from './run.ts';

describe('pratique plan and pratique promote', () => {
  let registry: EmbeddedRegistry;
  const place = (repository: string) => ({ registry: registry.host, repository });
  const promotion = (promote: object, more: object = {}) => ({
    apiVersion: 'pratique.dev/v1alpha1',
    kind: 'ImagePromotion',
    metadata: { name: 'app' },
    spec: {
      source: { repository: `${registry.host}/quarantine/app` },
      target: { repository: `${registry.host}/golden/app` },
      tags: { semver: ['*'] },
      promote,
      ...more,
    },
  });
  const give = (args: readonly string[], documents: readonly object[]): Promise<Ran> =>
    run([...args, '-f', '-'], {
      stdin: documents.map((each) => JSON.stringify(each)).join('\n---\n'),
      undisturbed: true,
    });
  const push = (tag: string) => pushImage({ ...place('quarantine/app'), tag }, { salt: tag });

  beforeEach(async () => {
    registry = await startRegistry();
  });
  afterEach(() => registry.close());

  it('plans without promoting an image, and then promotes it', async () => {
    await push('1.0.0');
    const plan = await give(['plan', '-o', 'json'], [promotion({})]);
    expect(JSON.parse(plan.out)).to.have.nested.property('plans[0].images[0].action', 'Move');
    expect([plan.code, await listTags(place('golden/app'))]).to.deep.equal([0, []]);
    const dry = await give(['promote', '--dry-run', '-o', 'json'], [promotion({})]);
    expect(JSON.parse(dry.out)).to.have.nested.property('runs[0].images[0].decision', 'Planned');
    expect([dry.code, await listTags(place('golden/app'))]).to.deep.equal([0, []]);
    const ran = await give(['promote'], [promotion({})]);
    expect([ran.code, await listTags(place('golden/app'))]).to.deep.equal([0, ['1.0.0']]);
    expect(ran.out).to.include('1 image: 1 promoted');
    expect(ran.err).to.include('[1/1] 1.0.0: Promoted');
  });

  it('prints an approval form for an image that waits, and accepts the completed one', async () => {
    await push('1.0.0');
    const documents = [promotion({ approval: 'Always' })];
    const waiting = await give(['promote'], documents);
    expect(waiting.code).to.equal(1);
    const form = parse(waiting.out.split('\n---\n')[1] ?? '') as { spec: object };
    const untouched = await give(['promote'], [...documents, form]);
    expect(untouched.code).to.equal(3);
    for (const field of ['approver', 'reason', 'until']) expect(untouched.err).to.include(`spec.${field}: `);
    const filled = { ...form.spec, approver: 'alice', reason: 'looked at it', until: '9999-12-31' };
    const approved = await give(['promote', '-o', 'yaml'], [...documents, { ...form, spec: filled }]);
    expect(parse(approved.out)).to.have.nested.property('runs[0].images[0].approvedBy', 'alice');
    expect(approved.code).to.equal(0);
  });

  describe('when one promotion of a file cannot be planned', () => {
    const named = (name: string, more: object) => ({ ...promotion({}, more), metadata: { name } });
    const down = () => ({ target: { repository: '127.0.0.1:1/golden/app' } });
    const mirror = (repository: string) => ({
      ...{ promote: undefined, mirror: {}, target: { repository } },
    });

    for (const command of ['plan', 'promote'])
      it(`P12 ${command} goes on with the others, and names what failed`, async () => {
        await push('1.0.0');
        const documents = [
          named('first', mirror('127.0.0.1:1/x/app')),
          named('second', down()),
          named('third', {}),
        ];
        const ran = await give([command, '-o', 'json'], documents);
        const { plans, runs } = JSON.parse(ran.out) as Record<
          string,
          { reason?: string; images: object[] }[]
        >;
        const reported = (plans ?? runs ?? []).map(({ reason, images }) => [reason, images.length]);
        expect(reported).to.deep.equal([
          ['RegistryUnavailable', 0],
          [undefined, 1],
          [undefined, 1],
        ]);
        expect(ran.code).to.equal(2);
        expect(ran.err).to.include('ImagePromotion first: RegistryUnavailable');
        expect(await listTags(place('golden/app'))).to.deep.equal(command === 'plan' ? [] : ['1.0.0']);
      }).timeout(30_000);

    it('P12 a source that is not there is bad input, and the others go on', async () => {
      await push('1.0.0');
      const gone = named('gone', { source: { repository: `${registry.host}/none` } });
      const ran = await give(['promote'], [gone, named('there', {})]);
      expect([ran.code, await listTags(place('golden/app'))]).to.deep.equal([3, ['1.0.0']]);
      expect(ran.out).to.include('ImageNotFound').and.to.include('1 image: 1 promoted');
    });
  });

  for (const status of [429, 502, 503])
    it(`P13 ${String(status)} while it is planned is tried again`, async () => {
      await push('1.0.0');
      const once = { list: 1, head: 1 };
      registry.intercept(({ url, method }) => {
        const kind = url.pathname.endsWith('/tags/list') ? 'list' : method === 'HEAD' ? 'head' : undefined;
        if (kind === undefined || once[kind]-- <= 0) return undefined;
        return { status, headers: {}, body: '' };
      });
      const ran = await give(['promote'], [promotion({})]);
      expect([ran.code, await listTags(place('golden/app'))]).to.deep.equal([0, ['1.0.0']]);
    });

  it('P14 announces that a registry is left alone, and why', async () => {
    await push('1.0.0');
    registry.intercept(async (request, handle) => {
      const reply = await handle(request);
      if (typeof reply === 'string' || !request.url.pathname.includes('quarantine')) return reply;
      const limit = { 'ratelimit-limit': '100;w=1', 'ratelimit-remaining': '5;w=1' };
      return { ...reply, headers: { ...reply.headers, ...limit } };
    });
    const planned = await give(['plan'], [promotion({})]);
    expect(planned.out).to.match(
      /RegistryRateLimited: .*quarantine\/app asks to slow down; a run would wait 1 s/,
    );
    const { plans } = JSON.parse((await give(['plan', '-o', 'json'], [promotion({})])).out) as {
      plans: { rest?: { side: string } }[];
    };
    expect(plans[0]?.rest?.side).to.equal('source');
    const ran = await give(['promote'], [promotion({})]);
    expect(ran.err).to.match(/app: waits 1 s: RegistryRateLimited: .*quarantine\/app asks to slow down/);
    expect(ran.code).to.equal(0);
  });

  it('reports why a source was not deleted', async () => {
    await pushTag(place('quarantine/app'), 'keep', await push('1.0.0'));
    const ran = await give(['promote'], [promotion({ deleteSource: true })]);
    expect(ran.code).to.equal(0);
    expect(ran.out).to.include('SourceShared: tag keep still points to it');
  });

  it('distinguishes a wrong password from an invalid key, and prints neither', async () => {
    const sign = { sign: { secretRef: { name: 'key' } } };
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const encrypted = cosignKey(privateKey, { password: 'right' });
    const said = async (stringData: object): Promise<string> => {
      const secret = { kind: 'Secret', metadata: { name: 'key' }, stringData };
      const { code, err } = await give(['promote'], [promotion(sign), secret]);
      expect(code).to.equal(3);
      expect(err)
        .to.include('spec.promote.sign.secretRef: ')
        .and.not.match(/hunter2|BEGIN/);
      return err;
    };
    expect(await said({ 'cosign.key': encrypted, 'cosign.password': 'hunter2' })).to.include(
      'cosign.password does not open',
    );
    expect(await said({ 'cosign.key': 'hunter2' })).to.include('cosign.key is not');
  });

  it('reports that no tag is selected, and the number of tags', async () => {
    await push('1.0.0');
    const tags = { semver: ['9.x'] };
    for (const command of ['plan', 'promote']) {
      const ran = await give([command], [promotion({}, { tags })]);
      expect(ran.code).to.equal(0);
      expect(ran.out).to.include(' is selected: the repository lists 1 tag\n');
      const forScripts = await give([command, '-o', 'json'], [promotion({}, { tags })]);
      expect(forScripts.out).to.include('"message": "no tag of ');
    }
  });

  it('P16 believes no fixed date of a build tool', async () => {
    const created = 'org.opencontainers.image.created';
    const dates = {
      '1.0.0': '0001-01-01T00:00:00Z',
      '2.0.0': '1980-01-01T00:00:01Z',
      '3.0.0': '2024-01-01T00:00:00Z',
    };
    for (const [tag, date] of Object.entries(dates))
      await pushImage({ ...place('quarantine/app'), tag }, { salt: tag, annotations: { [created]: date } });
    const ran = await give(
      ['plan', '-o', 'json'],
      [promotion({}, { tags: { semver: ['*'], minAge: { duration: '72h', by: 'Claimed' } } })],
    );
    const { plans } = JSON.parse(ran.out) as { plans: { images: { tag: string }[] }[] };
    expect(plans.map(({ images }) => images.map(({ tag }) => tag))).to.deep.equal([['3.0.0']]);
  });

  it('fails for a tag that the source does not have', async () => {
    await push('1.0.0');
    const ran = await give(['promote', '-o', 'json'], [promotion({}, { tags: { explicit: ['9.9.9'] } })]);
    expect(JSON.parse(ran.out)).to.have.nested.property('runs[0].images[0].reason', 'ImageNotFound');
    expect(ran.code).to.equal(2);
  });

  it('reports a named tag that is not listed, and promotes the others', async () => {
    await push('1.0.0');
    const tags = { semver: ['*'], explicit: ['gone'] };
    const ran = await give(['promote', '-o', 'json'], [promotion({}, { tags })]);
    const { runs } = JSON.parse(ran.out) as { runs: { images: { tag: string; reason?: string }[] }[] };
    expect(runs.flatMap(({ images }) => images.map(({ tag, reason }) => [tag, reason]))).to.deep.equal([
      ['1.0.0', undefined],
      ['gone', 'ImageNotFound'],
    ]);
    expect([ran.code, await listTags(place('golden/app'))]).to.deep.equal([2, ['1.0.0']]);
  });

  it('plans with every tag that is left out, and why', async () => {
    for (const tag of ['1.0.0', '2.0.0', 'latest', '2.0.0-rc.1', 'mirror-history']) await push(tag);
    const tags = { semver: ['*'], newest: { count: 1 }, exclude: ['^lat'] };
    const ran = await give(['plan'], [promotion({}, { tags })]);
    for (const line of [
      'NotNewest (others are newer, and tags.newest takes no more): 1.0.0',
      'Excluded (a pattern of tags.exclude is found in it): latest',
      'NotSelected (no range or pattern selects it): 2.0.0-rc.1',
      'Reserved (it belongs to another image, to a backup or to the books): mirror-history',
    ])
      expect(ran.out).to.include(`  left out as ${line}\n`);
    const forScripts = await give(['plan', '-o', 'json'], [promotion({}, { tags })]);
    const { plans } = JSON.parse(forScripts.out) as { plans: { leftOut: { tag: string }[] }[] };
    expect(plans.flatMap(({ leftOut }) => leftOut.map(({ tag }) => tag)).toSorted()).to.deep.equal([
      '1.0.0',
      '2.0.0-rc.1',
      'latest',
      'mirror-history',
    ]);
  });

  it('ignores kustomization.yaml beside the promotions of a folder', async () => {
    await push('1.0.0');
    const folder = await temporaryFolder({
      'kustomization.yaml': { resources: ['promotion.yaml'] },
      'promotion.yaml': promotion({}),
    });
    const ran = await run(['plan', '-f', folder.path], { undisturbed: true });
    await folder.remove();
    expect(ran.err).to.equal('');
    expect(ran.code).to.equal(0);
  });

  it('accepts only objects for promotions, and requires one promotion', async () => {
    const pod = await give(['promote'], [{ kind: 'Pod' }]);
    expect([pod.code, pod.err.includes('kind: "Pod" is none of')]).to.deep.equal([3, true]);
    const none = await give(['promote'], [{ kind: 'Secret', metadata: { name: 'key' }, data: {} }]);
    expect([none.code, none.err.includes('--filename: holds no ImagePromotion')]).to.deep.equal([3, true]);
  });
});
