import { open } from 'node:fs/promises';
import { errorCode, parsed, type Parsed, problem, type Problem } from '../../core/model/index.ts';
import { readAtMost } from '../io/index.ts';

/** Largest file read, in bytes: what etcd would store of one object is far below it. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** A file's text; the problem names the file and the error of the system (`ENOENT`…). */
export async function readText(path: string): Promise<Parsed<string>> {
  return asText(await readBytes(path));
}

export function asText(bytes: Parsed<Uint8Array>): Parsed<string> {
  return bytes.ok ? parsed(Buffer.from(bytes.value).toString('utf8')) : bytes;
}

/** A file's bytes; problems as of {@link readText}. */
export async function readBytes(path: string): Promise<Parsed<Uint8Array>> {
  try {
    await using file = await open(path, 'r');
    return await readBounded(path, file.createReadStream());
  } catch (error) {
    return problem(path, describe(error));
  }
}

/** All the bytes of a stream, read no further than the bound: a device or pipe does not say its size. */
export async function readBounded(
  path: string,
  stream: AsyncIterable<Uint8Array>,
): Promise<Parsed<Uint8Array>> {
  const bytes = await readAtMost(stream, MAX_FILE_BYTES);
  return bytes === undefined ? problem(path, `is larger than ${MAX_FILE_BYTES} bytes`) : parsed(bytes);
}

/** Why the system does not give a file, as a clause. */
export function describe(error: unknown): string {
  const code = errorCode(error) || 'unknown error';
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'no such file or folder',
    EACCES: 'permission denied',
    EISDIR: 'is a folder, a file is needed',
    ENOTDIR: 'is a file, a folder is needed',
  };
  return words[code] ?? `cannot be read (${code})`;
}

/** Certificates of several PEM files as one PEM; a file without any is a problem, and all problems are listed. */
export async function readCertificates(files: readonly string[]): Promise<Parsed<string>> {
  const texts = await Promise.all(files.map(readText));
  const problems = texts.flatMap((text, index): readonly Problem[] => {
    if (!text.ok) return text.problems;
    const holdsOne = text.value.includes('-----BEGIN CERTIFICATE-----');
    return holdsOne ? [] : [{ path: files[index] ?? '', message: 'holds no PEM certificate' }];
  });
  if (problems.length > 0) return { ok: false, problems };
  return parsed(texts.map((text) => (text.ok ? text.value : '')).join('\n'));
}
