import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for one test. */
export interface TemporaryFolder {
  readonly path: string;
  /** Writes a file and answers its path; other values than text are written as JSON. */
  write(name: string, content: unknown): Promise<string>;
  remove(): Promise<void>;
}

/** Makes a folder with these files. */
export async function temporaryFolder(
  files: Readonly<Record<string, unknown>> = {},
): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), 'pratique-test-'));
  const write = async (name: string, content: unknown) => {
    const file = join(path, name);
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };
  for (const [name, content] of Object.entries(files)) await write(name, content);
  return { path, write, remove: () => rm(path, { recursive: true, force: true }) };
}
