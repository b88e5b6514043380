import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { openHarbour, type Harbour } from './support/harbour.ts';
import type { Replica } from './support/installation.ts';
import { createPod, startLoad } from './support/pod-load.ts';
import { until } from './support/wait.ts';

/** Pods created at once while a replica dies. */
const PODS = 200;
/** The default Lease lasts 15 s; the rest is for the first look of the new leader. */
const TAKEOVER_WITHIN_MS = 30_000;
/** What is given back is taken at the next try, every 2 s. */
const HANDOVER_WITHIN_MS = 8_000;

describe('an installation, when something dies', () => {
  let harbour: Harbour;
  let signed: string;
  let unsigned: string;

  before(async () => {
    const settings = {
      // Served on while the API server still sends requests here, as behind a Service whose endpoints lag.
      webhook: { lingerMs: 2_000 },
      // Short lives, so that leaf and authority are both renewed while the load runs.
      certificates: { lifetimeMs: 60_000, authorityLifetimeMs: 120_000 },
    };
    harbour = await openHarbour({ values: { settings } });
    signed = await harbour.push('alive', harbour.keys.release);
    unsigned = await harbour.push('dead');
  });

  after(() => harbour.stop());

  const isLeader = async (replica: Replica): Promise<boolean> =>
    (await replica.page('/metrics')).body.includes('\npratique_leader 1');
  const leader = async (): Promise<Replica> => {
    for (const replica of harbour.replicas) if (await isLeader(replica)) return replica;
    throw new Error('nobody leads');
  };
  const remove = (replica: Replica) => harbour.replicas.splice(harbour.replicas.indexOf(replica), 1);
  const took = async (what: string, withinMs: number, check: () => Promise<boolean>): Promise<void> => {
    const began = performance.now();
    await until({ what, withinMs, check });
    console.log(`      (${what}: ${((performance.now() - began) / 1_000).toFixed(1)} s)`);
  };

  it('no request is lost while certificate and authority are rotated under load', async function () {
    this.timeout(180_000);
    const bundle = async (): Promise<string> => {
      const path = 'jsonpath={.webhooks[0].clientConfig.caBundle}';
      const { stdout } = await harbour.cluster.kubectl([
        'get',
        'validatingwebhookconfiguration',
        'pratique',
        '-o',
        path,
      ]);
      return stdout;
    };
    const before = await bundle();
    const load = startLoad(harbour.cluster, 'rotation', [signed]);
    // The authority is renewed at two thirds of its two minutes.
    await took('a new authority', 120_000, async () => (await bundle()) !== before);
    await sleep(25_000);
    await load.stop();
    const lost = load.attempts.filter(({ admitted }) => !admitted);
    const logs = (await Promise.all(harbour.replicas.map((replica) => replica.log()))).join('\n');
    const swapped = logs.split('the certificate was changed').length - 1;
    console.log(`      (${load.attempts.length} pods, ${swapped} changes of certificate in two replicas)`);
    expect(lost.map(({ message }) => message)).to.deep.equal([]);
    expect(swapped).to.be.at.least(4);
  });

  it('a replica that is killed amid 200 creates lets nothing unsigned in and loses nothing signed', async () => {
    const victim = await leader();
    const images = Array.from({ length: PODS }, (_, index) => (index % 2 === 0 ? signed : unsigned));
    const creating = images.map((image, index) => createPod(harbour.cluster, `burst-${index}`, image));
    await sleep(100);
    await victim.kill();
    remove(victim);
    const attempts = await Promise.all(creating);
    const again = attempts.filter(({ judged }) => !judged);
    const retried = await Promise.all(
      again.map(({ name, image }) => createPod(harbour.cluster, name, image)),
    );
    console.log(`      (${again.length} of ${PODS} had to be tried again)`);
    const final = [...attempts.filter(({ judged }) => judged), ...retried];
    expect(final).to.have.lengthOf(PODS);
    expect(final.filter(({ admitted, image }) => admitted && image === unsigned)).to.deep.equal([]);
    expect(final.filter(({ admitted, image }) => !admitted && image === signed)).to.deep.equal([]);
    await took('another leader after a kill', TAKEOVER_WITHIN_MS, async () => (await leader()) !== victim);
  });

  it('a replica that is stopped hands over, and no request is lost', async () => {
    harbour.replicas.push(await harbour.installation.start('replica-2'));
    await sleep(1_000); // until the balancer has seen it
    const victim = await leader();
    const load = startLoad(harbour.cluster, 'handover', [signed]);
    await sleep(500);
    const stopping = victim.stop();
    remove(victim);
    await took('another leader after a stop', HANDOVER_WITHIN_MS, async () => Boolean(await leader()));
    expect(await stopping).to.equal(0);
    await sleep(500);
    await load.stop();
    console.log(`      (${load.attempts.length} pods)`);
    expect(load.attempts.filter(({ admitted }) => !admitted).map(({ message }) => message)).to.deep.equal([]);
  });

  it('the Secret with the certificate may be deleted: requests go on, and there is a new one', async () => {
    const load = startLoad(harbour.cluster, 'secret', [signed]);
    const secret = ['secret', 'pratique-webhook-tls', '-n', harbour.installation.namespace];
    await harbour.cluster.kubectl(['delete', ...secret]);
    await took(
      'a new Secret',
      20_000,
      async () => (await harbour.cluster.kubectl(['get', ...secret])).code === 0,
    );
    await sleep(15_000);
    await load.stop();
    expect(load.attempts.filter(({ admitted }) => !admitted).map(({ message }) => message)).to.deep.equal([]);
  });

  it('an API server that was away finds the guard at its post', async () => {
    const { cluster, keys } = harbour;
    const late = await harbour.push('late', keys.stranger);
    await cluster.stopApiserver();
    await sleep(5_000);
    await cluster.startApiserver();
    await took('verdicts after the restart', 30_000, async () => {
      const name = `back-${Date.now()}`;
      return (
        (await createPod(cluster, name, unsigned)).judged &&
        (await createPod(cluster, `${name}-s`, signed)).admitted
      );
    });
    // What changes from now on is heard of, too.
    const key = { 'cosign.pub': Buffer.from(keys.stranger.publicPem).toString('base64') };
    const patch = JSON.stringify({ data: key });
    await cluster.kubectl([
      'patch',
      'secret',
      'release-key',
      '-n',
      harbour.installation.namespace,
      '-p',
      patch,
    ]);
    await took(
      'a key rotated after it',
      30_000,
      async () => (await createPod(cluster, `key-${Date.now()}`, late)).admitted,
    );
    await took('a leader after it', TAKEOVER_WITHIN_MS, async () => Boolean(await leader()));
  });
});
