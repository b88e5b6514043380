import { randomBytes } from 'node:crypto';
import type { Serving } from '../cli/index.ts';
import { readDocuments, readText } from '../clients/files/index.ts';
import { operationsPages } from '../clients/http-server/index.ts';
import { openCluster, watchCollection } from '../clients/kubernetes/index.ts';
import { createTokenVerifier } from '../clients/oidc/index.ts';
import { pullSecretLogins } from '../clients/registry/index.ts';
import { readTrustRoot } from '../clients/sigstore/index.ts';
import { keepPolicies, watchFolder, type PublicRoot } from '../controllers/policies/index.ts';
import { failed, parsed, problem, type Log, type Parsed } from '../core/model/index.ts';
import type { Settings } from '../core/settings/index.ts';
import { compileUpstreams, createGate, createTokens, tokenReviewer } from '../gate/index.ts';
import { namespaceOf } from './in-cluster.ts';
import { openJudging } from './judging.ts';
import { listen, readTls, urlOf } from './listening.ts';
import { clock, FOLDER_LOOK_MS, logReadFailure, type OpenJudging, type Telemetry } from './parts.ts';
import type { ProcessContext } from './parts.ts';
import { openPublicRoot } from './root-refresh.ts';
import { createTelemetry } from './telemetry.ts';

type GateSettings = NonNullable<Settings['gate']>;
type Options = Parameters<typeof createGate>[0];

/** What the gate judges by, from a folder or from a cluster. */
interface Rules extends Pick<Options, 'policies' | 'namespaceLabels'> {
  readonly reviewToken?: Options['callers']['reviewToken'];
  /** What is not read yet. */
  readonly waitingFor: () => readonly string[];
  readonly close: () => Promise<void>;
}

/** What opening the rules takes. */
interface Opening {
  readonly settings: Settings;
  readonly context: ProcessContext;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly publicRoot: PublicRoot;
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
  const publicRoot = openPublicRoot(settings, { log, clock });
  const opening = { settings, context, log, telemetry, publicRoot };
  const [rules, judging] = await Promise.all([
    folder === undefined ? rulesOfCluster(opening) : rulesOfFolder(folder, opening),
    openJudging(settings, context, telemetry, { transfersPerHost: gate.downloadsPerHost }),
  ]);
  const close = async () => {
    publicRoot.close();
    if (rules.ok) await rules.value.close();
    if (judging.ok) await judging.value.close();
  };
  const opened =
    rules.ok && judging.ok
      ? await openServers(gate, opening, rules.value, judging.value)
      : failed([rules, judging]);
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

async function rulesOfFolder(folder: string, { context, log, publicRoot }: Opening): Promise<Parsed<Rules>> {
  const policies = await watchFolder({
    read: () => readDocuments(folder, { stdin: context.stdin }),
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
  if (!policies.ok) return policies;
  const { current, close } = policies.value;
  return parsed({
    policies: () => current().policies,
    namespaceLabels: (namespace) => Promise.resolve(current().namespaceLabels(namespace)),
    waitingFor: () => [],
    close: () => {
      close();
      return Promise.resolve();
    },
  });
}

async function rulesOfCluster({
  settings,
  context,
  log,
  telemetry,
  publicRoot,
}: Opening): Promise<Parsed<Rules>> {
  const { kubeconfig } = settings.cluster;
  const userAgent = `pratique-gate/${context.version}`;
  const [cluster, namespace] = await Promise.all([
    openCluster({ userAgent, onRequest: telemetry.onApiRequest, kubeconfig }),
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
    waitingFor: caches.waitingFor,
    close: async () => {
      await close();
      await cluster.value.close();
    },
  });
}

/** Listens, over https where there is a certificate; probes and metrics have a port of their own. */
async function openServers(
  gate: GateSettings,
  { settings, log, telemetry }: Opening,
  rules: Rules,
  judging: OpenJudging,
): Promise<Parsed<Pick<Serving, 'url' | 'close'>>> {
  const { callers, tokenSecretFile, listen: at, drainMs, publicUrl } = gate;
  const isPlain = gate.tlsCert === undefined && gate.tlsKey === undefined;
  const tls = isPlain ? parsed(undefined) : await readTls(gate);
  const secret = tokenSecretFile === undefined ? parsed(undefined) : await readText(tokenSecretFile);
  const written = await readUpstreams(gate);
  const upstreams = written.ok ? compileUpstreams(written.value, { ...judging, clock }) : written;
  if (!tls.ok || !secret.ok || !upstreams.ok) return failed([tls, secret, upstreams]);
  const scheme = isPlain ? 'http' : 'https';
  const answer = createGate({
    ...{ ...rules, clock, judge: judging.judge, upstreams: upstreams.value, rules: gate, scheme, publicUrl },
    ...{ onPull: telemetry.onPull, report: telemetry.report },
    callers: {
      ...callers,
      issuers: callers.oidc,
      verifyToken: createTokenVerifier({ clock, reach: settings.registries }),
      reviewToken: rules.reviewToken,
    },
    tokens: createTokens(secret.value === undefined ? randomBytes(32) : Buffer.from(secret.value), clock),
  });
  const missing = rules.waitingFor;
  const pages = operationsPages(telemetry.metrics, () => {
    const status = missing().length === 0 ? 200 : 503;
    return { status, body: [status === 200 ? 'ok' : 'not ready', ...missing(), ''].join('\n') };
  });
  const common = { onError: telemetry.report, log };
  const { listen: operations } = settings.operations;
  const probes = operations && (await listen(operations, 'operations.listen', { ...common, routes: pages }));
  if (probes?.ok === false) return probes;
  const server = await listen(at, 'gate.listen', {
    ...{ ...common, routes: [], drainMs },
    ...(tls.value && { tls: tls.value }),
    streaming: {
      answer,
      onCut: (error) => {
        log.warn({ err: error }, 'a download was cut');
      },
    },
  });
  if (!server.ok) return server;
  return parsed({
    url: urlOf(at, server.value.port, scheme),
    close: async () => {
      await server.value.close();
      if (probes?.ok) await probes.value.close();
    },
  });
}

/** The upstreams of the settings with the logins of their files. */
async function readUpstreams({
  upstreams,
}: GateSettings): Promise<Parsed<Parameters<typeof compileUpstreams>[0]>> {
  const read = await Promise.all(
    upstreams.map(async ({ loginFile, ...upstream }) => {
      if (loginFile === undefined) return parsed(upstream);
      const text = await readText(loginFile);
      if (!text.ok) return text;
      const logins = pullSecretLogins([{ source: loginFile, text: text.value }]);
      return logins.unreadable.length > 0
        ? problem(loginFile, 'holds no valid Docker config')
        : parsed({ ...upstream, logins });
    }),
  );
  const wrong = failed(read);
  return wrong.problems.length > 0 ? wrong : parsed(read.flatMap((one) => (one.ok ? [one.value] : [])));
}
