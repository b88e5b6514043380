import { expect } from 'chai';
import { watchCollection } from '../../../src/clients/kubernetes/index.ts';
import { openEventReceiver } from '../../../src/controllers/events/event-receiver.ts';
import { parsed, problem } from '../../../src/core/model/index.ts';
import { parseSettings } from '../../../src/core/settings/index.ts';
import { RESOURCES } from '../../../src/core/workload/index.ts';
import { NOW } from '../../support/policies.ts';
import { promotionObject } from '../../support/promotions/promotions.ts';
import { clusterFault, createClusterTwin } from '../../support/twins/cluster.ts';
import { createVirtualTime } from '../../support/virtual-time.ts';
import { BODY, reported, TOKEN } from './fixture.ts';

const QUIET_MS = 10_000;
const PROMOTION = { resource: RESOURCES.promotions, namespace: 'platform', name: 'web' };

/** A receiver over a cluster with one promotion that takes from the repository of {@link BODY}. */
async function receiver({ receives = true, secret = `${TOKEN}\n` as string | null } = {}) {
  const read = parseSettings({
    events: {
      quietMs: QUIET_MS,
      receivers: receives
        ? [{ name: 'registry', sender: 'generic', bearer: { secretFile: '/secrets/token' } }]
        : [],
    },
  });
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const cluster = createClusterTwin();
  const spec = {
    source: { repository: 'registry.example.com/shop/web' },
    target: { repository: 'registry.example.com/golden/web' },
    tags: { semver: ['*'] },
    promote: {},
  };
  cluster.put(RESOURCES.promotions, {
    ...promotionObject('ImagePromotion', spec),
    metadata: { namespace: 'platform', name: 'web' },
  });
  const time = createVirtualTime();
  const warnings: string[] = [];
  const answers: number[] = [];
  const open = openEventReceiver({
    ...{ settings: read.value.events, cluster, watchCollection, clock: () => NOW },
    ...{ now: time.now, after: time.after },
    verifyToken: () => Promise.reject(new Error('there is no token')),
    readText: (path) => Promise.resolve(secret === null ? problem(path, 'cannot be read') : parsed(secret)),
    onAnswered: ({ status }) => answers.push(status),
    onReadFailure: () => undefined,
    log: { info: () => undefined, warn: (_, message) => warnings.push(message), error: () => undefined },
  });
  while (cluster.watchCount() < (receives ? 1 : 0)) await new Promise((resolve) => setImmediate(resolve));
  const push = async (token = TOKEN, body = BODY) => {
    const headers = new Map(Object.entries(reported(token)));
    return (await open.routes[0]?.handle({ headers, body: Buffer.from(body), query: new URLSearchParams() }))
      ?.status;
  };
  const pushedAt = () => cluster.peek(PROMOTION)?.metadata.annotations?.['pratique.dev/pushed-at'];
  return { open, cluster, time, warnings, answers, push, pushedAt };
}

describe('the receiver of events', () => {
  it('has no path and watches nothing where the settings name no sender', async () => {
    const { open, cluster } = await receiver({ receives: false });
    expect(open.routes).to.deep.equal([]);
    expect(cluster.calls).to.deep.equal([]);
    await open.close();
  });

  it('annotates the promotions that take from the pushed repository, once for a burst', async () => {
    const { open, cluster, time, answers, push, pushedAt } = await receiver();
    expect([await push(), await push(), await push()]).to.deep.equal([202, 202, 202]);
    expect(pushedAt(), 'not before the burst is over').to.equal(undefined);
    await time.advance(QUIET_MS);
    expect(pushedAt()).to.equal(NOW.toISOString());
    expect(cluster.count({ verb: 'patch' })).to.equal(1);
    expect(answers).to.deep.equal([202, 202, 202]);
    await open.close();
  });

  it('annotates no promotion for a push elsewhere or a sender with a wrong token', async () => {
    const { open, cluster, time, push } = await receiver();
    const elsewhere = JSON.stringify({ repository: 'registry.example.com/shop/other', tag: '1' });
    expect([await push(TOKEN, elsewhere), await push('wrong')]).to.deep.equal([202, 401]);
    await time.advance(QUIET_MS);
    expect(cluster.count({ verb: 'patch' })).to.equal(0);
    await open.close();
  });

  it('refuses the sender whose secret cannot be read, and logs that', async () => {
    const { open, warnings, push } = await receiver({ secret: null });
    expect(await push(), 'try again later').to.equal(503);
    expect(warnings).to.deep.equal(['a secret of events cannot be read, its sender is refused']);
    await open.close();
  });

  it('ignores a promotion that was deleted meanwhile, and logs a write that failed', async () => {
    const { open, cluster, time, warnings, push } = await receiver();
    await push();
    await cluster.remove(PROMOTION);
    await time.advance(QUIET_MS);
    expect(warnings).to.deep.equal([]);
    cluster.put(RESOURCES.promotions, {
      ...promotionObject('ImagePromotion', { source: { repository: 'registry.example.com/shop/web' } }),
      metadata: { namespace: 'platform', name: 'web' },
    });
    cluster.fail({ verb: 'patch' }, clusterFault());
    await time.advance(0);
    await push();
    await time.advance(QUIET_MS);
    expect(warnings).to.deep.equal(['a promotion could not be triggered by a push']);
    await open.close();
  });
});
