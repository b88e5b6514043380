import { expect } from 'chai';
import { createMetrics } from '../../../src/clients/http-server/index.ts';
import { MAX_SERIES } from '../../../src/clients/http-server/metrics.ts';
import { createWorkQueue, SYSTEM_TIMERS } from '../../../src/clients/kubernetes/index.ts';
import { podSelector } from '../../../src/controllers/audit/running-pods.ts';
import { openSession } from '../../../src/controllers/audit/session.ts';
import { createPolicyStore } from '../../../src/controllers/policies/policy-store.ts';
import { digestOf } from '../../../src/core/model/index.ts';
import { NO_ROOTS } from '../../support/policies.ts';
import { shipKey } from '../../support/promotions/promotion-fixture.ts';
import { longestWork, LONGEST_DELAY_MS } from './loop-delay.ts';

const list = <T>(count: number, one: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => one(n));
const nothing = () => undefined;

describe('very many small things', () => {
  it('M41: a thousand policies with keys and conditions keep the main thread for a moment only', async () => {
    const predicateType = 'https://slsa.dev/provenance/v1';
    const conditions = [{ cel: 'predicate.builder.id == "x"', message: 'no' }];
    const policies = list(1_000, (n) => ({
      apiVersion: 'pratique.dev/v1alpha1',
      kind: 'ImagePolicy',
      metadata: { name: `p${n}`, generation: 1 },
      spec: {
        match: { images: [`registry.example.com/team-${n}/**`] },
        authorities: [{ name: 'ci', key: { pem: shipKey().publicPem } }],
        require: { attestations: [{ predicateType, from: ['ci'], conditions }] },
      },
    }));
    const open = () =>
      createPolicyStore({
        ...{ roots: NO_ROOTS, clock: () => new Date(), builtIn: [], onChange: nothing },
        source: { policies: () => policies, secret: nothing, configMap: nothing },
      });
    expect(await longestWork(() => open().refreshInTurns())).to.be.below(LONGEST_DELAY_MS);
    const store = open();
    await store.refreshInTurns();
    expect([...store.states().values()].filter(({ inForce }) => inForce === 'as written')).to.have.length(
      1_000,
    );
  });

  it('M41: twenty thousand pods, at the start of an audit, keep the main thread for a moment only', async () => {
    const select = podSelector();
    const pods = list(20_000, (n) => {
      const name = `registry.example.com/shop/app-${n % 4_000}`;
      const container = { name: 'web', image: `${name}:1`, imageID: `${name}@${digestOf(name)}` };
      return select({
        ...{ apiVersion: 'v1', kind: 'Pod' },
        metadata: { name: `pod-${n}`, namespace: `team-${n % 50}`, uid: `uid-${n}` },
        spec: { containers: [{ name: 'web', image: `${name}:1` }] },
        status: { phase: 'Running', containerStatuses: [{ ...container, state: { running: {} } }] },
      });
    });
    const begin = async () => {
      const ending = new AbortController();
      const session = openSession(
        () => pods,
        {
          ports: {
            ...SYSTEM_TIMERS,
            clock: () => new Date(),
            policies: () => [],
            namespaceLabels: () => new Promise(() => undefined),
            judge: () => new Promise(() => undefined),
            writeStatus: () => Promise.resolve({ ok: true }),
            recordEvent: nothing,
            makeQueue: (options) => createWorkQueue({ ...options, timers: SYSTEM_TIMERS }),
            random: () => 0.5,
            onError: nothing,
            report: nothing,
          },
          settings: {
            everyMs: 600_000,
            perRegistryPerSecond: 1,
            unmatchedImages: 'Allow',
            builtInPolicies: [],
          },
        },
        ending.signal,
      );
      expect(session.units.counts().pods, 'others have their turn').to.be.below(1_000);
      // One pod goes before its turn has come.
      session.follow({ type: 'removed', namespace: 'team-49', name: 'pod-19999', previous: pods[19_999] });
      while (session.units.counts().pods < 19_999) await new Promise((resolve) => setImmediate(resolve));
      const { pods: count } = session.units.counts();
      ending.abort();
      return count;
    };
    expect(await longestWork(begin)).to.be.below(LONGEST_DELAY_MS);
    expect(await begin()).to.equal(19_999);
  });

  it('M41: a page of metrics with as many series as there may be keeps the main thread for a moment only', async () => {
    const names = list(20, (n) => `pratique_${n}_total`);
    const labels = ['host', 'operation', 'code'];
    const metrics = createMetrics({ counters: names.map((name) => ({ name, help: 'a', labels })) });
    for (const name of names)
      for (let n = 0; n < MAX_SERIES; n += 1)
        metrics.count(name, { host: `${n}.registry.example.com`, operation: 'manifest', code: '200' });
    expect(await longestWork(() => metrics.scrape())).to.be.below(LONGEST_DELAY_MS);
    let [turns, isOver] = [0, false];
    const count = (): void => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    await metrics.scrape();
    isOver = true;
    expect(turns, 'others have their turn').to.be.at.least(names.length);
    expect((await metrics.scrape()).match(/^pratique_\d+_total\{/gm)).to.have.length(20 * MAX_SERIES);
  });
});
