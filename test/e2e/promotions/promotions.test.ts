import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { startRegistry, type EmbeddedRegistry } from '../../support/registry/index.ts';
import { listReferrers, listTags } from '../../support/registry/listings.ts';
import { pushImage, type Pushed } from '../../support/registry/push.ts';
import { openClusterFixture, type ClusterFixture } from '../support/cluster/cluster-fixture.ts';
import type { Replica } from '../support/installation/installation.ts';
import { policy } from '../support/installation/policies.ts';
import {
  openPromotions,
  promotion,
  type PromotionSeen,
  type Promotions,
  type RunSeen,
} from '../support/promotions/promotions.ts';
import { until } from '../support/wait.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';
import { Agent, request } from 'undici';

const QUARANTINE = 'application/vnd.pratique.quarantine.v1+json';
const TOKEN = 'token-of-this-pipeline';
/** Much shorter than in a real cluster, so that a dead leader is missed soon. */
const LEASE = { durationMs: 4_000, renewDeadlineMs: 3_000, retryMs: 500 };
/** The next leader waits for the Lease, and then for the claim of the leader that died. */
const TAKEN_OVER_WITHIN_MS = 75_000;

describe('promotions, by kubectl apply', () => {
  let fixture: ClusterFixture;
  let flow: Promotions;
  let slow: EmbeddedRegistry;
  let workspace: Workspace;

  before(async () => {
    slow = await startRegistry();
    workspace = await openWorkspace('events');
    const secretFile = join(workspace.folder, 'token');
    await writeFile(secretFile, `${TOKEN}\n`);
    const receivers = [{ name: 'pipeline', sender: 'generic', bearer: { secretFile } }];
    fixture = await openClusterFixture({
      values: { settings: { cluster: { lease: LEASE }, events: { receivers, quietMs: 1_000 } } },
    });
    flow = await openPromotions(fixture);
    const { cluster, registry, keys } = fixture;
    await cluster.apply(
      policy('golden', `${registry.host}/flow/**`, {
        require: { signatures: { from: ['release'] }, quarantine: { releasedBy: ['release'] } },
      }),
    );
    await cluster.apply(
      policy('candidates', `${registry.host}/flow/quarantine/**`, { require: { lifecycle: {} } }),
    );
    await flow.secret('cosign-key', {
      'cosign.key': await readFile(keys.release.privateKey, 'utf8'),
      'cosign.password': '',
    });
  });

  after(async () => {
    await fixture.stop();
    await slow.close();
    await workspace.close();
  });

  const place = (path: string, registry = fixture.registry.host) => ({ registry, repository: path });
  const push = (path: string, tag: string, registry?: string): Promise<Pushed> =>
    pushImage({ ...place(path, registry), tag }, { salt: path + tag });
  const at = (path: string, registry = fixture.registry.host) => ({ repository: `${registry}/${path}` });
  const mirror = (name: string, more: object = {}) =>
    promotion(name, {
      source: at(`public/${name}`),
      target: at(`flow/quarantine/${name}`),
      tags: { semver: ['>=1'] },
      mirror: {},
      ...more,
    });
  const promote = (name: string, rules: object = {}, more: object = {}) =>
    promotion(name, {
      source: at(`flow/quarantine/${name}`),
      target: at(`flow/golden/${name}`),
      tags: { semver: ['>=1'] },
      promote: { policies: ['candidates'], sign: { secretRef: { name: 'cosign-key' } }, ...rules },
      ...more,
    });
  const leader = async (): Promise<Replica> => {
    for (const replica of fixture.replicas) {
      const { body } = await replica.page('/metrics').catch(() => ({ body: '' }));
      if (/^pratique_leader 1$/m.test(body)) return replica;
    }
    throw new Error('there is no leader');
  };

  it('a mirror copies the selected images into quarantine, flagged, and admission refuses them', async () => {
    const image = await push('public/app', '1.4.0');
    await push('public/app', 'nightly');
    await flow.apply(mirror('app'));
    await flow.wait('ipr/app', 'Ready');
    const seen = await flow.promotion('app');
    expect(seen.status?.counts).to.deep.include({ candidates: 1, promoted: 1, failed: 0 });
    const [run] = await flow.runsOf('app');
    expect(run?.status?.phase).to.equal('Succeeded');
    expect(await listTags(place('flow/quarantine/app')))
      .to.include('1.4.0')
      .and.not.include('nightly');
    const referrers = await listReferrers(place('flow/quarantine/app'), image.digest);
    expect(referrers.map(({ artifactType }) => artifactType)).to.include(QUARANTINE);
    const refused = await fixture.run(`${fixture.registry.host}/flow/quarantine/app:1.4.0`);
    expect([refused.code, refused.stderr]).to.satisfy(
      ([code, stderr]: [number, string]) => code === 1 && stderr.includes('Quarantined'),
    );
  });

  it('a promotion copies an image to golden, signed and released, and admission admits it', async () => {
    await flow.apply({ ...promote('app'), metadata: { name: 'app-to-golden', namespace: flow.namespace } });
    await flow.wait('ipr/app-to-golden', 'Ready');
    const admitted = await fixture.run(`${fixture.registry.host}/flow/golden/app:1.4.0`);
    expect(admitted.code, admitted.stderr).to.equal(0);
  });

  it('kubectl get shows their state in columns, and events show their decisions', async () => {
    const table = await flow.kubectl('get', 'ipr,iprr');
    console.log(table.replace(/^/gm, '      '));
    expect(table).to.match(/NAME +SOURCE +TARGET +READY +PROMOTED +BLOCKED +LAST RUN +AGE/);
    expect(table).to.match(/app-to-golden +\S+ +\S+ +True +1 +0 /);
    expect(table).to.match(/NAME +PROMOTION +PHASE +PROMOTED +BLOCKED +FAILED +AGE/);
    await until({
      what: 'an event about the promotion',
      withinMs: 10_000,
      everyMs: 300,
      check: async () => (await flow.kubectl('get', 'events')).includes('imagepromotion'),
    });
    const { body } = await (await leader()).page('/metrics');
    expect(body).to.match(/^pratique_promotion_images_total\{decision="Mirrored",reason=""\} 1$/m);
    expect(body).to.match(/^pratique_promotion_bytes_total\{how="copied"\} \d+$/m);
  });

  it('runs again when a user requests it by the annotation, and finds everything up to date', async () => {
    await flow.kubectl('annotate', 'ipr/app', 'reconcile.pratique.dev/requestedAt=now', '--overwrite');
    await flow.until('app', 'the second run', ({ status }) => status?.lastHandledReconcileAt === 'now');
    await flow.until('app', 'its end', ({ status }) => status?.counts?.upToDate === 1);
    expect(await flow.runsOf('app')).to.have.lengthOf(2);
  });

  it('runs when a sender with a good token reports a push, whichever replica receives it', async () => {
    const port = await fixture.cluster.kubectl([
      ...['get', 'service/pratique-webhook', '-n', fixture.installation.namespace],
      ...['-o', 'jsonpath={.spec.ports[0].port}'],
    ]);
    const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
    const send = async (token: string): Promise<number> => {
      const { statusCode, body } = await request(`https://127.0.0.1:${port.stdout}/events/generic`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ repository: `${fixture.registry.host}/public/app`, tag: '1.5.0' }),
        dispatcher,
      });
      await body.dump();
      return statusCode;
    };
    await push('public/app', '1.5.0');
    expect(await send('another-token')).to.equal(401);
    expect(await send(TOKEN)).to.equal(202);
    await flow.until('app', 'the run', ({ status }) => status?.counts?.promoted === 1);
    const runs = await flow.runsOf('app');
    expect(runs.map(({ spec }) => spec.trigger).toSorted()).to.deep.equal(['Change', 'Event', 'Manual']);
    await dispatcher.close();
  });

  const wrong: readonly (readonly [string, string, () => object, string])[] = [
    ['a schedule', 'bad-cron', () => mirror('bad-cron', { schedule: '99 * * * *' }), 'InvalidPromotion'],
    ['a range', 'bad-range', () => mirror('bad-range', { tags: { semver: ['newest'] } }), 'InvalidPromotion'],
    [
      'a missing Secret',
      'no-secret',
      () =>
        mirror('no-secret', { target: { ...at('flow/quarantine/no-secret'), secretRef: { name: 'push' } } }),
      'SecretUnreadable',
    ],
    [
      'a missing policy',
      'no-policy',
      () => promote('no-policy', { policies: ['missing'] }),
      'InvalidPromotion',
    ],
  ];
  for (const [what, name, object, reason] of wrong)
    it(`is Stalled with a reason because of ${what}, and starts no run`, async () => {
      await flow.apply(object());
      await flow.wait(`ipr/${name}`, 'Stalled');
      const seen = await flow.promotion(name);
      expect(conditionOf(seen, 'Stalled')?.reason).to.equal(reason);
      expect(conditionOf(seen, 'Ready')?.status).to.equal('False');
      expect(await flow.runsOf(name)).to.deep.equal([]);
    });

  it('continues when the missing objects exist', async () => {
    await push('public/no-secret', '1.0.0');
    const config = JSON.stringify({ auths: { [fixture.registry.host]: { auth: 'dTpw' } } });
    await flow.secret('push', { '.dockerconfigjson': config });
    await flow.kubectl('annotate', 'ipr/no-secret', 'reconcile.pratique.dev/requestedAt=now');
    await fixture.cluster.apply(
      policy('missing', `${fixture.registry.host}/flow/missing/**`, { require: { digest: {} } }),
    );
    await flow.wait('ipr/no-secret', 'Ready');
    await flow.until(
      'no-policy',
      'its policy',
      (seen) => conditionOf(seen, 'Stalled')?.reason !== 'InvalidPromotion',
    );
  });

  const expectApproval = async (run: RunSeen | undefined): Promise<void> => {
    const written = await fixture.installation.pratique(
      [
        ...['approve', run?.metadata.name ?? '', '--namespace', flow.namespace],
        ...['--reason', 'seen and tried', '--until', '2099-12-31'],
      ],
      fixture.cluster.kubeconfigPath,
    );
    expect(written.code, written.stderr).to.equal(0);
    expect(written.stdout).to.contain(`gateHash: ${run?.status?.images?.[0]?.gateHash ?? ''}`);
    expect(written.stdout).to.match(/approver: \S+/);
  };

  it('waits for a person when approval is required, and continues with the approval of an authenticated user', async () => {
    const image = await push('flow/quarantine/careful', '2.0.0');
    await flow.apply(promote('careful', { approval: 'Always' }));
    await flow.until('careful', 'the wait', ({ status }) => status?.counts?.awaitingApproval === 1);
    expect(await listTags(place('flow/golden/careful')).catch(() => [])).to.not.include('2.0.0');
    const [run] = await flow.runsOf('careful');
    const approval = (approver: string) =>
      flow.approve('jane', { run, digest: image.digest, approver, reason: 'seen and tried' });
    await expectApproval(run);
    const borrowed = await approval('joe');
    expect([borrowed.code, borrowed.stderr]).to.satisfy(
      ([code, stderr]: [number, string]) => code === 1 && stderr.includes('your own name: jane'),
    );
    const own = await approval('jane');
    expect(own.code, own.stderr).to.equal(0);
    await flow.until('careful', 'its promotion', ({ status }) => status?.counts?.awaitingApproval === 0);
    const [after, ...others] = await flow.runsOf('careful');
    expect(others).to.deep.equal([]);
    expect(after?.status?.phase).to.equal('Succeeded');
    expect(after?.status?.images?.[0]).to.deep.include({ decision: 'Promoted', approvedBy: 'jane' });
    expect(await listTags(place('flow/golden/careful'))).to.include('2.0.0');
  });

  it('is deleted with its runs, and without a registry request', async () => {
    const before = await listTags(place('flow/quarantine/app'));
    await flow.kubectl('delete', 'ipr/app');
    await until({
      what: 'its runs to go',
      withinMs: 20_000,
      everyMs: 300,
      check: async () => (await flow.runsOf('app')).length === 0,
    });
    expect(await listTags(place('flow/quarantine/app'))).to.deep.equal(before);
  });

  it('a run whose leader is killed is finished by another replica, without duplicates', async () => {
    const tags = ['1.0.0', '1.1.0', '1.2.0', '1.3.0', '1.4.0'];
    const images = await Promise.all(tags.map((tag) => push('public/many', tag, slow.host)));
    const held = Promise.withResolvers<undefined>();
    const over = Promise.withResolvers<undefined>();
    slow.intercept(async ({ method, url }) => {
      if (method !== 'PUT' || !url.pathname.endsWith('/quarantine/many/manifests/1.3.0')) return undefined;
      held.resolve(undefined);
      await over.promise;
      return 'hang up';
    });
    await flow.apply(
      mirror('many', {
        source: at('public/many', slow.host),
        target: at('quarantine/many', slow.host),
        maxParallelImages: 1,
      }),
    );
    await held.promise;
    await (await leader()).kill();
    slow.intercept(undefined);
    over.resolve(undefined);
    await flow.wait('ipr/many', 'Ready', TAKEN_OVER_WITHIN_MS);
    const runs = await flow.runsOf('many');
    expect(runs.map(({ status }) => [status?.phase, status?.claim?.epoch])).to.deep.equal([['Succeeded', 2]]);
    const { promoted, upToDate, failed } = (await flow.promotion('many')).status?.counts ?? {};
    // Images that arrived without a record are found at the target.
    expect([(promoted ?? 0) + (upToDate ?? 0), failed]).to.deep.equal([5, 0]);
    for (const { digest } of images) {
      const types = (await listReferrers(place('quarantine/many', slow.host), digest)).map(
        ({ artifactType }) => artifactType,
      );
      expect(types.filter((type) => type === QUARANTINE)).to.have.lengthOf(1);
      expect(types).to.have.lengthOf(new Set(types).size);
    }
  });
});

function conditionOf({ status }: PromotionSeen | RunSeen, type: string) {
  return status?.conditions?.find((one) => one.type === type);
}
