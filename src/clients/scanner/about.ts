import { rootCertificates } from 'node:tls';
import { Agent, request } from 'undici';
import * as z from 'zod';
import { parseJson } from '../../core/model/index.ts';
import { readAtMost } from '../io/index.ts';
import { deadline, failed, type TrivyCall } from './call.ts';

/** What a Trivy, or a Trivy server, reports of itself. */
export interface About {
  readonly version: string;
  /** When the database that it judges by was built; absent when it has none or does not report it. */
  readonly databaseUpdatedAt?: Date;
}

type ServerQuestion = Pick<TrivyCall, 'operation' | 'signal'> & Readonly<{ serverUrl: string; ca: string }>;

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
  return { version, databaseUpdatedAt: database?.UpdatedAt ? new Date(database.UpdatedAt) : undefined };
}

/** Asks a Trivy server about itself. It is asked before it scans, so that its database is at least as new as reported. */
export async function askServer(question: ServerQuestion): Promise<About> {
  const { operation, serverUrl, signal } = question;
  // Never quoted: it may hold a login.
  const host = new URL(serverUrl).host;
  const answer = await get(question).catch((cause: unknown) => {
    if (signal.aborted) throw deadline(operation);
    throw failed(operation, `the Trivy server ${host} does not answer`, { transient: true, cause });
  });
  const about = parseAbout(parseJson(answer));
  if (about !== undefined) return about;
  throw failed(operation, `${host} does not say its version as a Trivy server does`, { transient: true });
}

/** The body of a good answer; nothing for any other. */
async function get({ serverUrl, ca, signal }: ServerQuestion): Promise<Uint8Array> {
  const url = new URL(`${serverUrl.replace(/\/+$/, '')}/version`);
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const authorization = `Basic ${Buffer.from(login).toString('base64')}`;
  const dispatcher = new Agent({ connect: { ca: ca === '' ? undefined : [...rootCertificates, ca] } });
  try {
    const { statusCode, body } = await request(url, {
      dispatcher,
      headers: login === ':' ? {} : { authorization },
      signal: AbortSignal.any([signal, AbortSignal.timeout(SERVER_TIMEOUT_MS)]),
    });
    const answer = await readAtMost(body, MAX_ABOUT_BYTES);
    if (answer === undefined) throw new Error('a long answer');
    return statusCode === 200 ? answer : new Uint8Array();
  } finally {
    await dispatcher.destroy();
  }
}
