import { expect } from 'chai';
import { createExecutions, withoutLogins } from '../../../src/controllers/promotions/executions.ts';
import { parsePromotion } from '../../../src/core/promotion/index.ts';
import { openCompany } from '../../support/promotions/company.ts';
import { candidates, fault } from './fixture.ts';
import { controllerFixture } from './controller-fixture.ts';

const HOUR = 3_600_000;

describe('a promotion that the settings refuse', () => {
  for (const code of ['NotGranted', 'InsecureNotAllowed'] as const)
    it(`K19 reports ${code} in its run, its conditions and an event, and goes on when it is allowed`, async () => {
      const all = controllerFixture({ candidates: candidates('1') });
      const { open } = all.fixture;
      all.fixture.check = () => Promise.resolve({ code, detail: 'a grant is missing' });
      all.fixture.open = () => Promise.reject(fault(code, false));
      all.lead();
      all.put();
      await all.time.pass(3 * HOUR);
      expect(all.phases()).to.deep.equal(['Failed']);
      const conditions = all.runs()[0]?.status?.conditions ?? [];
      expect(conditions.find(({ type }) => type === 'Failed')).to.include({ status: 'True', reason: code });
      expect(all.conditions()).to.include({ Ready: `False ${code}`, Stalled: `True ${code}` });
      expect(all.events.map(({ reason, type }) => `${type} ${reason}`)).to.deep.equal([`Warning ${code}`]);
      all.fixture.open = open;
      all.fixture.check = () => Promise.resolve(undefined);
      await all.time.pass(125_000);
      expect(all.phases()).to.deep.equal(['Failed', 'Succeeded']);
    });

  it('K19 by a registry, for want of a grant to read, is not run again and again', async () => {
    const all = controllerFixture({
      candidates: candidates('1'),
      discovery: () => Promise.reject(fault('NotGranted', false)),
    });
    all.fixture.check = () => Promise.resolve({ code: 'NotGranted', detail: 'a grant is missing' });
    all.lead();
    all.put();
    await all.time.pass(3 * HOUR);
    expect(all.phases()).to.deep.equal(['Failed']);
  });

  it('K19 is known before a run also by what it reads, which a run first tries without a login', async () => {
    const company = await openCompany();
    try {
      const { registry, fixture } = company;
      const read = parsePromotion({
        apiVersion: 'pratique.dev/v1alpha1',
        kind: 'ImagePromotion',
        metadata: { name: 'steal', namespace: 'team-a' },
        spec: {
          source: { repository: `${registry.host}/team-b/payroll` },
          target: { repository: `${fixture.registry.host}/mallory/loot` },
          tags: { explicit: ['1.0'] },
          mirror: {},
        },
      });
      if (!read.ok) throw new Error(JSON.stringify(read.problems));
      const { spec } = read.value;
      const opening = {
        cluster: { get: () => Promise.resolve(undefined) },
        pullSecrets: () => Promise.resolve({ configs: [], unreadable: [] }),
        context: fixture.context,
      };
      const signal = AbortSignal.timeout(9_000);
      const executions = createExecutions(opening);
      const subject = { namespace: 'team-a', spec };
      expect(await executions.check(subject, signal)).to.include({ code: 'NotGranted' });
      const run = {
        runName: 'steal-1',
        promotion: { name: 'steal' },
        failedBefore: 0,
        startedAt: new Date(),
      };
      await (await executions.open({ ...subject, ...run }, signal)).close();
      // A Job has no login that could be withheld.
      expect(await createExecutions(withoutLogins(opening)).check(subject, signal)).to.equal(undefined);
      const { source, target } = spec;
      const into = { ...spec, source: target, target: { ...source, repository: source.repository ?? '' } };
      const refused: unknown = await executions
        .open({ namespace: 'team-a', spec: into, ...run }, signal)
        .catch((error: unknown) => error);
      expect(refused).to.include({ code: 'NotGranted', transient: false });
      expect(registry.requests).to.deep.equal([]);
    } finally {
      await company.close();
    }
  });
});
