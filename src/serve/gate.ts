import { randomBytes } from 'node:crypto';
import type { Serving } from '../cli/index.ts';
import { readDocuments, readText } from '../clients/files/index.ts';
import { createTokenVerifier } from '../clients/oidc/index.ts';
import { pullSecretLogins } from '../clients/registry/index.ts';
import { readTrustRoot } from '../clients/sigstore/index.ts';
import { watchFolder } from '../controllers/policies/index.ts';
import { failed, parsed, problem, type Log, type Parsed } from '../core/model/index.ts';
import type { Settings } from '../core/settings/index.ts';
import { compileUpstreams, createGate, createTokens } from '../gate/index.ts';
import { openJudging } from './judging.ts';
import { listen, readTls, urlOf } from './listening.ts';
import { clock, FOLDER_LOOK_MS, type OpenJudging, type ProcessContext } from './parts.ts';
import { openPublicRoot } from './root-refresh.ts';
import { createTelemetry } from './telemetry.ts';

type GateSettings = NonNullable<Settings['gate']>;

/** Serves the gate with policies from a folder. */
export async function serveGate(
  settings: Settings,
  folder: string,
  { context, log }: { readonly context: ProcessContext; readonly log: Log },
): Promise<Parsed<Serving>> {
  const { gate } = settings;
  if (!gate) return problem('gate', 'is needed in the settings: where images are pulled from');
  const telemetry = createTelemetry(log);
  const publicRoot = openPublicRoot(settings, { log, clock });
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
  const judging = await openJudging(settings, context, telemetry);
  const close = async () => {
    publicRoot.close();
    if (policies.ok) policies.value.close();
    if (judging.ok) await judging.value.close();
  };
  if (!policies.ok || !judging.ok) {
    await close();
    return failed([policies, judging]);
  }
  const { current } = policies.value;
  const opened = await openGate(settings, gate, {
    judging: judging.value,
    log,
    policies: () => current().policies,
    namespaceLabels: current().namespaceLabels,
    ...telemetry,
  });
  if (!opened.ok) {
    await close();
    return opened;
  }
  const { url, close: closeServer } = opened.value;
  return parsed({
    url,
    summary: `gate with ${String(current().policies.length)} policies from ${folder}, listening on ${url}`,
    close: async () => {
      await closeServer();
      await close();
    },
  });
}

type Ports = Parameters<typeof createGate>[0];

/** Listens, over https where there is a certificate. */
async function openGate(
  settings: Settings,
  gate: GateSettings,
  {
    judging,
    log,
    ...ports
  }: Pick<Ports, 'policies' | 'namespaceLabels' | 'onPull' | 'report'> & {
    readonly judging: OpenJudging;
    readonly log: Log;
  },
): Promise<Parsed<{ readonly url: string; readonly close: () => Promise<void> }>> {
  const { callers, tokenSecretFile } = gate;
  const isPlain = gate.tlsCert === undefined && gate.tlsKey === undefined;
  const tls = isPlain ? parsed(undefined) : await readTls(gate);
  const secret = tokenSecretFile === undefined ? parsed(undefined) : await readText(tokenSecretFile);
  const upstreams = await readUpstreams(gate);
  const compiled = upstreams.ok
    ? compileUpstreams(upstreams.value, { registry: judging.registry, clock })
    : upstreams;
  if (!tls.ok || !secret.ok || !compiled.ok) return failed([tls, secret, compiled]);
  const scheme = isPlain ? 'http' : 'https';
  const verifyToken = createTokenVerifier({ clock, reach: settings.registries });
  const { listen: at, drainMs } = gate;
  const answer = createGate({
    ...{ ...ports, clock, judge: judging.judge, upstreams: compiled.value, rules: gate, scheme },
    publicUrl: gate.publicUrl,
    callers: { ...callers, issuers: callers.oidc, verifyToken },
    tokens: createTokens(secret.value === undefined ? randomBytes(32) : Buffer.from(secret.value), clock),
  });
  const server = await listen(at, 'gate.listen', {
    ...(tls.value && { tls: tls.value }),
    ...{ routes: [], drainMs, onError: ports.report, log },
    streaming: {
      answer,
      onCut: (error) => {
        log.warn({ err: error }, 'a download was cut');
      },
    },
  });
  if (!server.ok) return server;
  return parsed({ url: urlOf(at, server.value.port, scheme), close: server.value.close });
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
