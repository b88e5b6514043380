import { expect } from 'chai';
import { unknown, type Fact } from '../../../src/core/model/index.ts';
import type { Labels } from '../../../src/core/policy/index.ts';
import {
  openCompany,
  pullSecret,
  type Company,
  type WrittenGrants,
} from '../../support/promotions/company.ts';
import { SILENT } from '../../support/promotions/silent.ts';
import { pushImage } from '../../support/registry/push.ts';

const PLAIN = { mirror: { quarantine: false, provenance: false, history: false } };

describe('the login of the installation, in promotions', () => {
  let company: Company;
  let closed = true;
  const open = async (...given: Parameters<typeof openCompany>): Promise<Company> => {
    company = await openCompany(...given);
    closed = false;
    return company;
  };
  afterEach(async () => {
    if (closed) return;
    closed = true;
    expect(company.fixture.bugs).to.deep.equal([]);
    await company.close();
  });

  const hers = () => company.fixture.registry;
  const side = (registry: Company['registry'], repository: string, more: object = {}) => ({
    repository: `${registry.host}/${repository}`,
    ...more,
  });
  const tags = { explicit: ['1.0'] };
  const steal = (more: object = {}) => ({
    source: side(company.registry, 'team-b/payroll', more),
    target: side(hers(), 'mallory/loot'),
    ...{ tags, ...PLAIN },
  });
  const plant = (more: object = {}) => ({
    source: side(hers(), 'mallory/base'),
    target: side(company.registry, 'golden/base', more),
    ...{ tags, promote: {} },
  });
  const destroy = () => ({
    source: side(company.registry, 'team-b/payroll'),
    target: side(hers(), 'mallory/loot'),
    ...{ tags, promote: { deleteSource: true } },
  });
  const grant =
    (access: WrittenGrants[number]['access'], path = '**', who: object = { namespaces: ['team-a'] }) =>
    (host: string): WrittenGrants => [{ ...who, repositories: [`${host}/${path}`], access }];
  const run = (spec: object, more: object = {}) =>
    company.fixture.run({ spec: { ...spec }, namespace: 'team-a', ...more });
  /** Why a promotion cannot be opened: reason and words. */
  const refusalOf = async (spec: object, more: object = {}): Promise<string> => {
    const opened = company.fixture.open({ spec: { ...spec }, namespace: 'team-a', ...more });
    try {
      await (await opened).close();
      return 'opened';
    } catch (error) {
      return String(error);
    }
  };
  const pushHers = (repository = 'mallory/base') =>
    pushImage({ registry: hers().host, repository, tag: '1.0' }, { salt: 'hers' });

  it('K01 does not read a private image for a namespace without a grant', async () => {
    await open();
    await company.push('team-b/payroll');
    company.registry.forgetLog();
    const { results } = await run(steal());
    expect(results[0]).to.include({ decision: 'Failed', reason: 'NotGranted', transient: false });
    expect(results[0]?.message)
      .to.include('namespace "team-a"')
      .and.include(`repositories: ["${company.registry.host}/team-b/payroll"], access: [Read]`);
    expect(company.withLogin()).to.equal(0);
    expect(await company.at(hers(), 'mallory/loot')).to.equal(undefined);
  });

  it('K01 does not read a private image whose tags have to be listed', async () => {
    await open();
    await company.push('team-b/payroll');
    const plan = company.fixture.run({ spec: { ...steal(), tags: { semver: ['*'] } }, namespace: 'team-a' });
    const error: unknown = await plan.catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: 'NotGranted', transient: false });
  });

  it('K02 does not write for a namespace without a grant, and asks no registry', async () => {
    await open();
    const good = await company.push('golden/base');
    await pushHers();
    company.registry.forgetLog();
    hers().forgetLog();
    const why = await refusalOf(plant());
    expect(why).to.include('"reason":"NotGranted"').and.include('access: [Write]');
    expect(await refusalOf({ ...plant(), dryRun: true })).to.include('"reason":"NotGranted"');
    expect([...company.registry.requests, ...hers().requests]).to.deep.equal([]);
    expect(await company.at(company.registry, 'golden/base')).to.equal(good.digest);
  });

  it('K03 does not delete for a namespace that may only read and write', async () => {
    await open({ grants: grant(['Read', 'Write']) });
    await company.push('team-b/payroll');
    company.registry.forgetLog();
    const why = await refusalOf(destroy());
    expect(why).to.include('"reason":"NotGranted"').and.include('access: [Delete]');
    const supersede = { ...plant(), promote: { supersede: { endOfLifeAfter: '24h' } } };
    expect(await refusalOf(supersede)).to.include('"reason":"NotGranted"');
    expect(company.registry.requests).to.deep.equal([]);
  });

  it('K04 reads, writes and deletes what is granted', async () => {
    await open({ grants: grant(['Read', 'Write', 'Delete']) });
    const loot = await company.push('team-b/payroll');
    const bad = await pushHers();
    expect((await run(plant())).results[0]).to.include({ decision: 'Promoted' });
    expect(await company.at(company.registry, 'golden/base')).to.equal(bad.digest);
    expect((await run(destroy())).results[0]).to.include({ decision: 'Promoted' });
    expect(await company.at(hers(), 'mallory/loot')).to.equal(loot.digest);
    expect(await company.at(company.registry, 'team-b/payroll')).to.equal(undefined);
  });

  for (const [title, grants, namespace] of [
    ['of another namespace', grant(['Read', 'Write', 'Delete'], '**', { namespaces: ['team-b'] }), 'team-a'],
    ['of another repository', grant(['Read', 'Write', 'Delete'], 'golden/*'), 'team-a'],
    [
      'of a namespace of which this one is the beginning',
      grant(['Read'], '**', { namespaces: ['team-ab'] }),
      'team-a',
    ],
    ['of writing', grant(['Write', 'Delete']), 'team-a'],
    [
      'whose selector the namespace does not satisfy',
      grant(['Read'], '**', { namespaceSelector: { matchLabels: { team: 'b' } } }),
      'team-a',
    ],
    [
      'of its name, whose selector it does not satisfy',
      grant(['Read'], '**', { namespaces: ['team-a'], namespaceSelector: { matchLabels: { team: 'b' } } }),
      'team-a',
    ],
  ] as const)
    it(`K05 does not read by a grant ${title}`, async () => {
      await open({ grants });
      await company.push('team-b/payroll');
      company.registry.forgetLog();
      const { results } = await run(steal(), { namespace });
      expect(results[0]).to.include({ reason: 'NotGranted' });
      expect(company.withLogin()).to.equal(0);
    });

  it('K06 grants by the labels that the namespace has when the run begins, and when it deletes', async () => {
    let labels: Fact<Labels> = { state: 'found', value: { team: 'a' }, seenAt: new Date() };
    const selecting = { namespaceSelector: { matchLabels: { team: 'a' } } };
    await open({
      grants: grant(['Read', 'Write', 'Delete'], '**', selecting),
      namespaceLabels: () => Promise.resolve(labels),
    });
    const loot = await company.push('team-b/payroll');
    const execution = await company.fixture.open({ spec: destroy(), namespace: 'team-a' });
    const found = await execution.plan(AbortSignal.timeout(9_000));
    labels = { state: 'found', value: {}, seenAt: new Date() };
    const images = found.state === 'planned' ? found.images : [];
    const [result] = await execution.run(
      images,
      { progress: SILENT, dryRun: false, approvals: () => [] },
      AbortSignal.timeout(9_000),
    );
    await execution.close();
    expect(result).to.include({ decision: 'Blocked', reason: 'NotGranted' });
    expect(await company.at(company.registry, 'team-b/payroll')).to.equal(loot.digest);
    expect(await refusalOf(destroy())).to.include('"reason":"NotGranted"');
  });

  for (const [state, labels] of [
    ['unknown', unknown('NamespaceUnknown', 'the API server did not answer', true)],
    ['absent', { state: 'absent', seenAt: new Date() }],
  ] as const)
    it(`K06 does not grant by labels that are ${state}`, async () => {
      await open({
        grants: grant(['Read', 'Write'], '**', { namespaceSelector: {} }),
        namespaceLabels: () => Promise.resolve(labels),
      });
      expect(await refusalOf(plant())).to.include('"reason":"NotGranted"');
    });

  it('K07 is not needed for an image that its registry shows to everyone', async () => {
    await open({ open: 'public' });
    const image = await company.push('public/base');
    company.registry.forgetLog();
    const { results } = await run({ ...steal(), source: side(company.registry, 'public/base') });
    expect(results[0]).to.include({ decision: 'Mirrored' });
    expect(await company.at(hers(), 'mallory/loot')).to.equal(image.digest);
    expect(company.withLogin()).to.equal(0);
  });

  it('K08 is no part of a side that names a Secret', async () => {
    await open({ grants: grant(['Read', 'Write', 'Delete']) });
    await company.push('team-b/payroll');
    company.registry.forgetLog();
    const spec = steal({ secretRef: { name: 'pull' } });
    const secretOf = (username: string, place = company.registry.host) => ({
      secrets: { pull: pullSecret({ [place]: username }) },
    });
    const { results } = await run(spec, secretOf('team-a'));
    expect(results[0]).to.include({ reason: 'RegistryDenied' });
    expect(await refusalOf(spec, secretOf('team-a', 'other.example.com'))).to.include('has no login');
    expect(company.registry.requests.some(({ status }) => status === 200)).to.equal(false);
  });
});
