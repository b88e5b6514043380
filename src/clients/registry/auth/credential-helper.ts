import * as z from 'zod';
import type { RegistryLogin } from '../../../core/evidence/index.ts';
import { errorCode, parseJson } from '../../../core/model/index.ts';
import { runProgram, type Ending } from '../../io/index.ts';
import { deadline, fault } from '../fault.ts';
import { loginOf } from './logins.ts';

/** How a credential helper is run. */
export interface HelperOptions {
  /** Environment of the credential helpers; its `PATH` finds them. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds; {@link HELPER_TIMEOUT_MS} when not given. */
  readonly helperTimeoutMs?: number;
}

/** Longest a credential helper may take, in milliseconds: cloud helpers fetch a token, none needs longer. */
const HELPER_TIMEOUT_MS = 10_000;
/** Most output read from a credential helper, in bytes: tokens of the clouds have a few thousand. */
const MAX_HELPER_OUTPUT_BYTES = 256 * 1024;

const answer = z.object({ Username: z.string(), Secret: z.string().min(1) });

/**
 * Asks a credential helper, by `docker-credential-NAME get`, for the login of a server address (the protocol of
 * docker-credential-helpers): "not found" is no login, everything else that is not a login is a Fault. What the helper prints
 * may hold secrets and is never repeated.
 */
export async function askHelper(
  command: string,
  server: string,
  { environment, helperTimeoutMs: timeoutMs = HELPER_TIMEOUT_MS }: HelperOptions,
  signal: AbortSignal,
): Promise<RegistryLogin | undefined> {
  const maxOutputBytes = MAX_HELPER_OUTPUT_BYTES;
  const program = { command, args: ['get'], input: server, environment, maxOutputBytes, timeoutMs, signal };
  const call = { doing: `ask ${command} for the login of ${server}` };
  const ending = await runProgram(program);
  if (ending.kind === 'cancelled') throw deadline(call);
  if (ending.kind !== 'ended') throw fault(call, 'RegistryDenied', ...whyStopped(ending));
  if (ending.code !== 0) {
    if (/credentials not found/i.test(ending.output.toString())) return undefined;
    throw fault(call, 'RegistryDenied', `it failed with exit code ${ending.code}`, { transient: true });
  }
  const read = answer.safeParse(parseJson(ending.output));
  if (!read.success) throw fault(call, 'RegistryDenied', 'it printed no login');
  return loginOf(read.data.Username, read.data.Secret);
}

function whyStopped(
  ending: Exclude<Ending, { readonly kind: 'ended' }>,
): [detail: string, more: { transient: boolean; cause?: unknown }] {
  if (ending.kind === 'too-much') return ['it printed more than a login', { transient: false }];
  if (ending.kind !== 'missing') return ['it did not answer in time', { transient: true }];
  const { cause } = ending;
  return errorCode(cause) === 'ENOENT'
    ? ['there is no such program in PATH', { transient: false, cause }]
    : ['it could not be run', { transient: true, cause }];
}
