import { open } from 'node:fs/promises';
import { parsed, problem, type Parsed } from '../../core/model/index.ts';

/** Largest file read, in bytes: what etcd would store of one object is far below it. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** A file's text; the problem names the file and what the system said (`ENOENT`…). */
export async function readText(path: string): Promise<Parsed<string>> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    if (size > MAX_FILE_BYTES) return problem(path, `is larger than ${String(MAX_FILE_BYTES)} bytes`);
    return parsed(await file.readFile('utf8'));
  } catch (error) {
    return problem(path, describe(error));
  }
}

/** What the system says of a file it will not give, in words. */
export function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'no such file or folder',
    EACCES: 'permission denied',
    EISDIR: 'is a folder, a file is needed',
    ENOTDIR: 'is a file, a folder is needed',
  };
  return words[code] ?? `cannot be read (${code})`;
}
