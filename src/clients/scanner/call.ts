import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, rootCertificates } from 'node:tls';
import { Agent, request, type Dispatcher } from 'undici';
import * as z from 'zod';
import { errorCode, Fault, parseJson } from '../../core/model/index.ts';
import type { Proxies } from '../http/index.ts';
import { readAtMost, runProgram, type Ending, type Program } from '../io/index.ts';

/** Most bytes read of what Trivy prints: the reports of the worst images have a few million. */
const MAX_OUTPUT_BYTES = 32 * 1024 * 1024;

export interface TrivyCall extends Omit<Program, 'maxOutputBytes' | 'input'> {
  /** What it is run for, as a verb with its object. */
  readonly operation: string;
  readonly folder: string;
  /** Secrets that must not appear in messages. */
  readonly secrets: readonly string[];
}

/** Codes of errors that only a person can fix: no such program, or one that may not be run. */
const NOT_RUNNABLE: ReadonlySet<string> = new Set(['ENOENT', 'EACCES', 'ENOEXEC', 'ENOTDIR']);

/** Runs Trivy and returns what it printed. Throws a Fault for every end but a good one. */
export async function callTrivy(call: TrivyCall): Promise<Buffer> {
  const ending = await runProgram({ ...call, maxOutputBytes: MAX_OUTPUT_BYTES });
  if (ending.kind === 'ended' && ending.code === 0) return ending.output;
  throw faultOf(call, ending);
}

/** Asks Trivy about itself; `undefined` when it prints something else. */
export async function askTrivy(call: TrivyCall): Promise<About | undefined> {
  const output = await callTrivy(call);
  return output.byteLength <= MAX_ABOUT_BYTES ? parseAbout(parseJson(output)) : undefined;
}

function faultOf(call: TrivyCall, ending: Ending): Error {
  const { operation, command, timeoutMs } = call;
  if (ending.kind === 'cancelled') return deadline(operation);
  if (ending.kind === 'missing') {
    const { cause } = ending;
    const code = errorCode(cause);
    const transient = !NOT_RUNNABLE.has(code);
    return failed(operation, `${command} cannot be run${code && ` (${code})`}`, { transient, cause });
  }
  if (ending.kind === 'too-much') {
    const detail = `${command} printed more than ${MAX_OUTPUT_BYTES} bytes and was killed`;
    return failed(operation, detail, { transient: false });
  }
  const how =
    ending.kind === 'ended' ? howEnded(ending) : `was not done after ${timeoutMs} ms and was killed`;
  return failed(operation, `${command} ${how}${complaintOf(call, ending.complaint)}`, { transient: true });
}

function howEnded({ code, signal }: Extract<Ending, { readonly kind: 'ended' }>): string {
  return signal === null ? `ended with code ${code}` : `was ended by the signal ${signal}`;
}

function complaintOf({ secrets }: TrivyCall, complaint: string): string {
  const words = quoteTail(complaint, secrets);
  return words === '' ? '' : `; it said: ${words}`;
}

/** Lends a folder that only this user can enter, and removes it with all in it, whatever happens. `operation` is for Faults. */
export async function inPrivateFolder<T>(operation: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'pratique-scan-')).catch((cause: unknown) => {
    const detail = `no temporary folder could be made below ${tmpdir()}`;
    throw failed(operation, detail, { transient: true, cause });
  });
  try {
    return await use(folder);
  } finally {
    // What a killed program was still writing may make the first try fail; left-overs are no reason to lose a result.
    await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
  }
}

/** Longest piece of a scanner's own words inside a message, in characters: its last line or two, which say what went wrong. */
const MAX_QUOTE = 400;

export function failed(
  operation: string,
  detail: string,
  more: { readonly transient: boolean; readonly cause?: unknown },
): Fault {
  return new Fault({ code: 'ScannerFailed', operation, side: 'scanner', detail, ...more });
}

/** The Fault for a call whose caller has no more time, or no more interest. */
export function deadline(operation: string): Fault {
  const detail = 'the time ran out before the scan was done';
  return new Fault({ code: 'DeadlineExceeded', operation, side: 'scanner', transient: true, detail });
}

/**
 * The end of what a scanner printed, fit for one line of a message: no colours, no secrets that it was given, and nothing
 * that looks like one (query strings, authorization values, logins in URLs).
 */
function quoteTail(text: string, secrets: readonly string[]): string {
  let quoted = text;
  for (const secret of secrets) if (secret !== '') quoted = quoted.replaceAll(secret, '…');
  quoted = quoted
    .replace(/\u001b\[[0-9;]*[A-Za-z]/g, '')
    .replace(/\?[^\s"'<>]*/g, '?…')
    .replace(/\b(bearer|basic)\s+[^\s"',]+/gi, '$1 …')
    .replace(/:\/\/[^\s/@"']+@/g, '://…@')
    .replace(/[^\x20-\x7e…]+/g, ' ')
    .trim();
  return quoted.length > MAX_QUOTE ? `…${quoted.slice(-MAX_QUOTE)}` : quoted;
}

/** What a Trivy, or a Trivy server, reports of itself. */
export interface About {
  readonly version: string;
  /** When the database that it judges by was built; absent when it has none or does not report it. */
  readonly databaseUpdatedAt?: Date;
}

type ServerQuestion = Pick<TrivyCall, 'operation' | 'signal'> &
  Readonly<{ serverUrl: string; ca: string; reach?: { readonly proxies?: Proxies | undefined } | undefined }>;

/** Longest time for the one small answer of a server, in milliseconds. */
const SERVER_TIMEOUT_MS = 10_000;
/** Most bytes of that answer, and of what Trivy prints about itself; it has a few hundred. */
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
async function get({ serverUrl, ca, signal, reach }: ServerQuestion): Promise<Uint8Array> {
  const url = new URL(`${serverUrl.replace(/\/+$/, '')}/version`);
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const authorization = `Basic ${Buffer.from(login).toString('base64')}`;
  const { dispatcher, close } = connectionsTo(url, ca, reach?.proxies);
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
    await close();
  }
}

function connectionsTo(
  url: URL,
  ca: string,
  proxies: Proxies | undefined,
): { readonly dispatcher: Dispatcher; readonly close: () => Promise<void> } {
  const secureContext = ca === '' ? undefined : createSecureContext({ ca: [...rootCertificates, ca] });
  const through = proxies?.of(url)?.open(url.origin, { timeout: SERVER_TIMEOUT_MS, secureContext });
  const dispatcher = through?.dispatcher ?? new Agent({ connect: { secureContext } });
  return { dispatcher, close: () => (through?.pool ?? dispatcher).destroy() };
}
