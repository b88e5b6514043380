import { errorCode, errorFields, parsed, problem } from '../../core/model/index.ts';
import type { Clock, Log, Parsed } from '../../core/model/index.ts';
import type { BlobCache } from './blob-cache.ts';

/** Opens the folder, and makes it where there is none; `undefined` = none is named. A problem says why it cannot be used. */
export async function openBlobCache(
  settings: { readonly folder: string; readonly maxBytes: number } | undefined,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<Parsed<BlobCache | undefined>> {
  if (!settings) return parsed(undefined);
  const onTrouble = (error: unknown): void => {
    log.warn(errorFields(error), 'the cache of blobs cannot be used as it should, the gate goes on without');
  };
  try {
    const { openFolder } = await import('./blob-cache.ts');
    return parsed(await openFolder({ ...settings, clock, onTrouble }));
  } catch (error) {
    const code = errorCode(error) || 'unknown error';
    return problem(
      'gate.cache.folder',
      `cannot be written (${code}): name a folder that this process may write`,
    );
  }
}
