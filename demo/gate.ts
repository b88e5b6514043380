// The third part of the demo: a person pulls by a plain client through the gate, in front of a small cluster on loopback.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RESOURCES } from '../src/core/workload/index.ts';
import { startApiServer, type ApiServer } from '../test/support/api-server/index.ts';
import { pushImage } from '../test/support/registry/push.ts';
import { approvalOf, clusterObjects, gateSettings, NAMESPACE, promotionsYaml } from './gate-files.ts';
import { say } from './output.ts';
import type { Keys } from './story.ts';

/** What the third part is played with. */
interface GateScene {
  readonly host: string;
  readonly keys: Keys;
  readonly policy: string;
  /** Where settings go. */
  readonly folder: string;
}

const PROGRAM = new URL('../src/main.ts', import.meta.url).pathname;
/** Milliseconds for each thing that is waited for; generous, for a busy machine. */
const WAIT_MS = 40_000;
const POLL_MS = 250;
/** What Docker sends. */
const HEADERS = {
  'User-Agent': 'docker/29.0.0',
  Accept: [
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.docker.distribution.manifest.list.v2+json',
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.v2+json',
  ].join(', '),
};

/** Shows the gate: what is in quarantine is refused, what is missing is asked for, and pulled once it is promoted. */
export async function pullThroughGate({ host, keys, policy, folder }: GateScene): Promise<void> {
  const api = await startApiServer();
  for (const [resource, object] of clusterObjects({ host, keys, policy })) api.twin.put(resource, object);
  const { settings, kubeconfig } = gateSettings({ host, server: api.url });
  const [settingsFile, kubeconfigFile] = [join(folder, 'settings.json'), join(folder, 'kubeconfig.json')];
  await writeFile(settingsFile, JSON.stringify(settings));
  await writeFile(kubeconfigFile, JSON.stringify(kubeconfig));
  const cluster = ['--kubeconfig', kubeconfigFile, '--namespace', NAMESPACE, '--settings', settingsFile];
  const processes = [start('serve', ...cluster, '--listen', '127.0.0.1:0'), start('gate', ...cluster)];
  try {
    const [, gate] = await Promise.all(processes.map(listening));
    await play({ host, api, url: gate ?? '' });
  } finally {
    await Promise.all(processes.map(stop));
    await api.close();
  }
}

interface Playing {
  readonly host: string;
  readonly api: ApiServer;
  /** Of the gate. */
  readonly url: string;
}

async function play({ host, api, url }: Playing): Promise<void> {
  const pull = async (image: string): Promise<Response> => {
    const [repository = '', tag = ''] = image.split(':');
    for (;;) {
      const answer = await fetch(`${url}/v2/${host}/${repository}/manifests/${tag}`, { headers: HEADERS });
      // The policies are not read yet.
      if (answer.status !== 503) return answer;
      await sleep(POLL_MS);
    }
  };
  const show = async (image: string, answer: Response): Promise<void> => {
    say(`$ docker pull gate.example.com/${image}`);
    const digest = answer.headers.get('docker-content-digest') ?? '';
    const text = answer.ok ? `Digest: ${digest}` : `${String(answer.status)} ${await messageOf(answer)}`;
    say(text.replaceAll(`${host}/`, ''));
    say();
  };
  /** Pulls as a client that tries again, until the answer has this in it. */
  const pullUntil = async (image: string, wanted: RegExp): Promise<void> => {
    const until = performance.now() + WAIT_MS;
    for (;;) {
      const answer = await pull(image);
      const text = answer.ok ? 'pulled' : await messageOf(answer.clone());
      if (wanted.test(text)) return show(image, answer);
      if (performance.now() > until) throw new Error(`the gate still says: ${text}`);
      await sleep(POLL_MS);
    }
  };

  await firstRuns(api);
  await pushImage({ registry: host, repository: 'public/tool', tag: '2.0.0' }, { salt: 'tool' });
  say('3. THE GATE. Laptops and CI pull through it; it reads from golden and judges by the same policy.');
  say('What lies in quarantine is refused, with the reason in one line:');
  say();
  await show('shop/cache:7.2.0', await pull('shop/cache:7.2.0'));
  say('A public image has a new version, which golden lacks. The pull asks this promotion for it:');
  say();
  say(promotionsYaml(host).mirror.replaceAll(/^(?=.)/gm, '  '));
  await pullUntil('public/tool:2.0.0', /was asked for it|begins|is at it/);
  say(
    'A moment later the same pull says where it is. "tool-to-golden", which takes it on, ran before it came:',
  );
  say();
  await pullUntil('public/tool:2.0.0', /mirrored .* into quarantine/);
  say('Its next run finds it, and wants a person before anything gets to golden:');
  say();
  await requestRun(api);
  await pullUntil('public/tool:2.0.0', /waiting for approval/);
  say('jane@example.com approves this digest. The promotion signs it, and the pull succeeds:');
  say();
  await approve(api);
  await pullUntil('public/tool:2.0.0', /^pulled$/);
}

/** A new promotion runs once at first: then nothing is there to be mirrored yet. */
async function firstRuns({ twin }: ApiServer): Promise<void> {
  const until = performance.now() + WAIT_MS;
  for (;;) {
    const { items } = await twin.list({ resource: RESOURCES.promotions, namespace: NAMESPACE });
    if (items.every(({ status }) => (status as { lastRun?: object } | undefined)?.lastRun)) return;
    if (performance.now() > until) throw new Error('the promotions do not run');
    await sleep(POLL_MS);
  }
}

async function messageOf(answer: Response): Promise<string> {
  const { errors } = (await answer.json()) as { readonly errors: readonly { readonly message: string }[] };
  return errors[0]?.message ?? '';
}

/** As `kubectl annotate` does it; a schedule or an event of the registry does the same. */
async function requestRun({ twin }: ApiServer): Promise<void> {
  const annotations = { 'reconcile.pratique.dev/requestedAt': new Date().toISOString() };
  const address = { resource: RESOURCES.promotions, namespace: NAMESPACE, name: 'tool-to-golden' };
  await twin.patch(address, { metadata: { annotations } });
}

async function approve({ twin }: ApiServer): Promise<void> {
  const { items } = await twin.list({ resource: RESOURCES.promotionRuns, namespace: NAMESPACE });
  const approval = items.map(approvalOf).find((one) => one !== undefined);
  if (!approval) throw new Error('no run waits for a person');
  await twin.create({ resource: RESOURCES.promotionApprovals, namespace: NAMESPACE }, approval);
}

function start(...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** The address that a process says it listens on. */
function listening(child: ChildProcess): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    // Read to its end: a process whose output no one takes stops.
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const url = /listening on (\S+)/.exec(said)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', () => reject(new Error(`pratique ended: ${said}`)));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
