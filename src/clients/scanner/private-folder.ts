import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failed } from './fault.ts';

/**
 * Lends a fresh folder that only this user can enter, and removes it with all that was put there, whatever happens.
 * `operation` names who needed it, should there be no room for one.
 */
export async function inPrivateFolder<T>(operation: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'pratique-scan-')).catch((cause: unknown) => {
    throw failed(operation, `no temporary folder could be made below ${tmpdir()}`, {
      transient: true,
      cause,
    });
  });
  try {
    return await use(folder);
  } finally {
    // What a killed program was still writing may make the first try fail; left-overs are no reason to lose a result.
    await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
  }
}
