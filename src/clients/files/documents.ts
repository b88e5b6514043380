import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Document as YamlDocument } from 'yaml';
import { errorCode, parsed, problem, type Parsed, type Problem } from '../../core/model/index.ts';
import { readAtMost } from '../io/index.ts';
import { parseYaml } from './yaml-text.ts';

/** One YAML or JSON document and where it came from. */
export interface Document {
  /** `policies/production.yaml`, with `#2` for the second document of a file. */
  readonly origin: string;
  readonly value: unknown;
}

/** Where standard input is read from when a path is `-`. */
export interface Input {
  readonly stdin: AsyncIterable<Uint8Array>;
}

/** Files read from one folder: a folder of policies has tens; more is a wrong path. */
const MAX_FILES = 1_000;
/** Aliases resolved in one document; a few bytes can otherwise stand for gigabytes ("billion laughs"). */
const MAX_ALIASES = 100;

export interface Reading {
  readonly documents: readonly Document[];
  readonly problems: readonly Problem[];
}

/**
 * Reads every document of a file, of `-` (standard input), or of the `.yaml`, `.yml` and `.json` files right inside a
 * folder, in order of name; files whose name begins with a dot are left out. Problems name file and line.
 */
export async function readDocuments(path: string, { stdin }: Input): Promise<Reading> {
  if (path === '-') return parseDocuments('-', asText(await readBounded('-', stdin)));
  const files = await filesOf(path);
  if (!files.ok) return { documents: [], problems: files.problems };
  const readings = files.value.map(async (file) => parseDocuments(file, await readText(file)));
  return joined(await Promise.all(readings));
}

function joined(readings: readonly Reading[]): Reading {
  return {
    documents: readings.flatMap(({ documents }) => documents),
    problems: readings.flatMap(({ problems }) => problems),
  };
}

async function filesOf(path: string): Promise<Parsed<readonly string[]>> {
  try {
    if (!(await stat(path)).isDirectory()) return parsed([path]);
    const names = (await readdir(path)).filter((name) => /^[^.].*\.(?:ya?ml|json)$/.test(name)).sort();
    if (names.length > MAX_FILES) return problem(path, `holds more than ${MAX_FILES} files`);
    const paths = names.map((name) => join(path, name));
    // A pipe that no one writes to would be read for ever; one that is named by itself, as a shell does it, has its writer.
    const odd = await Promise.all(paths.map(async (one) => !(await isReadable(one))));
    const first = paths.find((_one, at) => odd[at]);
    return first === undefined ? parsed(paths) : problem(first, 'is no regular file');
  } catch (error) {
    return problem(path, describe(error));
  }
}

/** Whether reading a file ends; one that is gone or a folder is reported when it is read. */
async function isReadable(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined || found.isFile() || found.isDirectory();
}

function parseDocuments(file: string, text: Parsed<string>): Reading {
  if (!text.ok) return { documents: [], problems: text.problems };
  const { parts, problems } = parseYaml(file, text.value);
  const read = parts.map(({ index, document }): Reading => {
    const origin = index === 0 ? file : `${file}#${index + 1}`;
    const value = plainValue(document, origin);
    if (!value.ok) return { documents: [], problems: value.problems };
    // Nothing but comments between two separators, as templates often leave behind.
    return { documents: value.value === null ? [] : [{ origin, value: value.value }], problems: [] };
  });
  return joined([{ documents: [], problems }, ...read]);
}

/** The document as JSON would carry it, which is all that resources are. */
function plainValue(document: YamlDocument, origin: string): Parsed<unknown> {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    return problem(origin, 'uses too many YAML aliases, or one without its anchor');
  }
  try {
    return parsed(JSON.parse(JSON.stringify(value)));
  } catch {
    return problem(origin, 'has a YAML alias inside its own anchor');
  }
}

/** Largest file read, in bytes: what etcd would store of one object is far below it. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** A file's text; the problem names the file and the error of the system (`ENOENT`…). */
export async function readText(path: string): Promise<Parsed<string>> {
  return asText(await readBytes(path));
}

function asText(bytes: Parsed<Uint8Array>): Parsed<string> {
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
async function readBounded(path: string, stream: AsyncIterable<Uint8Array>): Promise<Parsed<Uint8Array>> {
  const bytes = await readAtMost(stream, MAX_FILE_BYTES);
  return bytes === undefined ? problem(path, `is larger than ${MAX_FILE_BYTES} bytes`) : parsed(bytes);
}

/** Why the system does not give a file, as a clause. */
function describe(error: unknown): string {
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
