// npm run bench:controller: what the bundled program takes as the leader of a real control plane in which 5,000 pods run
// 2,000 images, all of which it judges by their signatures. Control plane, registry and load share this machine.
// `--pods N` makes the cluster another size, `--env NAME=VALUE` (as often as needed) changes variables of the image.
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Agent } from 'undici';
import { startCluster } from '../test/e2e/support/cluster/cluster.ts';
import { install } from '../test/e2e/support/installation/installation.ts';
import { policy } from '../test/e2e/support/installation/policies.ts';
import { until } from '../test/e2e/support/wait.ts';
import { startRegistry } from '../test/support/registry/index.ts';
import { pushImage } from '../test/support/registry/push.ts';
import { podReview } from '../test/support/reviews.ts';
import { pushBundleSignature, pushLegacySignature } from '../test/support/signed-images.ts';
import { signingKey } from '../test/support/signing.ts';
import { startBundled } from './bundled-replica.ts';
import { figuresOf } from './figures.ts';
import { post } from './load.ts';
import { runPods } from './running-pods.ts';

const { values: asked } = parseArgs({
  options: {
    pods: { type: 'string', default: '5000' },
    env: { type: 'string', multiple: true, default: [] },
  },
});
const PODS = Number(asked.pods);
const IMAGES = (PODS * 2) / 5;
const CHANGED = Object.fromEntries(asked.env.map((pair) => pair.split(/=(.*)/s)) as [string, string][]);
const NAMESPACES = 20;
const REPOSITORIES = 200;
/** As fast as settings allow: with the default of 5 a second the audit would take seven minutes. */
const PER_REGISTRY_PER_SECOND = 1_000;
/** Reviews of the burst, each of a pod with one of the images, so many at once. */
const BURST = { reviews: 10_000, atOnce: 64 };
/** Milliseconds of rest after which memory is checked again. */
const REST_MS = 60_000;
const JUDGED_WITHIN_MS = 300_000;

const key = signingKey();
const started: (() => Promise<unknown>)[] = [];
const seconds = (since: number): string => ((performance.now() - since) / 1_000).toFixed(1);

/** Half of the images are signed as cosign 2 does, half as cosign 3 does. */
async function pushSigned(host: string): Promise<readonly string[]> {
  const references: string[] = [];
  for (let n = 0; n < IMAGES; n++) {
    const target = { registry: host, repository: `bench/app-${n % REPOSITORIES}` };
    const image = await pushImage(target, { salt: String(n) });
    await (n % 2 === 0 ? pushLegacySignature : pushBundleSignature)(target, image, key);
    references.push(image.reference);
  }
  return references;
}

try {
  const registry = await startRegistry();
  started.unshift(() => registry.close());
  const cluster = await startCluster();
  started.unshift(() => cluster.stop());
  const images = await pushSigned(registry.host);
  // Before the webhook is registered: what runs has never been judged.
  const bytes = await runPods({ cluster, images, pods: PODS, namespaces: NAMESPACES });
  const values = { settings: { audit: { perRegistryPerSecond: PER_REGISTRY_PER_SECOND } } };
  const installation = await install(cluster, { values });
  started.unshift(() => installation.stop());
  await cluster.apply(
    policy('signed', `${registry.host}/**`, {
      authorities: [{ name: 'release', key: { pem: key.pem } }],
      require: { signatures: { from: ['release'] } },
    }),
  );

  process.stdout.write(
    `node ${process.versions.node}, ${cpus().length} cores shared by controller, control plane, registry and load\n` +
      `${asked.env.join('\n')}${asked.env.length > 0 ? '\n' : ''}${PODS} pods of ${(bytes / 1024).toFixed(1)} KiB in ${NAMESPACES} namespaces run ${IMAGES} images; audit at ${PER_REGISTRY_PER_SECOND} a second\n\n` +
      `${''.padEnd(34)} after s  RSS MiB   RSS MB  peak MiB   CPU s  API requests  registry requests\n`,
  );
  const seen = registry.requests.length;
  const begun = performance.now();
  const replica = await startBundled(cluster, CHANGED);
  started.unshift(replica.stop);
  const row = async (name: string): Promise<void> => {
    const { residentMiB, peakMiB, cpuSeconds } = figuresOf(replica.pid);
    const cells = [
      name.padEnd(34),
      seconds(begun).padStart(7),
      residentMiB.toFixed(0).padStart(8),
      ((residentMiB * 2 ** 20) / 1e6).toFixed(0).padStart(8),
      peakMiB.toFixed(0).padStart(9),
      cpuSeconds.toFixed(1).padStart(7),
      String((await replica.metric('pratique_api_requests_total')) ?? 0).padStart(13),
      String(registry.requests.length - seen).padStart(18),
    ];
    process.stdout.write(`${cells.join(' ')}\n`);
  };
  const untilMetric = (what: string, check: () => Promise<boolean>) =>
    until({ what, withinMs: JUDGED_WITHIN_MS, everyMs: 200, check });

  await row('it listens');
  await untilMetric('pods', async () => ((await replica.metric('pratique_running_images_waiting')) ?? 0) > 0);
  await row('it leads, pods are read');
  await untilMetric(
    'the audit',
    async () => (await replica.metric('pratique_running_images', 'verdict="allow"')) === IMAGES,
  );
  await row('every image is judged');
  await sleep(REST_MS);
  await row('a minute later');

  const dispatcher = new Agent({ connect: { rejectUnauthorized: false }, connections: BURST.atOnce });
  const bodies = images.map((image, n) =>
    JSON.stringify(podReview([image], { namespace: `team-${n % NAMESPACES}` })),
  );
  // As the API server calls it.
  const path = await cluster.kubectl([
    ...['get', 'validatingwebhookconfiguration', 'pratique'],
    ...['-o', 'jsonpath={.webhooks[0].clientConfig.service.path}'],
  ]);
  const measured = await post(
    {
      url: `${replica.url}${path.stdout}?timeout=10s`,
      dispatcher,
      body: (n) => (n < BURST.reviews ? bodies[n % IMAGES] : undefined),
      parallel: BURST.atOnce,
    },
    true,
  );
  await row(`${measured.decisions} reviews, ${BURST.atOnce} at once`);
  await dispatcher.close();
  await sleep(REST_MS);
  await row('a minute later');
  process.stdout.write(
    `\nreviews: ${measured.perSecond.toFixed(0)} a second, ${measured.p50.toFixed(1)} ms at p50, ${measured.p99.toFixed(1)} ms at p99\n`,
  );
} finally {
  for (const stop of started) await stop();
}
