import { parseJson } from '../../core/model/index.ts';
import { request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { rootCertificates } from 'node:tls';
import * as z from 'zod';
import { deadline, failed } from './call.ts';

/** What a Trivy, or a Trivy server, reports of itself. */
export interface About {
  readonly version: string;
  /** When the database that it judges by was built; absent when it has none or does not report it. */
  readonly databaseUpdatedAt?: Date;
}

/** A Trivy server to ask. */
interface ServerQuestion {
  readonly operation: string;
  readonly serverUrl: string;
  readonly ca: string;
  readonly signal: AbortSignal;
}

/** Longest time for the one small answer of a server, in milliseconds. */
const SERVER_TIMEOUT_MS = 10_000;
/** Most bytes of that answer; it has a few hundred. */
const MAX_ABOUT_BYTES = 64 * 1024;

const wire = z.object({
  Version: z.string().min(1).max(128),
  VulnerabilityDB: z.object({ UpdatedAt: z.iso.datetime({ offset: true }).nullish().catch(null) }).nullish(),
});

/** Reads what `trivy version --format json`, and `/version` of a server, print. `undefined` for anything else. */
export function parseAbout(answer: unknown): About | undefined {
  const read = wire.safeParse(answer);
  if (!read.success) return undefined;
  const { Version: version, VulnerabilityDB: database } = read.data;
  return { version, ...(database?.UpdatedAt && { databaseUpdatedAt: new Date(database.UpdatedAt) }) };
}

/** Asks a Trivy server about itself. It is asked before it scans, so that its database is at least as new as reported. */
export async function askServer(question: ServerQuestion): Promise<About> {
  const { operation, serverUrl, signal } = question;
  // Never quoted: it may hold a login.
  const host = new URL(serverUrl).host;
  let text: string | undefined;
  try {
    text = await get(question);
  } catch (cause) {
    if (signal.aborted) throw deadline(operation);
    throw failed(operation, `the Trivy server ${host} does not answer`, { transient: true, cause });
  }
  const about = text === undefined ? undefined : parseAbout(parseJson(text));
  if (about !== undefined) return about;
  throw failed(operation, `${host} does not say its version as a Trivy server does`, { transient: true });
}

/** The body of a good answer; `undefined` for any other. */
function get({ serverUrl, ca, signal }: ServerQuestion): Promise<string | undefined> {
  const url = new URL(`${serverUrl.replace(/\/+$/, '')}/version`);
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(SERVER_TIMEOUT_MS)]);
  return new Promise((resolve, reject) => {
    const options = { signal: bounded, agent: false as const };
    const asked =
      url.protocol === 'https:'
        ? requestTls(url, { ...options, ...(ca !== '' && { ca: [...rootCertificates, ca] }) })
        : requestPlain(url, options);
    asked.on('error', reject);
    asked.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => {
        size += chunk.byteLength;
        if (size > MAX_ABOUT_BYTES) asked.destroy(new Error('a long answer'));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        resolve(response.statusCode === 200 ? Buffer.concat(chunks).toString('utf8') : undefined);
      });
    });
    asked.end();
  });
}
