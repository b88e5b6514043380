import { join } from 'node:path';
import { readDocuments, readText } from './adapters/files/index.ts';
import { createRegistry, dockerKeychain } from './adapters/registry/index.ts';
import { createLog, explainStart, startServer, type Log, type Route } from './adapters/server/index.ts';
import { verifySignature } from './adapters/sigstore/index.ts';
import { parsed, problem, type Parsed, type Problem } from './core/model/index.ts';
import type { Settings } from './core/settings/index.ts';
import { createMemory, judge, type Sources } from './core/verification/index.ts';
import { review, validateHandler, type AdmissionPorts } from './doors/admission/index.ts';
import type { Judging, Policies, Serving, Tools } from './doors/cli/index.ts';
import { compileDocuments, watchFolder, type PolicyFolder } from './doors/policies/index.ts';

/** What the process gives: environment, standard input, and where log lines go. */
export interface Surroundings {
  readonly version: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly writeLog: (line: string) => void;
}

/** Milliseconds between two looks at a folder of policies: a person who edits one does not wait long. */
const FOLDER_LOOK_MS = 2_000;
/** Bytes of a request that needs no body. */
const NO_BODY = 1_024;

/** Joins settings, adapters and doors: the tools that the commands use. */
export function wire(surroundings: Surroundings): Tools {
  const { version, stdin } = surroundings;
  const clock = () => new Date();
  const log = createLog(surroundings.writeLog);
  const tools: Tools = {
    version,
    clock,
    readDocuments: (path) => readDocuments(path, { stdin }),
    compilePolicies: (reading) => compileDocuments(reading, clock()),
    openJudge: (settings) => openJudge(settings, surroundings, log),
    review: async (body, policies, judging, budgetMs) => {
      const { status, answer } = await review(
        { body: Buffer.from(body), budgetMs },
        admissionPorts(() => policies, judging, log),
      );
      const { allowed, auditAnnotations } = answer.response;
      return { status, answer, allowed, verdict: auditAnnotations?.verdict ?? 'allow' };
    },
    serve: (settings, folder) => serve(settings, folder, { tools, log }),
  };
  return tools;
}

async function openJudge(
  settings: Settings,
  { version, environment }: Surroundings,
  log: Log,
): Promise<Parsed<Judging>> {
  const { registries, memory, unmatchedImages } = settings;
  const ca = await readAuthorities(registries.caFiles);
  if (!ca.ok) return ca;
  const clock = () => new Date();
  const registry = createRegistry({
    keychain: dockerKeychain({
      directory: dockerDirectory(environment),
      environment,
    }),
    insecureHosts: registries.insecure,
    ...(ca.value !== '' && { ca: ca.value }),
    concurrencyPerHost: registries.concurrencyPerHost,
    requestTimeoutMs: registries.requestTimeoutMs,
    userAgent: `pratique/${version}`,
    now: clock,
  });
  const sources: Sources = {
    registry,
    verifySignature,
    memory: createMemory(clock, memory, () => AbortSignal.timeout(memory.loadTimeoutMs)),
    clock,
    report: (error) => {
      log.error({ err: error }, 'internal error');
    },
  };
  return parsed({
    judge: (question) => judge({ ...question, unmatchedImages }, sources),
    close: () => registry.close(),
  });
}

/** Where the Docker config lies; an empty variable is no variable, as for Docker itself. */
function dockerDirectory({ DOCKER_CONFIG = '', HOME = '' }: Surroundings['environment']): string {
  return DOCKER_CONFIG === '' ? join(HOME === '' ? '/' : HOME, '.docker') : DOCKER_CONFIG;
}

async function readAuthorities(files: readonly string[]): Promise<Parsed<string>> {
  const texts = await Promise.all(files.map(readText));
  const problems = texts.flatMap((text, index): readonly Problem[] => {
    if (!text.ok) return text.problems;
    const holdsOne = text.value.includes('-----BEGIN CERTIFICATE-----');
    return holdsOne ? [] : [{ path: files[index] ?? '', message: 'holds no PEM certificate' }];
  });
  if (problems.length > 0) return { ok: false, problems };
  return parsed(texts.map((text) => (text.ok ? text.value : '')).join('\n'));
}

function admissionPorts(policies: () => Policies, judging: Judging, log: Log): AdmissionPorts {
  return {
    judge: judging.judge,
    policies: () => policies().policies,
    namespaceLabels: (namespace) => policies().namespaceLabels(namespace),
    onDecision: (decision) => {
      log.info(decision, 'decided');
    },
    report: (error) => {
      log.error({ err: error }, 'internal error');
    },
  };
}

interface Joined {
  readonly tools: Tools;
  readonly log: Log;
}

async function serve(settings: Settings, folder: string, { tools, log }: Joined): Promise<Parsed<Serving>> {
  const tls = await readTls(settings.webhook);
  const policies = await watchFolder({
    read: () => tools.readDocuments(folder),
    clock: tools.clock,
    everyMs: FOLDER_LOOK_MS,
    onChange: (outcome) => {
      if (outcome.ok) log.info({ policies: outcome.value.policies.length }, 'policies changed');
      else
        log.error(
          { problems: outcome.problems },
          'policies do not compile, the last good ones stay in force',
        );
    },
  });
  const judging = await tools.openJudge(settings);
  const problems = [tls, policies, judging].flatMap((one) => (one.ok ? [] : one.problems));
  if (!tls.ok || !policies.ok || !judging.ok) {
    if (policies.ok) policies.value.close();
    if (judging.ok) await judging.value.close();
    return { ok: false, problems: problems.map((one) => inFolder(folder, one)) };
  }
  return listen(settings, tls.value, { folder: policies.value, judging: judging.value, log });
}

function inFolder(folder: string, { path, message }: Problem): Problem {
  return { path: path === '' ? folder : path, message };
}

async function listen(
  { webhook }: Settings,
  tls: { readonly cert: string; readonly key: string },
  { folder, judging, log }: { readonly folder: PolicyFolder; readonly judging: Judging; readonly log: Log },
): Promise<Parsed<Serving>> {
  const { host, port } = webhook.listen;
  const ports = admissionPorts(folder.current, judging, log);
  const routes: readonly Route[] = [
    {
      method: 'post',
      path: '/validate',
      maxBodyBytes: webhook.maxBodyBytes,
      handle: validateHandler(ports, webhook.defaultTimeoutMs),
    },
    ...['/healthz', '/readyz'].map((path): Route => {
      const answer = { status: 200, contentType: 'text/plain', body: 'ok\n' };
      return { method: 'get', path, maxBodyBytes: NO_BODY, handle: () => Promise.resolve(answer) };
    }),
  ];
  try {
    const server = await startServer({ host, port, tls, routes, onError: ports.report });
    return parsed({
      url: `https://${host.includes(':') ? `[${host}]` : host || 'localhost'}:${String(server.port)}`,
      policies: folder.current().policies.length,
      close: async () => {
        folder.close();
        await server.close();
        await judging.close();
      },
    });
  } catch (error) {
    folder.close();
    await judging.close();
    const { about, message } = explainStart(error);
    const address = `--listen ${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
    return problem(about === 'address' ? address : '--tls-cert, --tls-key', message);
  }
}

async function readTls({
  tlsCert,
  tlsKey,
}: Settings['webhook']): Promise<Parsed<{ readonly cert: string; readonly key: string }>> {
  if (tlsCert === undefined || tlsKey === undefined) {
    const missing = [
      ...(tlsCert === undefined ? ['--tls-cert'] : []),
      ...(tlsKey === undefined ? ['--tls-key'] : []),
    ];
    const why = `${missing.length > 1 ? 'are' : 'is'} needed: the API server calls webhooks over HTTPS only`;
    return problem(missing.join(', '), why);
  }
  const [cert, key] = await Promise.all([readText(tlsCert), readText(tlsKey)]);
  if (cert.ok && key.ok) return parsed({ cert: cert.value, key: key.value });
  return { ok: false, problems: [...(cert.ok ? [] : cert.problems), ...(key.ok ? [] : key.problems)] };
}
