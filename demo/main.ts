// The main job in a minute: a registry and the webhook on loopback, a story of images, a verdict for each; then images that
// come from outside, and what has to happen before they may run.
import { readFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import { startRegistry } from '../test/support/registry/index.ts';
import { startWebhookProcess, type WebhookProcess } from '../test/support/webhook-process.ts';
import { pullThroughGate } from './gate.ts';
import { promoteImages } from './promotion.ts';
import { makeKeys, publish, publishMovingTag, type Keys } from './story.ts';
import { openAsking, printTable, say, type Row } from './output.ts';

const PAST = 'past its end of life';

const keep = process.argv.includes('--keep');
const registry = await startRegistry();
const keys = makeKeys();
const policy = await readFile(new URL('../manifests/samples/production.yaml', import.meta.url), 'utf8');
const webhook = await startWebhookProcess({ 'production.yaml': policy, 'keys.yaml': keySecrets(keys) });
const { ask, close: closeAsking } = openAsking(webhook);
try {
  say('Pratique decides which container images may run.');
  say(`A registry runs at ${registry.host}, the admission webhook at ${webhook.url},`);
  say('with the policy manifests/samples/production.yaml: signed by "release", not in quarantine');
  say('unless "security" released it, not past its end of life.');
  say();
  say('1. ADMISSION. A pod for each image asks for entry:');
  say();
  const chapters = await publish(registry.host, keys, new Date());
  const rows: Row[] = [];
  for (const chapter of chapters) rows.push(await ask(chapter));
  const tag = await publishMovingTag(registry.host, keys);
  rows.push(await ask({ title: 'tag, while it is signed', image: tag.image }));
  await tag.move();
  rows.push(await ask({ title: 'same tag, moved since', image: tag.image }));
  printTable(rows, registry.host);
  const printed = rows.find(({ title }) => title === PAST);
  say();
  say('What the person reads whose image is past its end of life:');
  say();
  say(printed?.message ?? '');
  say();
  const promotions = await promoteImages({ host: registry.host, keys, ask });
  try {
    say();
    await pullThroughGate({ host: registry.host, keys, policy, folder: promotions.folder });
    await goodbye(webhook, promotions.folder);
  } finally {
    await promotions.remove();
  }
} finally {
  await closeAsking();
  await webhook.close();
  await registry.close();
}

function keySecrets({ release, security }: Keys): string {
  return Object.entries({ 'release-key': release, 'security-key': security })
    .map(([name, { pem }]) =>
      stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { 'cosign.pub': pem } }),
    )
    .join('---\n');
}

async function goodbye({ folder }: WebhookProcess, promotions: string): Promise<void> {
  if (!keep) {
    say('Try next:');
    say('  npm run demo -- --keep     leaves registry and webhook running, to ask them yourself');
    say('  npm test                   the tests');
    say('  docs/promotion.md          mirror and promote, step by step');
    say('  docs/reference/ and manifests/samples/ to write policies and promotions of your own');
    return;
  }
  const pratique = 'npm run --silent pratique --';
  const check = `${pratique} check --policies ${folder}`;
  say(
    'Registry and webhook keep running until Ctrl-C. Ask the command line the same questions, in another terminal:',
  );
  say(`  ${check} ${registry.host}/shop/api:2.3.0`);
  say(`  ${check} ${registry.host}/shop/web:1.4.0 ${registry.host}/shop/cache:7.2.0`);
  say(
    `  kubectl create deployment web --image=${registry.host}/shop/debug:0.1.0 --dry-run=client -o yaml | \\`,
  );
  say(`    ${check} -f -`);
  say(`  ${pratique} plan -f ${promotions}/promote`);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
