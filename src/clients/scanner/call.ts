import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode, Fault, parseJson } from '../../core/model/index.ts';
import { runProgram, type Ending, type Program } from '../io/index.ts';

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

export async function askTrivy(call: TrivyCall): Promise<unknown> {
  const report = parseJson(await callTrivy(call));
  if (report !== undefined) return report;
  throw failed(call.operation, `${call.command} printed what is no JSON`, { transient: false });
}

function faultOf(call: TrivyCall, ending: Ending): Error {
  const { operation, command, timeoutMs } = call;
  switch (ending.kind) {
    case 'missing': {
      const { cause } = ending;
      const code = errorCode(cause);
      const transient = !NOT_RUNNABLE.has(code);
      return failed(operation, `${command} cannot be run${code && ` (${code})`}`, { transient, cause });
    }
    case 'cancelled':
      return deadline(operation);
    case 'late': {
      const detail = `${command} was not done after ${timeoutMs} ms and was killed`;
      return failed(operation, detail + complaintOf(call, ending.complaint), { transient: true });
    }
    case 'too-much': {
      const detail = `${command} printed more than ${MAX_OUTPUT_BYTES} bytes and was killed`;
      return failed(operation, detail, { transient: false });
    }
    case 'ended': {
      const { code, signal } = ending;
      const how = signal === null ? `ended with code ${code}` : `was ended by the signal ${signal}`;
      const detail = `${command} ${how}${complaintOf(call, ending.complaint)}`;
      return failed(operation, detail, { transient: true });
    }
  }
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
