import { expect } from 'chai';
import { openCompany, pullSecret, type Company } from '../../support/promotions/company.ts';
import { openPromotionFixture, type PromotionFixture } from '../../support/promotions/promotion-fixture.ts';
import { SILENT } from '../../support/promotions/silent.ts';
import { rowName, type Discovery, type ImageResult } from '../../../src/core/promotion/index.ts';
import { listTags } from '../../support/registry/listings.ts';
import { amend, refuse } from '../../support/registry/misbehave.ts';
import { pushImage, pushTag } from '../../support/registry/push.ts';

const signal = (): AbortSignal => AbortSignal.timeout(50_000);
const shown = (results: readonly ImageResult[]): readonly string[] =>
  results.map((one) => `${rowName(one)} ${one.decision} ${one.reason ?? ''}`.trim().replace(/^[^/]*\//, ''));

describe('a promotion that takes from many repositories', () => {
  let fixture: PromotionFixture;
  const place = (repository: string) => ({ registry: fixture.registry.host, repository });
  const push = (repository: string, tag = '1.0.0') =>
    pushImage({ ...place(repository), tag }, { salt: `${repository} ${tag}` });
  const spec = (repositories: readonly object[], more: object = {}) => ({
    source: {
      repositories: repositories.map((entry) => ({
        ...entry,
        ...('from' in entry && { from: `${fixture.registry.host}/${String(entry.from)}` }),
      })),
    },
    target: { repository: `${fixture.registry.host}/golden` },
    tags: { semver: ['*'] },
    promote: {},
    ...more,
  });
  const planOf = async (
    given: Record<string, unknown>,
  ): Promise<Extract<Discovery, { state: 'planned' }>> => {
    const execution = await fixture.open({ spec: given });
    try {
      const plan = await execution.plan(signal());
      if (plan.state === 'refused') throw new Error(plan.reason.detail);
      return plan;
    } finally {
      await execution.close();
    }
  };
  beforeEach(async () => {
    fixture = await openPromotionFixture();
  });
  afterEach(async () => {
    await fixture.close();
    expect(fixture.bugs).to.deep.equal([]);
  });

  it('promotes what a glob covers, each repository to its own place', async () => {
    for (const name of ['quarantine/node', 'quarantine/web', 'elsewhere/app']) await push(name);
    const ran = await fixture.run({ spec: spec([{ from: 'quarantine/*' }]) });
    expect(shown(ran.results)).to.deep.equal([
      'quarantine/node:1.0.0 Promoted',
      'quarantine/web:1.0.0 Promoted',
    ]);
    expect(await listTags(place('golden/quarantine/web'))).to.deep.equal(['1.0.0']);
    const again = await fixture.run({ spec: spec([{ from: '**' }]) });
    expect(shown(again.results)).to.deep.equal([
      'elsewhere/app:1.0.0 Promoted',
      'quarantine/node:1.0.0 UpToDate',
      'quarantine/web:1.0.0 UpToDate',
    ]);
  });

  it('P40 has a row for a repository that fails, and promotes the others', async () => {
    await push('quarantine/node');
    await push('quarantine/web');
    fixture.registry.intercept(refuse(({ url }) => url.pathname.startsWith('/v2/quarantine/node/tags'), 403));
    const names = ['node', 'gone', 'web'];
    const ran = await fixture.run({ spec: spec([{ from: 'quarantine/*', names }]) });
    expect(shown(ran.results)).to.have.members([
      'quarantine/node Failed RegistryDenied',
      'quarantine/gone Failed ImageNotFound',
      'quarantine/web:1.0.0 Promoted',
    ]);
  });

  it('P40 names the entry and the way out where a registry does not show its repositories', async () => {
    await push('quarantine/web');
    for (const status of [401, 403, 404, 405, 501]) {
      fixture.registry.intercept(refuse(({ url }) => url.pathname === '/v2/_catalog', status));
      const plan = await planOf(spec([{ from: 'library/*' }, { from: 'quarantine/web' }]));
      const [failed] = plan.images.filter(({ tag }) => tag === '');
      expect(failed, String(status)).to.include({ action: 'Fail', transient: false });
      expect(failed && 'message' in failed ? failed.message : '').to.match(
        /^source\.repositories\[0\]\.from: ".*\/library\/\*" could not be expanded: .* does not show its list of repositories .*write names/,
      );
      expect(plan.images.map(rowName)).to.include(`${fixture.registry.host}/quarantine/web:1.0.0`);
    }
  });

  it('P40 takes a list of repositories that cannot be right for none', async () => {
    await push('quarantine/web');
    const bodies = ['{"repositories": "quarantine/web"}', '<html></html>', '{}', '[]'];
    for (const body of bodies) {
      fixture.registry.intercept(
        amend(
          ({ url }) => url.pathname === '/v2/_catalog',
          (reply) => ({ ...reply, body: Buffer.from(body) }),
        ),
      );
      const plan = await planOf(spec([{ from: 'quarantine/*' }]));
      expect(plan.images, body).to.have.length(1);
      expect(plan.images[0], body).to.include({ action: 'Fail', reason: 'RegistryMisbehaved' });
    }
  });

  it('P40 takes from a list only names of that registry', async () => {
    await push('quarantine/web');
    const names = ['quarantine/web', '../quarantine/web', 'quarantine/Web', 'quarantine/web:1.0.0', '', 7];
    fixture.registry.intercept(
      amend(
        ({ url }) => url.pathname === '/v2/_catalog',
        (reply) => ({ ...reply, body: Buffer.from(JSON.stringify({ repositories: names })) }),
      ),
    );
    const plan = await planOf(spec([{ from: '**' }]));
    expect(plan.repositories?.map(({ from }) => from)).to.deep.equal([
      `${fixture.registry.host}/quarantine/web`,
    ]);
  });

  it('says of each repository where it goes, or why nothing of it does', async () => {
    await push('quarantine/node', 'latest');
    await push('quarantine/web');
    const plan = await planOf(spec([{ from: 'quarantine/*' }]));
    const [node, web] = plan.repositories ?? [];
    expect(node?.nothing).to.match(/no tag of .*quarantine\/node is selected: the repository lists 1 tag/);
    expect(web).to.deep.include({ to: `${fixture.registry.host}/golden/quarantine/web` });
    expect(plan.leftOut?.map(rowName)).to.deep.equal([`${fixture.registry.host}/quarantine/node:latest`]);
    const none = await planOf(spec([{ from: 'nothing/*' }]));
    expect(none).to.include({ nothing: 'source.repositories covers no repository that is there' });
  });

  it('continues with the images of a plan, without reading any list again', async () => {
    await push('quarantine/node');
    await push('quarantine/web');
    const given = spec([{ from: 'quarantine/*' }]);
    const { images } = await planOf(given);
    fixture.registry.intercept(refuse(({ url }) => url.pathname === '/v2/_catalog', 403));
    const execution = await fixture.open({ spec: given });
    const order = { progress: SILENT, dryRun: false, approvals: () => [], resumed: true };
    const results = await execution.run(images, order, signal());
    await execution.close();
    expect(results.map(({ decision }) => decision)).to.deep.equal(['Promoted', 'Promoted']);
  });

  it('P06 has an approval count for one repository only, also for the same digest under the same tag', async () => {
    const pushed = await push('quarantine/node');
    await pushImage({ ...place('quarantine/web'), tag: '1.0.0' }, { salt: 'quarantine/node 1.0.0' });
    const given = spec([{ from: 'quarantine/*' }], { promote: { approval: 'Always' } });
    const waiting = await fixture.run({ spec: given });
    const hashes = waiting.results.map(({ gateHash }) => gateHash);
    expect(new Set(hashes).size).to.equal(2);
    const approval = {
      ...{ runName: 'run-1', digest: pushed.digest as `sha256:${string}`, gateHash: hashes[0] ?? '' },
      ...{
        approver: 'alice',
        decision: 'Approve' as const,
        waive: [],
        reason: 'seen',
        until: new Date('2999-01-01'),
      },
    } as const;
    const ran = await fixture.run({ spec: given, approvals: [approval] });
    expect(shown(ran.results)).to.deep.equal([
      'quarantine/node:1.0.0 Promoted',
      'quarantine/web:1.0.0 AwaitingApproval ApprovalNeeded',
    ]);
  });

  it('deletes the source of each repository by itself', async () => {
    await push('quarantine/node');
    const web = await push('quarantine/web');
    await pushTag(place('quarantine/web'), 'latest', web);
    await fixture.run({ spec: spec([{ from: 'quarantine/*' }], { promote: { deleteSource: true } }) });
    expect(await listTags(place('quarantine/node'))).to.deep.equal([]);
    expect(await listTags(place('quarantine/web'))).to.deep.equal(['1.0.0', 'latest']);
  });
});

describe('grants and a promotion that takes from many repositories', () => {
  let company: Company;
  const spec = (repositories: readonly object[], source: object = {}) => ({
    source: { repositories, ...source },
    target: { repository: `${company.registry.host}/golden` },
    tags: { semver: ['*'] },
    promote: {},
  });
  const open = async (paths: readonly string[]) => {
    company = await openCompany({
      grants: (host) => [
        {
          namespaces: ['team-a'],
          repositories: paths.map((path) => `${host}/${path}`),
          access: ['Read', 'Write'],
        },
      ],
    });
    for (const name of ['team-a/web', 'team-b/secret']) await company.push(name);
  };
  afterEach(() => company.close());

  it('P41 check each repository, and promote those that are granted', async () => {
    await open(['team-a/**', 'golden/**']);
    const { host } = company.registry;
    const entries = [{ from: `${host}/team-a/web` }, { from: `${host}/team-b/secret` }];
    const ran = await company.fixture.run({ spec: spec(entries), namespace: 'team-a' });
    expect(shown(ran.results)).to.have.members([
      'team-a/web:1.0 Promoted',
      'team-b/secret Failed NotGranted',
    ]);
  });

  it('P41 never name a repository of a glob that the namespace may not read', async () => {
    await open(['team-a/**', 'golden/**', '*/pratique-lists-repositories']);
    const { host } = company.registry;
    for (const from of [`${host}/**`, `${host}/*/*`, `${host}/team-b/*`]) {
      const ran = await company.fixture.run({ spec: spec([{ from }]), namespace: 'team-a' });
      expect(JSON.stringify(ran)).not.to.include('secret');
    }
  });

  it('P41 read no list of repositories with a login that is not granted for the glob', async () => {
    await open(['team-a/web']);
    const { host } = company.registry;
    const before = company.withLogin();
    const ran = await company.fixture.run({
      spec: spec([{ from: `${host}/team-a/*` }]),
      namespace: 'team-a',
    });
    expect(shown(ran.results)).to.deep.equal(['team-a/* Failed NotGranted']);
    expect(company.withLogin()).to.equal(before);
  });

  it('P41 leave a login of the namespace itself to the registry', async () => {
    await open(['other/**']);
    const { host } = company.registry;
    const secrets = { own: pullSecret({ [host]: 'pratique' }) };
    const given = {
      ...spec([{ from: `${host}/team-a/*` }], { secretRef: { name: 'own' } }),
      target: { repository: `${host}/golden`, secretRef: { name: 'own' } },
    };
    const ran = await company.fixture.run({ spec: given, secrets, namespace: 'team-a' });
    expect(shown(ran.results)).to.deep.equal(['team-a/web:1.0 Promoted']);
  });
});
