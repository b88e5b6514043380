import { operationsPages } from '../clients/http-server/index.ts';
import { readCertificates, readText } from '../clients/files/index.ts';
import { failed, parsed, type Parsed, type Log } from '../core/model/index.ts';
import type { Settings } from '../core/settings/index.ts';
import type { Serving } from '../cli/index.ts';
import { admitByFile } from '../controllers/certificates/index.ts';
import { operationsOf } from '../controllers/policies/index.ts';
import { standalonePorts, webhookRoutes } from '../webhook/index.ts';
import { openFolderPolicies } from './folder-policies.ts';
import { openJudging } from './judging.ts';
import { listen, readTls, urlOf } from './listening.ts';
import { openPublicRoot } from './root-refresh.ts';
import { clock, type ProcessContext } from './parts.ts';
import { createTelemetry } from './telemetry.ts';

/** Serves the webhook with policies from a folder. */
export async function serveStandalone(
  settings: Settings,
  folder: string,
  { context, log }: { readonly context: ProcessContext; readonly log: Log },
): Promise<Parsed<Serving>> {
  const telemetry = createTelemetry(log);
  const { pathSecretFile, clientCA } = settings.webhook;
  const tls = await readTls(settings.webhook);
  const clientCa = clientCA === undefined ? parsed(undefined) : await readCertificates([clientCA]);
  const admits = admitByFile(
    settings.webhook,
    pathSecretFile === undefined ? undefined : await readText(pathSecretFile),
  );
  const judging = await openJudging(settings, context, telemetry); // and proxies, by which the root is fetched
  const publicRoot = openPublicRoot(settings, { log, clock });
  const policies = await openFolderPolicies(folder, { context, log, publicRoot });
  const close = async () => {
    publicRoot.close();
    if (policies.ok) policies.value.close();
    if (judging.ok) await judging.value.close();
  };
  if (!tls.ok || !clientCa.ok || !admits.ok || !policies.ok || !judging.ok) {
    await close();
    const { problems } = failed([tls, clientCa, admits, policies, judging]);
    return { ok: false, problems: problems.map((one) => (one.path === '' ? { ...one, path: folder } : one)) };
  }
  const held = policies.value;
  const operations = operationsOf({ policies: held.current, publicRoot: publicRoot.status, clock });
  const { metrics } = telemetry;
  metrics.addGauges(operations.gauges);
  const ports = standalonePorts(held.current, judging.value, telemetry);
  const { webhook } = settings;
  const server = await listen(webhook.listen, '--listen', {
    tls: { ...tls.value, clientCa: clientCa.value },
    onError: telemetry.report,
    routes: [
      ...webhookRoutes({ validating: ports }, webhook, admits.value),
      ...operationsPages(metrics, () => ({ status: 200, body: operations.readiness() })),
    ],
  });
  if (!server.ok) {
    await close();
    return server;
  }
  const url = urlOf(webhook.listen, server.value.port);
  const count = held.current().policies.length;
  return parsed({
    url,
    summary: `${String(count)} ${count === 1 ? 'policy' : 'policies'} from ${folder}, listening on ${url}`,
    close: async () => {
      await server.value.close();
      await close();
    },
  });
}
