import { readFile } from 'node:fs/promises';
import type * as z from 'zod';
import { errorCode, parseJson, type Clock } from '../../../core/model/index.ts';
import { createReach, isLoopbackSpelling, parseAllowed, type ReachOptions } from '../../http/index.ts';
import { readBody } from '../answer.ts';
import type { Answer, Call } from '../call.ts';
import { openConnections, REDIRECTS, type ConnectionOptions } from '../exchange.ts';
import { fault } from '../fault.ts';
import { createSlots, DEFAULT_WAITING_PER_NAMESPACE } from '../slots.ts';

/** What clouds are asked with: the addresses and authorities that hold for registries hold for them, too. */
export interface CloudOptions extends ConnectionOptions, ReachOptions {
  /** Where clouds write who this process is. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly insecureHosts?: readonly string[];
}

/** One request to a server of a cloud. */
export interface CloudRequest {
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Its host is at a link-local address, and named by the settings or known: the metadata server, or an agent on the node. */
  readonly isMetadata?: true;
}

/** What is asked on the way to one login. */
export interface AskCloud {
  /** The text of the answer with status 200. Everything else is a Fault, which repeats no more of it than its code. */
  (request: CloudRequest): Promise<string>;
  /** A file with a token, without the space around it; a file that cannot be read is a Fault that names it. */
  readonly file: (path: string) => Promise<string>;
  /** A Fault about what is not as it has to be; never a word of what is secret. */
  readonly refuse: (detail: string) => Error;
}

/** A login that ends. */
export interface Ending<T> {
  readonly value: T;
  readonly endsAt: Date;
}

/** What getting a login takes; `once` remembers by a key of this identity what other logins need as well. */
export interface Exchanging {
  readonly ask: AskCloud;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: Clock;
  readonly once: <T extends object>(key: string, load: () => Promise<Ending<T>>) => Promise<T>;
}

/** Largest answer, in bytes: tokens have a few thousand. */
const MAX_ANSWER_BYTES = 256 * 1024;
/** Largest file with a token, in characters. */
const MAX_FILE_CHARACTERS = 64 * 1024;

/** Asks the servers of a cloud for one purpose. Each request has its own connection: there are a few in an hour. */
export function askCloud(
  options: CloudOptions,
  { doing, signal }: { readonly doing: string; readonly signal: AbortSignal },
): AskCloud {
  const refuse = (detail: string): Error => fault({ doing }, 'RegistryDenied', detail);
  const ask = async (request: CloudRequest): Promise<string> => {
    const { url, isMetadata = false } = request;
    if (!isMetadata && !isSecure(url)) throw refuse(`${url.host} is not asked over plain http`);
    const allowedAddresses = [...(options.allowedAddresses ?? []), ...(isMetadata ? [url.hostname] : [])];
    // Only this node has it: a proxy would ask its own, or be shown the token.
    const proxies = isMetadata ? undefined : options.proxies;
    const reach = createReach({ ...options, allowedAddresses, proxies });
    const takeSlots = createSlots({ perNamespace: DEFAULT_WAITING_PER_NAMESPACE });
    const { exchange, close } = openConnections(options, { reach, takeSlots });
    const rules = { insecureHosts: options.insecureHosts ?? [], allowed: parseAllowed(allowedAddresses) };
    const { host: registry, origin, hostname } = url;
    const call: Call = {
      ...{
        doing,
        signal,
        operation: 'token',
        access: 'pull',
        side: 'source',
        repository: '',
        patient: false,
      },
      endpoint: { registry, origin, hostname, rules, plain: url.protocol === 'http:', tokenServices: [] },
      transport: exchange,
    };
    try {
      return await textOf(call, await exchange(call, request));
    } finally {
      await close();
    }
  };
  const file = async (path: string): Promise<string> => {
    const text = await readFile(path, { encoding: 'utf8', signal }).catch((error: unknown) => {
      throw refuse(`the file ${path} cannot be read (${errorCode(error)})`);
    });
    const token = text.trim();
    if (token === '' || text.length > MAX_FILE_CHARACTERS) throw refuse(`the file ${path} holds no token`);
    return token;
  };
  return Object.assign(ask, { file, refuse });
}

async function textOf(call: Call, answer: Answer): Promise<string> {
  const { status, url } = answer;
  const text = Buffer.from(await readBody(call, answer, MAX_ANSWER_BYTES)).toString('utf8');
  if (status === 200) return text;
  if (REDIRECTS.has(status)) throw fault(call, 'UntrustedEndpoint', `${url.host} sends logins elsewhere`);
  const code = codeIn(text);
  const answered = `${url.host} answered ${status}${code && ` ${code}`}`;
  if (status === 429) throw fault(call, 'RegistryRateLimited', answered);
  if (status >= 500) throw fault(call, 'RegistryUnavailable', answered);
  throw fault(call, 'RegistryDenied', `${answered}: it does not accept this identity`);
}

/** Codes of errors, as AWS (XML, JSON), OAuth 2.0 and Google write them: words that hold nothing of a request. */
const CODES = [
  /<Code>([A-Za-z]{1,64})<\/Code>/,
  /\bAADSTS\d{1,9}\b/,
  /"(?:error|__type|code|status)"\s*:\s*"([A-Za-z0-9_.#]{1,80})"/,
];

function codeIn(text: string): string {
  for (const pattern of CODES) {
    const found = pattern.exec(text);
    if (found) return found[1] ?? found[0];
  }
  return '';
}

/** The JSON of an answer; a Fault when it is none or not of this form. */
export function jsonOf<T>({ refuse }: AskCloud, text: string, form: z.ZodType<T>): T {
  const { data } = form.safeParse(parseJson(text));
  if (data === undefined) throw refuse('the answer has no token that can be read');
  return data;
}

/** Whether a login may be sent there: over TLS, or to this machine. */
export function isSecure({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopbackSpelling(hostname));
}
