import type { OpenRun, RunQuestion } from '../cli/index.ts';
import {
  createPullSecrets,
  openCluster,
  watchCollection,
  type Cluster,
} from '../clients/kubernetes/index.ts';
import { readTrustRoot } from '../clients/sigstore/index.ts';
import { policyReader } from '../controllers/policies/index.ts';
import { openRun } from '../controllers/promotions/index.ts';
import { failed, parsed, problem, type Log, type Parsed } from '../core/model/index.ts';
import { openJudging } from './judging.ts';
import { TIME, clock, logReadFailure, type ProcessContext, type Watching } from './parts.ts';
import { openPublicRoot } from './root-refresh.ts';

/** Opens one run for `pratique run`, as Jobs do: carried out by the same code as in the controller, with what this process may read. */
export async function openOneRun(
  question: RunQuestion,
  given: { readonly context: ProcessContext; readonly watching: Watching; readonly log: Log },
): Promise<Parsed<OpenRun>> {
  const { settings, holder } = question;
  const { context, watching, log } = given;
  const found = [installationOf(question), await clusterOf(question, context)] as const;
  const judging = await openJudging(settings, context, watching);
  const [installation, opened] = found;
  if (!installation.ok || !opened.ok || !judging.ok) {
    if (opened.ok) await opened.value.close();
    if (judging.ok) await judging.value.close();
    return failed([installation, opened, judging]);
  }
  const cluster = opened.value;
  const refreshed = Promise.withResolvers<undefined>();
  const root = openPublicRoot(settings, { log, clock }, () => {
    refreshed.resolve(undefined);
  });
  // A run does not last until the next refresh: there will be no newer root.
  if (!settings.trust.refresh) refreshed.resolve(undefined);
  const roots = { read: readTrustRoot, publicGood: root.current };
  const run = openRun(question, {
    ...{ cluster, holder, watchCollection, time: TIME, report: watching.report },
    pullSecrets: createPullSecrets({ cluster, clock, rememberMs: 0 }).read,
    context: {
      ...judging.value.opening(root.current),
      policies: policyReader({ cluster, installation: installation.value, roots, clock }),
    },
    rootKnown: refreshed.promise,
    onReadFailure: logReadFailure(log),
  });
  return parsed({
    execute: run.execute,
    close: async () => {
      root.close();
      await Promise.all([run.close(), judging.value.close()]);
      await cluster.close();
    },
  });
}

function installationOf({ installation, settings: { cluster } }: RunQuestion): Parsed<string> {
  const namespace = installation ?? cluster.namespace;
  if (namespace !== undefined) return parsed(namespace);
  return problem('--installation', 'is needed: the namespace in which the keys are that policies name');
}

async function clusterOf(
  { kubeconfig }: RunQuestion,
  { version, environment }: ProcessContext,
): Promise<Parsed<Cluster>> {
  if (kubeconfig === undefined && environment.KUBERNETES_SERVICE_HOST === undefined)
    return problem('--kubeconfig', 'is needed outside of a pod');
  return openCluster({ userAgent: `pratique/${version}`, kubeconfig });
}
