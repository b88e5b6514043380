// Joins settings, adapters and doors into the tools that the commands use: the only room that sees everything.
import { readBytes, readCertificates, readDocuments, readText } from '../adapters/files/index.ts';
import { createRegistry, dockerDirectory, dockerKeychain } from '../adapters/registry/index.ts';
import {
  createLog,
  createMetrics,
  explainStart,
  startServer,
  type Log,
  type Route,
} from '../adapters/server/index.ts';
import {
  createSignatureVerifier,
  publicGoodRoot,
  readTrustRoot,
  refreshPublicGoodRoot,
  verifyArtifactBundle,
} from '../adapters/sigstore/index.ts';
import { parseDigest, parsed, problem, type Parsed, type Problem } from '../core/model/index.ts';
import { parsePublicKey, type TrustRoots } from '../core/policy/index.ts';
import type { Settings } from '../core/settings/index.ts';
import { createMemory, judge, type Sources } from '../core/verification/index.ts';
import { review, validateHandler, type AdmissionPorts } from '../doors/admission/index.ts';
import type { BundleOutcome, BundleQuestion, Judging, Policies, Serving, Tools } from '../doors/cli/index.ts';
import {
  compileDocuments,
  holdPublicRoot,
  operationsOf,
  watchFolder,
  type PolicyFolder,
  type PublicRoot,
  type RootRefresh,
} from '../doors/policies/index.ts';

/** What the process gives: environment, standard input, and where log lines go. */
export interface Surroundings {
  readonly version: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly writeLog: (line: string) => void;
}

/** Milliseconds between two looks at a folder of policies: a person who edits one does not wait long. */
const FOLDER_LOOK_MS = 2_000;
/** The one clock of the process. */
const clock = () => new Date();
/** Bytes of a request that needs no body. */
const NO_BODY = 1_024;

/** Joins settings, adapters and doors: the tools that the commands use. */
export function wire(surroundings: Surroundings): Tools {
  const { version, stdin } = surroundings;
  const log = createLog(surroundings.writeLog);
  const shipped = publicGoodRoot();
  const roots: TrustRoots = { read: readTrustRoot, publicGood: () => shipped };
  const tools: Tools = {
    version,
    clock,
    readDocuments: (path) => readDocuments(path, { stdin }),
    compilePolicies: (reading) => compileDocuments(reading, { now: clock(), roots }),
    openJudge: (settings) => openJudge(settings, surroundings, log),
    review: async (body, policies, judging, budgetMs) => {
      const { status, answer } = await review(
        { body: Buffer.from(body), budgetMs },
        admissionPorts(() => policies, judging, log),
      );
      const { allowed, auditAnnotations } = answer.response;
      return { status, answer, allowed, verdict: auditAnnotations?.verdict ?? 'allow' };
    },
    verifyBundle,
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
  const ca = await readCertificates(registries.caFiles);
  if (!ca.ok) return ca;
  const verifier = createSignatureVerifier();
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
    verifySignature: (...asked) => verifier.verify(...asked),
    memory: createMemory({
      clock,
      limits: memory,
      loadSignal: () => AbortSignal.timeout(memory.loadTimeoutMs),
    }),
    clock,
    report: (error) => {
      log.error({ err: error }, 'internal error');
    },
  };
  return parsed({
    judge: (question) => judge({ ...question, unmatchedImages }, sources),
    close: async () => {
      await Promise.all([registry.close(), verifier.close()]);
    },
  });
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
  const publicRoot = holdPublicRoot(publicGoodRoot(), clock, rootRefresh(settings, log));
  const policies = await watchFolder({
    read: () => tools.readDocuments(folder),
    clock,
    roots: { read: readTrustRoot, publicGood: publicRoot.current },
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
  const close = async () => {
    publicRoot.close();
    if (policies.ok) policies.value.close();
    if (judging.ok) await judging.value.close();
  };
  if (!tls.ok || !policies.ok || !judging.ok) {
    await close();
    return { ok: false, problems: problems.map((one) => inFolder(folder, one)) };
  }
  return listen(settings, tls.value, {
    policies: policies.value,
    judging: judging.value,
    publicRoot,
    log,
    close,
  });
}

function rootRefresh({ trust }: Settings, log: Log): RootRefresh | undefined {
  if (!trust.refresh) return undefined;
  const { cache: cachePath, mirror: mirrorURL, root: rootPath, everyMs } = trust.refresh;
  return {
    fetch: () => refreshPublicGoodRoot({ cachePath, mirrorURL, ...(rootPath !== undefined && { rootPath }) }),
    everyMs,
    onOutcome: (status) => {
      if (status.lastFailure === undefined) log.info(status, 'trust root refreshed');
      else log.warn(status, 'trust root could not be refreshed, the last good one stays');
    },
  };
}

function inFolder(folder: string, { path, message }: Problem): Problem {
  return { path: path === '' ? folder : path, message };
}

interface Listening {
  readonly policies: PolicyFolder;
  readonly judging: Judging;
  readonly publicRoot: PublicRoot;
  readonly log: Log;
  readonly close: () => Promise<void>;
}

async function listen(
  { webhook }: Settings,
  tls: { readonly cert: string; readonly key: string },
  { policies, judging, publicRoot, log, close }: Listening,
): Promise<Parsed<Serving>> {
  const { host, port } = webhook.listen;
  const ports = admissionPorts(policies.current, judging, log);
  const operations = operationsOf({ policies: policies.current, publicRoot: publicRoot.status, clock });
  const metrics = createMetrics(operations.gauges);
  const page = (path: string, contentType: string, body: () => Promise<string>): Route => ({
    method: 'get',
    path,
    maxBodyBytes: NO_BODY,
    handle: async () => ({ status: 200, contentType, body: await body() }),
  });
  const routes: readonly Route[] = [
    {
      method: 'post',
      path: '/validate',
      maxBodyBytes: webhook.maxBodyBytes,
      handle: validateHandler(ports, webhook.defaultTimeoutMs),
    },
    page('/healthz', 'text/plain', () => Promise.resolve('ok\n')),
    page('/readyz', 'text/plain', () => Promise.resolve(operations.readiness())),
    page('/metrics', metrics.contentType, metrics.scrape),
  ];
  try {
    const server = await startServer({ host, port, tls, routes, onError: ports.report });
    return parsed({
      url: `https://${host.includes(':') ? `[${host}]` : host || 'localhost'}:${String(server.port)}`,
      policies: policies.current().policies.length,
      close: async () => {
        await server.close();
        await close();
      },
    });
  } catch (error) {
    await close();
    const { about, message } = explainStart(error);
    const address = `--listen ${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
    return problem(about === 'address' ? address : '--tls-cert, --tls-key', message);
  }
}

/** Verifies one bundle from files; a file that cannot be used is a problem, a signature that does not verify an answer. */
async function verifyBundle(question: BundleQuestion): Promise<Parsed<BundleOutcome>> {
  const { artifact, identity } = question;
  const digest = parseDigest(artifact);
  const [bundle, content, key, root] = await Promise.all([
    readBytes(question.bundle),
    digest ? parsed(new Uint8Array()) : readBytes(artifact),
    readWith(parsePublicKey, question.key),
    readWith(readTrustRoot, question.trustedRoot),
  ]);
  if (!bundle.ok || !content.ok || !key.ok || !root.ok) {
    return {
      ok: false,
      problems: [bundle, content, key, root].flatMap((one) => (one.ok ? [] : one.problems)),
    };
  }
  return parsed(
    verifyArtifactBundle({
      bundle: bundle.value,
      artifact: digest ? { digest } : { bytes: content.value },
      root: root.value ?? publicGoodRoot(),
      ...(key.value && { key: key.value }),
      ...(identity && { identity }),
    }),
  );
}

/** Reads a file and what is in it; nothing for no file, problems name the file. */
async function readWith<T>(
  parse: (text: string) => Parsed<T>,
  file: string | undefined,
): Promise<Parsed<T | undefined>> {
  if (file === undefined) return parsed(undefined);
  const text = await readText(file);
  if (!text.ok) return text;
  const read = parse(text.value);
  if (read.ok) return read;
  const problems = read.problems.map(({ path, message }) => ({
    path: `${file}${path && `: ${path}`}`,
    message,
  }));
  return { ok: false, problems };
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
