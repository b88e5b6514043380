import { randomBytes } from 'node:crypto';
import type { Serving } from '../cli/index.ts';
import { openBlobCache, readText } from '../clients/files/index.ts';
import { blockList, isListed } from '../clients/http/index.ts';
import { operationsPages, readinessPage } from '../clients/http-server/index.ts';
import { openCluster, watchCollection } from '../clients/kubernetes/index.ts';
import { createTokenVerifier } from '../clients/oidc/index.ts';
import { pullSecretLogins } from '../clients/registry/index.ts';
import { readTrustRoot } from '../clients/sigstore/index.ts';
import { followFiles } from '../controllers/certificates/index.ts';
import { keepPolicies, type PublicRoot } from '../controllers/policies/index.ts';
import { failed, parsed, problem, type Log, type Parsed } from '../core/model/index.ts';
import type { Settings } from '../core/settings/index.ts';
import { openMissing, openUpstreams, createGate, createTokens, tokenReviewer } from '../gate/index.ts';
import { openFolderPolicies } from './folder-policies.ts';
import { openJudging } from './judging.ts';
import { listen, readTls, urlOf } from './listening.ts';
import {
  answerParser,
  clock,
  logReadFailure,
  namespaceOf,
  type OpenJudging,
  type Telemetry,
} from './parts.ts';
import type { ProcessContext } from './parts.ts';
import { openPublicRoot } from './root-refresh.ts';
import { createTelemetry } from './telemetry.ts';

type GateSettings = NonNullable<Settings['gate']>;
type Options = Parameters<typeof createGate>[0];

/** What the gate judges by, from a folder or from a cluster. */
interface Rules extends Pick<Options, 'policies' | 'namespaceLabels' | 'onMissing'> {
  readonly reviewToken?: Options['callers']['reviewToken'];
  /** What is not read yet. */
  readonly waitingFor: () => readonly string[];
  readonly close: () => Promise<void> | void;
}

/** What opening the rules takes. */
interface Opening {
  readonly settings: Settings;
  readonly context: ProcessContext;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly publicRoot: PublicRoot;
  readonly parseElsewhere: OpenJudging['parseElsewhere'];
}

/** Serves the gate with policies from a folder, or without one from the cluster of the settings. */
export async function serveGate(
  settings: Settings,
  folder: string | undefined,
  { context, log }: Pick<Opening, 'context' | 'log'>,
): Promise<Parsed<Serving>> {
  const { gate } = settings;
  if (!gate) return problem('gate', 'is needed in the settings: where images are pulled from');
  const telemetry = createTelemetry(log);
  const limits = { transfersPerHost: gate.downloadsPerHost };
  // First: it opens the proxies by which the root is fetched.
  const judging = await openJudging(settings, context, telemetry, limits);
  const publicRoot = openPublicRoot(settings, { log, clock });
  const opening = { settings, context, log, telemetry, publicRoot, parseElsewhere: answerParser(judging) };
  const rules = await (folder === undefined ? rulesOfCluster(opening) : rulesOfFolder(folder, opening));
  const close = async () => {
    publicRoot.close();
    if (rules.ok) await rules.value.close();
    if (judging.ok) await judging.value.close();
  };
  const answer =
    rules.ok && judging.ok
      ? await openAnswer(gate, opening, rules.value, judging.value)
      : failed([rules, judging]);
  const opened =
    rules.ok && answer.ok
      ? await openServers(gate, opening, rules.value.waitingFor, answer.value)
      : failed([answer]);
  if (!opened.ok) {
    await close();
    return opened;
  }
  const { url, close: closeServers } = opened.value;
  return parsed({
    url,
    summary: `gate with the policies of ${folder ?? 'the cluster'}, listening on ${url}`,
    close: async () => {
      await closeServers();
      await close();
    },
  });
}

async function rulesOfFolder(folder: string, opening: Opening): Promise<Parsed<Rules>> {
  const policies = await openFolderPolicies(folder, opening);
  if (!policies.ok) return policies;
  const { current, close } = policies.value;
  return parsed({
    policies: () => current().policies,
    namespaceLabels: (namespace) => Promise.resolve(current().namespaceLabels(namespace)),
    waitingFor: () => [],
    close,
  });
}

async function rulesOfCluster({
  settings,
  context,
  log,
  telemetry,
  publicRoot,
  parseElsewhere,
}: Opening): Promise<Parsed<Rules>> {
  const { kubeconfig } = settings.cluster;
  const userAgent = `pratique-gate/${context.version}`;
  const [cluster, namespace] = await Promise.all([
    openCluster({ userAgent, onRequest: telemetry.onApiRequest, kubeconfig, parseElsewhere }),
    namespaceOf(settings),
  ]);
  if (!cluster.ok || !namespace.ok) return failed([cluster, namespace]);
  const nothing = () => undefined;
  const { store, caches, namespaceLabels, close } = keepPolicies({
    ...{ cluster: cluster.value, watchCollection, namespace: namespace.value, clock },
    roots: { read: readTrustRoot, publicGood: publicRoot.current },
    ...{ onPolicies: nothing, onSecret: nothing, onNamespace: nothing, report: telemetry.report },
    onError: logReadFailure(log),
  });
  return parsed({
    policies: store.current,
    namespaceLabels,
    reviewToken: settings.gate?.callers.serviceAccounts ? tokenReviewer(cluster.value) : undefined,
    onMissing: openMissing(settings.gate?.onMissing, {
      ...{ cluster: cluster.value, namespace: namespace.value, clock, onError: logReadFailure(log) },
    }),
    waitingFor: caches.waitingFor,
    close: async () => {
      await close();
      await cluster.value.close();
    },
  });
}

type Answer = ReturnType<typeof createGate>;

/** Makes what answers pulls. Problems are those of files that the settings name. */
async function openAnswer(
  gate: GateSettings,
  { settings, telemetry, log }: Opening,
  rules: Rules,
  judging: OpenJudging,
): Promise<Parsed<Answer>> {
  const { callers, tokenSecretFile, publicUrl } = gate;
  const secret = tokenSecretFile === undefined ? parsed(undefined) : await readText(tokenSecretFile);
  const upstreams = await openUpstreams(gate, { ...judging, clock, readText, pullSecretLogins });
  const store = await openBlobCache(gate.cache, { clock, log });
  if (!secret.ok || !upstreams.ok || !store.ok) return failed([secret, upstreams, store]);
  const key = secret.value === undefined ? randomBytes(32) : Buffer.from(secret.value);
  const tokens = createTokens(key, clock);
  const proxies = blockList(gate.trustedProxies);
  const verifyToken = createTokenVerifier({
    clock,
    reach: { ...settings.registries, proxies: judging.proxies },
  });
  return parsed(
    createGate({
      ...{ ...rules, clock, judge: judging.judge, upstreams: upstreams.value, rules: gate, tokens },
      ...{ onPull: telemetry.onPull, report: telemetry.report, store: store.value },
      isProxy: (address) => isListed(proxies, address),
      isReady: () => rules.waitingFor().length === 0,
      publicUrl: publicUrl ?? (isPlain(gate) ? 'http' : 'https'),
      callers: { ...callers, issuers: callers.oidc, verifyToken, reviewToken: rules.reviewToken },
    }),
  );
}

function isPlain({ tlsCert, tlsKey }: GateSettings): boolean {
  return tlsCert === undefined && tlsKey === undefined;
}

/** Listens, over https where there is a certificate; probes and metrics have a port of their own. */
async function openServers(
  gate: GateSettings,
  { settings, log, telemetry }: Opening,
  waitingFor: Rules['waitingFor'],
  answer: Answer,
): Promise<Parsed<Pick<Serving, 'url' | 'close'>>> {
  const tls = isPlain(gate) ? parsed(undefined) : await readTls(gate);
  if (!tls.ok) return tls;
  const pages = operationsPages(telemetry.metrics, () => readinessPage(waitingFor()));
  const common = { onError: telemetry.report, log };
  const { listen: operations } = settings.operations;
  const probes = operations && (await listen(operations, 'operations.listen', { ...common, routes: pages }));
  if (probes?.ok === false) return probes;
  const onCut = (error: unknown) => {
    log.warn({ err: error }, 'a download was cut');
  };
  const server = await listen(gate.listen, 'gate.listen', {
    ...{ ...common, routes: [], drainMs: gate.drainMs, streaming: { answer, onCut } },
    ...(tls.value && { tls: tls.value }),
  });
  if (!server.ok) return server;
  const { port, setTls, close } = server.value;
  const files = isPlain(gate) ? undefined : followFiles(() => readTls(gate), setTls, log);
  return parsed({
    url: urlOf(gate.listen, port, isPlain(gate) ? 'http' : 'https'),
    close: async () => {
      files?.close();
      await close();
      if (probes?.ok) await probes.value.close();
    },
  });
}
