// The main job in a minute: a registry and the webhook on loopback, a story of images, a verdict for each.
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { stringify } from 'yaml';
import { startRegistry } from '../test/support/registry/index.ts';
import { podReview } from '../test/support/reviews.ts';
import { startWebhookProcess, type WebhookProcess } from '../test/support/webhook-process.ts';
import { makeKeys, publish, publishMovingTag, type Chapter, type Keys } from './story.ts';

interface Row extends Chapter {
  readonly verdict: string;
  readonly reason: string;
  readonly milliseconds: number;
  readonly message: string;
}

interface Response {
  readonly allowed: boolean;
  readonly status?: { readonly message: string };
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
}

const PAST = 'past its end of life';

const say = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};

const keep = process.argv.includes('--keep');
const registry = await startRegistry();
const keys = makeKeys();
const policy = await readFile(new URL('../manifests/samples/production.yaml', import.meta.url), 'utf8');
const webhook = await startWebhookProcess({ 'production.yaml': policy, 'keys.yaml': keySecrets(keys) });
const agent = new Agent({ connect: { ca: webhook.ca } });
try {
  say('Pratique decides which container images may come ashore.');
  say(`A registry runs at ${registry.host}, the admission webhook at ${webhook.url},`);
  say('with the policy manifests/samples/production.yaml: signed by "release", not in quarantine');
  say('unless "security" released it, not past its end of life. A pod for each image asks for entry:');
  say();
  const chapters = await publish(registry.host, keys, new Date());
  const rows: Row[] = [];
  for (const chapter of chapters) rows.push(await ask(chapter));
  const tag = await publishMovingTag(registry.host, keys);
  rows.push(await ask({ title: 'tag, while it is signed', image: tag.image }));
  await tag.move();
  rows.push(await ask({ title: 'same tag, moved since', image: tag.image }));
  printTable(rows);
  const told = rows.find(({ title }) => title === PAST);
  say();
  say('What the person reads whose image is past its end of life:');
  say();
  say(told?.message ?? '');
  say();
  await goodbye(webhook);
} finally {
  await agent.close();
  await webhook.close();
  await registry.close();
}

async function ask(chapter: Chapter): Promise<Row> {
  const body = JSON.stringify(podReview([chapter.image]));
  const started = performance.now();
  const answer = await request(`${webhook.url}/validate?timeout=10s`, {
    method: 'POST',
    body,
    dispatcher: agent,
  });
  const { response } = (await answer.body.json()) as { readonly response: Response };
  const milliseconds = performance.now() - started;
  const { verdict = 'allow', reasons = '' } = response.auditAnnotations ?? {};
  const message = response.status?.message ?? response.warnings?.join('\n') ?? '';
  return { ...chapter, verdict, reason: reasons, milliseconds, message };
}

function keySecrets({ release, security }: Keys): string {
  return Object.entries({ 'release-key': release, 'security-key': security })
    .map(([name, { pem }]) =>
      stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { 'cosign.pub': pem } }),
    )
    .join('---\n');
}

function printTable(rows: readonly Row[]): void {
  const line = (cells: readonly string[]) => {
    const [verdict = '', title = '', reason = '', time = '', image = ''] = cells;
    say(`  ${verdict.padEnd(8)} ${title.padEnd(29)} ${reason.padEnd(15)} ${time.padStart(6)}   ${image}`);
  };
  line(['verdict', 'image', 'reason', 'ms', '']);
  for (const { verdict, title, reason, milliseconds, image } of rows) {
    const short = image.replace(`${registry.host}/`, '').replace(/(sha256:.{8}).*/, '$1…');
    line([verdict, title, reason || '-', milliseconds.toFixed(1), short]);
  }
}

async function goodbye({ folder }: WebhookProcess): Promise<void> {
  if (!keep) {
    say('Try next:');
    say('  npm run demo -- --keep     leaves registry and webhook running, to ask them yourself');
    say('  npm test                   the tests');
    say('  docs/reference/image-policy.md and manifests/samples/ to write a policy of your own');
    return;
  }
  const check = `npm run --silent pratique -- check --policies ${folder}`;
  say(
    'Registry and webhook keep running until Ctrl-C. Ask the command line the same questions, in another terminal:',
  );
  say(`  ${check} ${registry.host}/shop/api:2.3.0`);
  say(`  ${check} ${registry.host}/shop/web:1.4.0 ${registry.host}/shop/cache:7.2.0`);
  say(
    `  kubectl create deployment web --image=${registry.host}/shop/debug:0.1.0 --dry-run=client -o yaml | \\`,
  );
  say(`    ${check} -f -`);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
