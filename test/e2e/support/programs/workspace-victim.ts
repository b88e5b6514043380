/**
 * What workspace.test.ts kills: a run with one program, which has started another one. Prints where its
 * folders are and which processes there are; then ends in the way of its argument.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startProcess } from './process.ts';
import { openWorkspace } from './workspace.ts';

const workspace = await openWorkspace('victim');
const printed = (): Promise<string> => readFile(join(workspace.folder, 'sleeper.log'), 'utf8');
const sleeper = await startProcess({
  workspace,
  name: 'sleeper',
  command: '/bin/sh',
  args: ['-c', 'sleep 600 & echo $!; wait'],
  ready: async () => (await printed()).endsWith('\n'),
});
const pids = [sleeper.pid, Number(await printed())];
console.log(JSON.stringify({ pids, folders: [workspace.folder, workspace.memory] }));

const ending = process.argv[2];
if (ending === 'throws') throw new Error('as requested');
if (ending === 'stays') setInterval(() => undefined, 1_000);
