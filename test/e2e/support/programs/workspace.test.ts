import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { startProcess } from './process.ts';
import { until } from '../wait.ts';
import { openWorkspace } from './workspace.ts';

const VICTIM = join(import.meta.dirname, 'workspace-victim.ts');

describe('a workspace', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
    it(`leaves neither processes nor folders after ${signal}`, async () => {
      const { victim, left } = await startVictim('stays');
      victim.kill(signal);
      await expectNothing(left);
    });
  }

  it('leaves nothing after an uncaught exception', async () => {
    await expectNothing((await startVictim('throws')).left);
  });

  it('neither blocks a run that forgets to close it nor survives the run', async () => {
    await expectNothing((await startVictim('ends')).left);
  });

  it('reports the end of the log of a program that dies before it is ready', async () => {
    const workspace = await openWorkspace('dying');
    const start = startProcess({
      workspace,
      name: 'dying',
      command: '/bin/sh',
      args: ['-c', 'echo no such flag; exit 3'],
      ready: async () => false,
    });
    const error = await start.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await workspace.close();
    expect(error).to.be.instanceOf(Error);
    expect(String(error)).to.contain('dying ended with code 3').and.to.contain('no such flag');
    expect(existsSync(workspace.folder)).to.equal(false);
  });
});

interface Left {
  readonly pids: readonly number[];
  readonly folders: readonly string[];
}

async function startVictim(
  ending: 'stays' | 'throws' | 'ends',
): Promise<{ victim: ChildProcess; left: Left }> {
  const victim = spawn(process.execPath, [VICTIM, ending], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = (await once(createInterface(victim.stdout), 'line')) as [string];
  return { victim, left: JSON.parse(line) as Left };
}

async function expectNothing({ pids, folders }: Left): Promise<void> {
  await until({
    what: `end of ${pids.join(', ')} and of ${folders.join(', ')}`,
    withinMs: 10_000,
    check: async () => !pids.some(isAlive) && !folders.some((folder) => existsSync(folder)),
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !isZombie(pid);
}

/** A process that has ended accepts signals until its parent has reaped it, which may take an init process seconds. */
function isZombie(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
