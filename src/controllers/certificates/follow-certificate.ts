import { parsed, problem, type Log, type Parsed, type Problem } from '../../core/model/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import { admitCallers, type AdmitCaller } from './admit-callers.ts';
import { certificatesIn, fits, readCertificate, servingCertificate, type Pair } from './read.ts';

/** Milliseconds between two reads of certificate files: kubelets take a minute to write them anyway. */
const READ_FILES_MS = 10_000;

/** What a replica serves the webhooks with. */
interface Serving extends Pair {
  /** Authorities of clients, PEM; absent = none is named by the settings. */
  readonly clientCa: string | undefined;
}

/** Where a replica gets what it serves with. */
interface ServingOptions {
  readonly settings: Pick<Settings, 'certificates' | 'webhook'>;
  readonly readFiles: () => Promise<Parsed<Pair>>;
  /** The authorities in a PEM file. */
  readonly readAuthorities: (file: string) => Promise<Parsed<string>>;
  /** `data` of a Secret of the controller's own namespace, out of the cache. */
  readonly secretData: (name: string) => unknown;
  /** Receives what can be used first, and each time that it is something else. */
  readonly onChange: (serving: Serving) => void;
  readonly log: Log;
}

/** What is followed, for a server. */
interface FollowedServing {
  readonly admits: AdmitCaller;
  /** One of the two Secrets may have changed. */
  readonly onSecret: () => void;
  /** What a replica cannot be ready without; one line each. */
  readonly missing: () => readonly string[];
  readonly close: () => void;
}

/** Gives what a replica serves the webhooks with, and admits their callers, from now on. */
export function followServing(options: ServingOptions): FollowedServing {
  const { settings, readFiles, readAuthorities, secretData, log } = options;
  const { source, secret } = settings.certificates;
  const { clientCA: file } = settings.webhook;
  const callers = admitCallers({ webhook: settings.webhook, secretData });
  let [pair, clientCa]: [Pair | undefined, string | undefined] = [undefined, undefined];
  let given: Serving | undefined;
  const give = () => {
    if (!pair || (file !== undefined && clientCa === undefined)) return;
    const next = { ...pair, clientCa };
    if (given?.cert === next.cert && given.key === next.key && given.clientCa === clientCa) return;
    given = next;
    options.onChange(next);
  };
  const take = (next: Pair) => {
    pair = next;
    give();
  };
  const files = [
    ...(source === 'Files' ? [followFiles(readFiles, take, log)] : []),
    ...(file === undefined
      ? []
      : [
          follow({
            read: async () => authoritiesOnly(file, await readAuthorities(file)),
            everyMs: READ_FILES_MS,
            onChange: (pem) => {
              clientCa = pem;
              give();
            },
            onError: (problems) => {
              log.warn({ problems }, 'the authorities of clients cannot be used, the last good ones stay');
            },
          }),
        ]),
  ];
  return {
    admits: callers.admits,
    onSecret: () => {
      callers.refresh();
      const read = source === 'Files' ? undefined : servingCertificate(secretData(secret));
      if (read?.ok) take(read.value);
    },
    missing: () => [
      ...(pair ? [] : ['no certificate yet']),
      ...(file !== undefined && clientCa === undefined ? ['no authorities of clients yet'] : []),
      ...(callers.isKnown() ? [] : ['no secret of the webhook paths yet']),
    ],
    close: () => {
      for (const one of files) one.close();
    },
  };
}

/** Follows certificate and key in files, from now on; the last good ones stay in use, and what is wrong is logged. */
export function followFiles(
  read: () => Promise<Parsed<Pair>>,
  onChange: (pair: Pair) => void,
  log: Log,
): { readonly close: () => void } {
  return followPair({
    ...{ read, fits, everyMs: READ_FILES_MS, onChange },
    onError: (problems) => {
      log.warn({ problems }, 'the certificate files cannot be used, the last good ones stay');
    },
  });
}

/** Without a certificate in it Node would trust those of its own list, which sign for anyone. */
function authoritiesOnly(file: string, read: Parsed<string>): Parsed<string> {
  if (!read.ok) return read;
  const blocks = certificatesIn(read.value);
  const isSound = blocks.length > 0 && blocks.every((block) => readCertificate(block));
  return isSound ? read : problem(file, 'holds no certificate that can be read');
}

/** The names in the certificate that we make: without one no API server would believe it. */
export function certificateHosts({ source, hosts }: Settings['certificates']): Parsed<readonly string[]> {
  if (source === 'Files' || hosts.length > 0) return parsed(hosts);
  const why =
    'is needed: names or addresses by which the API server calls, e.g. pratique-webhook.pratique.svc';
  return problem('settings: certificates.hosts', why);
}

/** What following a value takes. */
interface FollowOptions<T> {
  readonly read: () => Promise<Parsed<T>>;
  readonly everyMs: number;
  /** Called for the first value that can be used, and for each later one that differs from the one before. */
  readonly onChange: (value: T) => void;
  /** Called once for what keeps a value from being used, and again when that changes. The last good one stays in use. */
  readonly onError: (problems: readonly Problem[]) => void;
}

/**
 * Follows certificate and key that another process renews, from now on. The two files never change at the same moment: a pair
 * that does not fit, or cannot be read, is read again. After `close` no callback is called.
 */
export function followPair({
  fits: areOne,
  ...options
}: FollowOptions<Pair> & { readonly fits: (pair: Pair) => boolean }): { readonly close: () => void } {
  return follow({
    ...options,
    read: async () => {
      const read = await options.read();
      return read.ok && !areOne(read.value) ? MISFIT : read;
    },
  });
}

function follow<T>({ read: readOnce, everyMs, onChange, onError }: FollowOptions<T>): {
  readonly close: () => void;
} {
  let good: string | undefined;
  let lastTrouble = '';
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const judge = (read: Parsed<T>): void => {
    const trouble = read.ok ? '' : JSON.stringify(read.problems);
    if (!read.ok && trouble !== lastTrouble) onError(read.problems);
    lastTrouble = trouble;
    if (!read.ok) return;
    const text = JSON.stringify(read.value);
    if (text === good) return;
    good = text;
    onChange(read.value);
  };
  const look = async (): Promise<void> => {
    const read = await readOnce().catch(unread);
    if (closed) return;
    judge(read);
    timer = setTimeout(() => void look(), everyMs);
  };
  void look();
  return {
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}

const MISFIT: Parsed<never> = problem('', 'the private key is not the one of the certificate');

/** The system's code only: the text of an error may quote what was read. */
function unread(error: unknown): Parsed<never> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return problem('', `cannot be read (${code})`);
}
