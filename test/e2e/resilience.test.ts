import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import {
  openClusterFixture,
  REQUIRE_SIGNATURES,
  type ClusterFixture,
} from './support/cluster/cluster-fixture.ts';
import { NAMESPACE, type Replica } from './support/installation/installation.ts';
import { createPod, startLoad, type Attempt } from './support/cluster/pod-load.ts';
import { policy } from './support/installation/policies.ts';
import { until } from './support/wait.ts';

/** Pods created at once while a replica is killed. */
const PODS = 200;
/** The number of them with an answer at that time: the replica ends with open requests. */
const ANSWERED = 40;
/** A change after an outage of the API server must take effect within this time. */
const SEEN_WITHIN_MS = 5_000;
/** The default Lease lasts 15 s; the rest is for the first reconcile of the new leader. */
const TAKEOVER_WITHIN_MS = 30_000;
/** A released Lease is taken at the next try, every 2 s. */
const HANDOVER_WITHIN_MS = 8_000;

describe('an installation, when a process ends', () => {
  let fixture: ClusterFixture;
  let signed: string;
  let unsigned: string;

  before(async () => {
    const settings = {
      // Served on while the API server still sends requests here, as behind a Service whose endpoints lag.
      webhook: { lingerMs: 2_000 },
      // Short lives, so that leaf and authority are both renewed while the load runs.
      certificates: { lifetimeMs: 60_000, authorityLifetimeMs: 120_000 },
    };
    fixture = await openClusterFixture({ values: { settings } });
    signed = await fixture.push('alive', fixture.keys.release);
    unsigned = await fixture.push('dead');
  });

  after(() => fixture.stop());

  const isLeader = async (replica: Replica): Promise<boolean> =>
    (await replica.page('/metrics')).body.includes('\npratique_leader 1');
  const leader = async (): Promise<Replica> => {
    for (const replica of fixture.replicas) if (await isLeader(replica)) return replica;
    throw new Error('there is no leader');
  };
  const kubectl = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await fixture.cluster.kubectl(args);
    if (code !== 0) throw new Error(stderr);
    return stdout;
  };
  const holder = (): Promise<string> =>
    kubectl('get', 'lease', 'pratique', '-n', NAMESPACE, '-o', 'jsonpath={.spec.holderIdentity}');
  const remove = (replica: Replica) => fixture.replicas.splice(fixture.replicas.indexOf(replica), 1);
  const leads = async (): Promise<boolean> => Boolean(await leader());
  const tryAgain = async ({ name, image }: Attempt): Promise<Attempt> => {
    let last: Attempt | undefined;
    await until({
      what: `an answer for ${name}`,
      withinMs: 10_000,
      check: async () => {
        last = await createPod(fixture.cluster, name, image);
        return last.judged;
      },
    });
    if (!last) throw new Error('no attempt was made');
    return last;
  };
  const took = async (
    what: string,
    withinMs: number,
    check: () => Promise<boolean>,
    began = performance.now(),
  ): Promise<void> => {
    await until({ what, withinMs, check });
    console.log(`      (${what}: ${((performance.now() - began) / 1_000).toFixed(1)} s)`);
  };

  it('admits no unsigned pod and loses no signed one when a replica is killed during 200 creates', async () => {
    const victim = await leader();
    const images = Array.from({ length: PODS }, (_, index) => (index % 2 === 0 ? signed : unsigned));
    let answered = 0;
    const creating = images.map(async (image, index) => {
      const attempt = await createPod(fixture.cluster, `burst-${index}`, image);
      answered += 1;
      return attempt;
    });
    await until({
      what: 'the first answers',
      withinMs: 30_000,
      everyMs: 1,
      check: () => Promise.resolve(answered >= ANSWERED),
    });
    await victim.kill();
    const died = performance.now();
    remove(victim);
    const first = await Promise.all(creating);
    const unanswered = first.filter(({ judged }) => !judged);
    const retried = await Promise.all(unanswered.map(tryAgain));
    console.log(
      `      (${unanswered.length} of ${PODS} had to be tried again; ${unanswered[0]?.message.slice(0, 300) ?? ''})`,
    );
    const final = [...first.filter(({ judged }) => judged), ...retried];
    expect(final).to.have.lengthOf(PODS);
    expect(final.filter(({ admitted, image }) => admitted && image === unsigned)).to.deep.equal([]);
    expect(final.filter(({ admitted, image }) => !admitted && image === signed)).to.deep.equal([]);
    const pods = await kubectl(
      'get',
      'pods',
      '-n',
      'shop',
      '-o',
      'jsonpath={.items[*].spec.containers[*].image}',
    );
    expect(pods.split(' ')).not.to.include(unsigned);
    await took('another leader after a kill', TAKEOVER_WITHIN_MS, leads, died);
  });

  it('writes status and runs the self-test with the new leader', async () => {
    const now = await leader();
    expect(await holder()).to.match(new RegExp(`^${now.name}_`));
    await fixture.cluster.apply(policy('after', `${fixture.registry.host}/after/**`, REQUIRE_SIGNATURES));
    const path = 'jsonpath={.status.conditions[?(@.status=="True")].type}';
    const conditions = async () => (await kubectl('get', 'ipol', 'after', '-o', path)).split(' ');
    await took('status of a new policy', 10_000, async () => (await conditions()).includes('Ready'));
    await took('a self-test by the new leader', 30_000, async () =>
      (await conditions()).includes('Enforced'),
    );
    expect((await now.page('/metrics')).body).to.match(/^pratique_selftest_ok 1$/m);
  });

  it('loses no request when a replica is stopped', async () => {
    fixture.replicas.push(await fixture.installation.start('replica-2'));
    await sleep(1_000); // until the balancer has seen it
    const victim = await leader();
    const load = startLoad(fixture.cluster, 'handover', [signed]);
    await sleep(500);
    const stopping = victim.stop();
    remove(victim);
    await took('another leader after a stop', HANDOVER_WITHIN_MS, leads);
    expect(await stopping).to.equal(0);
    await sleep(500);
    await load.stop();
    console.log(`      (${load.attempts.length} pods)`);
    expect(load.attempts.filter(({ admitted }) => !admitted).map(({ message }) => message)).to.deep.equal([]);
  });

  it('loses no request while certificate and authority are rotated under load', async function () {
    this.timeout(180_000);
    // Two replicas again: one makes the certificate, the other sees it.
    fixture.replicas.push(await fixture.installation.start('replica-3'));
    expect(fixture.replicas).to.have.lengthOf(2);
    const path = 'jsonpath={.webhooks[0].clientConfig.caBundle}';
    const bundle = () => kubectl('get', 'validatingwebhookconfiguration', 'pratique', '-o', path);
    const served = () => Promise.all(fixture.replicas.map((replica) => replica.certificate()));
    const changes = async () =>
      (await Promise.all(fixture.replicas.map((replica) => replica.log())))
        .join('\n')
        .split('the certificate was changed').length;
    const [before, certificates, changed] = [await bundle(), await served(), await changes()];
    const load = startLoad(fixture.cluster, 'rotation', [signed]);
    // The authority is renewed at two thirds of its two minutes, most of which the tests above have used.
    await took('a new authority', 120_000, async () => (await bundle()) !== before);
    const [old, during] = [authoritiesIn(before), authoritiesIn(await bundle())];
    const byTheOld = [...certificates, ...(await served())];
    const renewed = async () => {
      const prints = await served();
      return new Set(prints).size === 1 && prints.every((print) => !byTheOld.includes(print));
    };
    await took('a certificate by it, everywhere', 60_000, renewed);
    await sleep(5_000); // a failure would be visible by now
    await load.stop();
    const lost = load.attempts.filter(({ admitted }) => !admitted);
    const swapped = (await changes()) - changed;
    console.log(`      (${load.attempts.length} pods, ${swapped} changes of certificate in two replicas)`);
    expect(lost.map(({ message }) => message)).to.deep.equal([]);
    expect(swapped).to.be.at.least(fixture.replicas.length);
    // The old authority is trusted beside the new one for as long as something that it signed is served.
    expect(during).to.have.lengthOf(2).and.to.include.members(old);
    const now = await served();
    expect(new Set(now)).to.have.lengthOf(1);
    expect(now).not.to.include.oneOf(byTheOld);
  });

  it('answers requests after the Secret with the certificate was deleted, and creates a new one', async () => {
    const load = startLoad(fixture.cluster, 'secret', [signed]);
    const secret = ['secret', 'pratique-webhook-tls', '-n', NAMESPACE];
    await fixture.cluster.kubectl(['delete', ...secret]);
    await took(
      'a new Secret',
      20_000,
      async () => (await fixture.cluster.kubectl(['get', ...secret])).code === 0,
    );
    await sleep(15_000);
    await load.stop();
    expect(load.attempts.filter(({ admitted }) => !admitted).map(({ message }) => message)).to.deep.equal([]);
  });

  it('answers again as soon as the API server is back', async () => {
    const { cluster, keys } = fixture;
    const late = await fixture.push('late', keys.stranger);
    const elsewhere = policy('production', 'nowhere.example.com/**', REQUIRE_SIGNATURES);
    const starts = () => Promise.all(fixture.replicas.map(startedAt));
    const before = await starts();
    await cluster.stopApiserver();
    await sleep(5_000);
    await cluster.startApiserver();
    let pods = 0;
    const create = (image: string): Promise<Attempt> => createPod(cluster, `back-${(pods += 1)}`, image);
    await took('verdicts after the restart', 30_000, async () => {
      const refused = await create(unsigned);
      return refused.judged && !refused.admitted && (await create(signed)).admitted;
    });
    // The watch reports later changes, too.
    const data = { 'cosign.pub': Buffer.from(keys.stranger.publicPem).toString('base64') };
    await kubectl('patch', 'secret', 'release-key', '-n', NAMESPACE, '-p', JSON.stringify({ data }));
    await took('a key rotated after it', SEEN_WITHIN_MS, async () => (await create(late)).admitted);
    await cluster.apply(elsewhere);
    await took('a policy changed after it', SEEN_WITHIN_MS, async () => (await create(unsigned)).admitted);
    await took('a leader after it', TAKEOVER_WITHIN_MS, leads);
    expect(await holder()).to.match(new RegExp(`^${(await leader()).name}_`));
    expect(await starts()).to.deep.equal(before);
  });
});

/** Authorities in a bundle as configurations hold it. */
function authoritiesIn(caBundle: string): readonly string[] {
  const pem = Buffer.from(caBundle, 'base64').toString();
  return pem.match(/-----BEGIN[^-]*-----[^-]*-----END[^-]*-----/g) ?? [];
}

/** When a process began, in seconds: another value is another process. */
async function startedAt(replica: Replica): Promise<string> {
  const { body } = await replica.page('/metrics');
  return /^process_start_time_seconds (.*)$/m.exec(body)?.[1] ?? 'unknown';
}
