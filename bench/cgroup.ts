import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The memory of the chart's pod. */
export const LIMIT_MIB = 512;

/** A cgroup of this name with the memory of the chart's pod; `undefined` where this user may not make one. The caller removes it. */
export function openCgroup(name: string): string | undefined {
  for (const [path, file] of [
    [`/sys/fs/cgroup/memory/${name}`, 'memory.limit_in_bytes'],
    [`/sys/fs/cgroup/${name}`, 'memory.max'],
  ] as const) {
    try {
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, file), String(LIMIT_MIB * 1024 * 1024));
      return path;
    } catch {
      // the other version, or no right
    }
  }
  return undefined;
}
