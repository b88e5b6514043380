import { spawn } from 'node:child_process';
import type { Hostility } from './hostile-registry.ts';

/** Starts bench/hostile-registry.ts as a process of its own, on one port of every address of loopback. */
export async function startHostile(
  kind: Hostility,
): Promise<{ readonly port: string; readonly stop: () => void }> {
  const script = new URL('./hostile-registry.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, kind], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<string>((resolve) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
  });
  const stop = () => void child.kill();
  process.once('exit', stop);
  return { port, stop };
}
