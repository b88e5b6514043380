// npm run bench:attacks: hostile registries against the bundled webhook, as the image starts it, in a cgroup with the memory of the
// chart (512 MiB). Shows that the process lives, what memory it takes, and what other tenants notice meanwhile.
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, rmdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { createAuthority } from '../test/support/certificates.ts';
import { startRegistry } from '../test/support/registry/index.ts';
import { pushImage } from '../test/support/registry/push.ts';
import { podReview } from '../test/support/reviews.ts';
import { pushLegacySignature } from '../test/support/signed-images.ts';
import { signingKey } from '../test/support/signing.ts';
import { LIMIT_MIB, openCgroup } from './cgroup.ts';
import type { Hostility } from './hostile-registry.ts';
import { startHostile } from './hostile-process.ts';
import { imageVariables } from './image-variables.ts';

/** Pause between two reviews of another tenant, in milliseconds: half load, and enough of them for a p99. */
const PAUSE_MS = 5;

interface Attack {
  readonly title: string;
  readonly registry: Hostility;
  readonly images: number;
  /** Addresses of loopback that the images are spread over, each a registry of its own. */
  readonly hosts: number;
  /** Reviews sent at once. */
  readonly pods: number;
}

const ATTACKS: readonly Attack[] = [
  { title: 'no attack', registry: 'annotations', images: 0, hosts: 1, pods: 0 },
  { title: '1 manifest, 4 MiB of annotations', registry: 'annotations', images: 1, hosts: 1, pods: 1 },
  { title: '60 such manifests, 4 registries', registry: 'annotations', images: 60, hosts: 4, pods: 1 },
  { title: '200 such manifests, 8 registries', registry: 'annotations', images: 200, hosts: 8, pods: 1 },
  { title: '1 image, 39 pages of 4 MiB', registry: 'pages', images: 1, hosts: 1, pods: 1 },
  { title: '64 images, 39 pages each', registry: 'pages', images: 64, hosts: 4, pods: 1 },
  { title: '1 image, 16 statements of 16 MiB', registry: 'statements', images: 1, hosts: 1, pods: 1 },
  { title: '4 images, 16 statements each', registry: 'statements', images: 4, hosts: 1, pods: 1 },
  { title: '10 pods of 100 images, 3 MiB each', registry: 'annotations', images: 100, hosts: 8, pods: 10 },
];

const key = signingKey();
const policies = {
  default: {
    match: { images: ['**'] },
    onUnknown: 'Deny',
    authorities: [{ name: 'release', key: { pem: key.pem } }],
    require: {
      signatures: { from: ['release'] },
      attestations: [{ predicateType: 'https://slsa.dev/provenance/v1', from: ['release'] }],
      quarantine: {},
      lifecycle: {},
    },
  },
};
/** The victims' images carry a signature and need no attestation. */
const victims = {
  match: { images: ['127.0.0.1:*/good/**'] },
  authorities: [{ name: 'release', key: { pem: key.pem } }],
  require: { signatures: { from: ['release'] }, quarantine: {}, lifecycle: {} },
};

const good = await startRegistry();
const root = await mkdtemp(join(tmpdir(), 'pratique-attacks-'));
const variables = await imageVariables();

function policyFile(name: string, spec: object): Promise<void> {
  const document = { apiVersion: 'pratique.dev/v1alpha1', kind: 'ImagePolicy', metadata: { name }, spec };
  return writeFile(join(root, 'policies', `${name}.json`), JSON.stringify(document));
}

const authority = await createAuthority('webhook');
const leaf = await authority.issue({
  commonName: 'localhost',
  dns: ['localhost'],
  ips: ['127.0.0.1'],
  usage: 'server',
});
await mkdir(join(root, 'policies'));
await policyFile('default', {
  ...policies.default,
  match: { images: ['**'], excludeImages: victims.match.images },
});
await policyFile('good', victims);
await writeFile(join(root, 'tls.crt'), leaf.cert);
await writeFile(join(root, 'tls.key'), leaf.key, { mode: 0o600 });

const cgroup = openCgroup('pratique-attacks');
if (cgroup === undefined) console.log(`NOT in a cgroup of ${LIMIT_MIB} MiB: this user may not make one.`);

interface Running {
  readonly url: string;
  readonly child: ChildProcess;
  readonly ended: () => string | undefined;
}

async function start(): Promise<Running> {
  const program = new URL('../dist/bundle/pratique.js', import.meta.url).pathname;
  const tls = ['--tls-cert', join(root, 'tls.crt'), '--tls-key', join(root, 'tls.key')];
  const serve = ['serve', '--standalone', join(root, 'policies'), '--listen', '127.0.0.1:0', ...tls];
  const enter = cgroup === undefined ? ':' : `echo $$ > ${join(cgroup, 'cgroup.procs')}`;
  const probe = new URL('./loop-delay.ts', import.meta.url).href;
  const options = `${variables.NODE_OPTIONS ?? ''} --import=${probe}`;
  const env = {
    ...process.env,
    ...variables,
    NODE_OPTIONS: options,
    LOOP_DELAY_FILE: join(root, 'delay.json'),
  };
  const child = spawn('sh', ['-c', `${enter}; exec "$0" "$@"`, process.execPath, program, ...serve], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  const ends: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-100_000);
  });
  child.once('exit', (code, signal) => {
    ends.push(signal ?? String(code));
  });
  for (;;) {
    const url = /listening on (https:[^"\s,]+)/.exec(log)?.[1];
    if (url !== undefined) return { url, child, ended: () => ends[0] };
    if (ends.length > 0) throw new Error(log);
    await sleep(50);
  }
}

const dispatcher = new Agent({ connect: { ca: authority.cert }, connections: 32 });

async function ask(url: string, images: readonly string[], namespace: string) {
  const began = performance.now();
  try {
    const answer = await request(`${url}/validate?timeout=10s`, {
      method: 'POST',
      body: JSON.stringify(podReview(images, { namespace })),
      dispatcher,
    });
    const { response } = (await answer.body.json()) as {
      readonly response: { readonly allowed: boolean; readonly status?: { readonly message: string } };
    };
    const reason = /\((\w+)\)/.exec(response.status?.message ?? '')?.[1] ?? '';
    return { ms: performance.now() - began, allowed: response.allowed, reason };
  } catch (error) {
    return { ms: performance.now() - began, allowed: undefined, reason: String(error) };
  }
}

const percentile = (times: readonly number[], share: number) =>
  times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;

async function run(attack: Attack): Promise<readonly (string | number)[]> {
  const hostile = await startHostile(attack.registry);
  const { url, child, ended } = await start();
  const rss = () => {
    const status = readFileSync(`/proc/${String(child.pid)}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  };
  // Warm by digest, by tag (one HEAD), and cold: what other tenants ask for.
  const warm = await pushGood('warm');
  for (let n = 0; n < 200; n++) await ask(url, [warm.digest], 'other');
  child.kill('SIGUSR2'); // begins anew
  await sleep(100);
  let [peak, attacking] = [0, true];
  const watch = setInterval(() => {
    if (ended() === undefined) peak = Math.max(peak, rss());
  }, 10);
  const times: number[] = [];
  let wrong = 0;
  const others = (async () => {
    for (let n = 0; attacking || n < 400; n++) {
      const cold = n % 20 === 0 ? await pushGood(`cold-${attack.title}-${n}`) : undefined;
      const image = cold?.digest ?? (n % 4 === 0 ? warm.tag : warm.digest);
      const answer = await ask(url, [image], 'other');
      times.push(answer.ms);
      if (answer.allowed !== true) wrong += 1;
      if (ended() !== undefined) return;
      await sleep(PAUSE_MS);
    }
  })();
  const attacks = Array.from({ length: attack.pods }, (_, pod) =>
    ask(
      url,
      Array.from(
        { length: attack.images },
        (_unused, n) => `127.0.0.${2 + (n % attack.hosts)}:${hostile.port}/evil/app${pod}x${n}:v${n}`,
      ),
      `evil-${pod}`,
    ),
  );
  const answers = await Promise.all(attacks);
  attacking = false;
  await others;
  clearInterval(watch);
  child.kill('SIGUSR2');
  await sleep(300);
  const delay = JSON.parse(readFileSync(join(root, 'delay.json'), 'utf8')) as Record<string, number>;
  const end = ended() ?? 'lives';
  child.kill('SIGTERM');
  hostile.stop();
  while (ended() === undefined) await sleep(50);
  const [first] = answers;
  return [
    attack.title,
    end,
    Math.round(peak),
    first === undefined
      ? ''
      : `${first.allowed === undefined ? 'none' : first.allowed ? 'allowed' : 'refused'} ${first.reason} ${(first.ms / 1000).toFixed(1)} s`,
    `${percentile(times, 0.5).toFixed(1)} / ${percentile(times, 0.99).toFixed(1)}`,
    wrong,
    `${delay.p99?.toFixed(1)} / ${delay.max?.toFixed(0)}`,
  ];
}

async function pushGood(name: string): Promise<{ readonly digest: string; readonly tag: string }> {
  const repository = `good/${name.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase()}`;
  const target = { registry: good.host, repository, tag: 'v1' };
  const image = await pushImage(target, { salt: name });
  await pushLegacySignature(target, image, key);
  return { digest: image.reference, tag: `${good.host}/${repository}:v1` };
}

console.log(
  '| attack | process | peak MiB | answer to the attacker | others p50 / p99 ms | wrong | loop delay p99 / max ms |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- |');
const only = process.argv[2];
for (const attack of ATTACKS) {
  if (only !== undefined && !attack.title.includes(only)) continue;
  console.log(`| ${(await run(attack)).join(' | ')} |`);
}
await dispatcher.destroy();
await good.close();
await rm(root, { recursive: true, force: true });
if (cgroup !== undefined) rmdirSync(cgroup);
