import { randomUUID } from 'node:crypto';
import { openCluster, type Cluster, watchCollection } from '../clients/kubernetes/index.ts';
import { readTrustRoot } from '../clients/sigstore/index.ts';
import {
  parsed,
  problem,
  type Parsed,
  errorFields,
  type Log,
  Fault,
  textOf,
  objectOf,
  failed,
} from '../core/model/index.ts';
import type { OpenRun, OpenRunTool, RunQuestion } from '../cli/index.ts';
import type { PublicRoot } from '../controllers/policies/index.ts';
import {
  createRunLeases,
  executeWhenFree,
  type Executions,
  type RunnerPorts,
  createRunStore,
  type ApprovalObject,
  approvalObject,
} from '../controllers/promotions/index.ts';
import { openJudging, type OpenJudging, type Watching } from './judging.ts';
import { createExecutions } from './promotion-opening.ts';
import { openPublicRoot } from './root-refresh.ts';
import { policyReader } from './run-policies.ts';
import type { ProcessContext } from './process-context.ts';
import { TIME } from './time.ts';
import { RESOURCES } from '../core/workload/index.ts';

/** What runs are opened with. */
export interface RunTooling {
  readonly context: ProcessContext;
  readonly watching: Watching;
  readonly log: Log;
}

/** Opens one run for `pratique run`, as Jobs do: carried out by the same code as in the controller, with what this process may read. */
export function runTool(tooling: RunTooling): OpenRunTool {
  return async (question) => {
    const { settings } = question;
    const installation = installationOf(question);
    const cluster = await clusterOf(question, tooling.context);
    const judging = await openJudging(settings, tooling.context, tooling.watching);
    if (!installation.ok || !cluster.ok || !judging.ok) {
      if (cluster.ok) await cluster.value.close();
      if (judging.ok) await judging.value.close();
      return failed([installation, cluster, judging]);
    }
    const parts = { cluster: cluster.value, judging: judging.value, installation: installation.value };
    return parsed(openRun(question, { ...tooling, ...parts }));
  };
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
  return openCluster({ userAgent: `pratique/${version}`, ...(kubeconfig !== undefined && { kubeconfig }) });
}

interface RunParts extends RunTooling {
  readonly cluster: Cluster;
  readonly judging: OpenJudging;
  readonly installation: string;
}

function openRun(question: RunQuestion, parts: RunParts): OpenRun {
  const { cluster, judging, log, watching } = parts;
  const { namespace, name, holder } = question;
  const root = openRoot(question, log);
  const approvals = openRunApprovals(cluster, namespace, (error) => {
    log.warn(
      { what: 'approvals', ...errorFields(error) },
      'reading from the API server failed, it is tried again',
    );
  });
  const ports: RunnerPorts = {
    ...TIME,
    identity: `${holder}/${randomUUID()}`,
    runs: createRunStore(cluster),
    executions: executionsOf(question, { ...parts, root, approvals }),
    approvals: approvals.of,
    report: watching.report,
  };
  return {
    execute: async (signal) => {
      // Without them it would look as if nobody had decided anything.
      await settledOr(signal, approvals.settled);
      return executeWhenFree({ namespace, name }, { ports, claims: createRunLeases(ports) }, signal);
    },
    close: async () => {
      root.close();
      await Promise.all([approvals.close(), judging.close()]);
      await cluster.close();
    },
  };
}

interface RunRoot extends Pick<PublicRoot, 'current' | 'close'> {
  /** Resolves when there will soon be no newer one: a run does not last until the next look. */
  readonly looked: Promise<void>;
}

function openRoot({ settings }: RunQuestion, log: Log): RunRoot {
  const looked = Promise.withResolvers<undefined>();
  const root = openPublicRoot(settings, log, () => {
    looked.resolve(undefined);
  });
  if (!settings.trust.refresh) looked.resolve(undefined);
  return { current: root.current, close: root.close, looked: looked.promise };
}

function executionsOf(
  { settings }: RunQuestion,
  parts: RunParts & { readonly root: RunRoot; readonly approvals: RunApprovals },
): Executions {
  const { cluster, judging, installation, context: context, watching, root, approvals } = parts;
  const roots = { read: readTrustRoot, publicGood: root.current };
  const executions = createExecutions(cluster, {
    settings,
    context: context,
    judging,
    registryOptions: judging.registryOptions,
    policies: policyReader({ cluster, installation, roots }),
    roots,
    report: watching.report,
  });
  return {
    check: executions.check,
    open: async (subject, signal) => {
      const denied = approvals.denied();
      // Told here, where it becomes the reason why the run failed.
      if (denied) throw denied;
      await settledOr(signal, root.looked);
      return executions.open(subject, signal);
    },
  };
}

async function settledOr(signal: AbortSignal, settled: Promise<void>): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const stop = (): void => {
    resolve(undefined);
  };
  signal.addEventListener('abort', stop, { once: true });
  await Promise.race([settled, promise]);
  signal.removeEventListener('abort', stop);
}

/** The approvals of one namespace, while a run of it is carried out. */
interface RunApprovals {
  readonly of: RunnerPorts['approvals'];
  /** Resolves when they were read, or when it is sure that they may not be. */
  readonly settled: Promise<void>;
  /** Why they cannot be read; that will not pass by itself. */
  readonly denied: () => Fault | undefined;
  readonly close: () => Promise<void>;
}

/** Begins to read the approvals of a namespace; what may pass is told and tried again. */
function openRunApprovals(
  cluster: Pick<Cluster, 'list' | 'watch'>,
  namespace: string,
  onError: (error: unknown) => void,
): RunApprovals {
  const settled = Promise.withResolvers<undefined>();
  let denied: Fault | undefined;
  const approvals = watchCollection<ApprovalObject>({
    cluster,
    collection: { resource: RESOURCES.promotionApprovals, namespace },
    select: approvalObject,
    onError: (error) => {
      onError(error);
      if (!(error instanceof Fault) || error.transient) return;
      denied = error;
      settled.resolve(undefined);
    },
  });
  const settle = (): void => {
    settled.resolve(undefined);
  };
  approvals.synced.then(settle, settle);
  return {
    of: ({ name }) => [...approvals.values()].filter(({ spec }) => textOf(objectOf(spec).runName) === name),
    settled: settled.promise,
    denied: () => (approvals.hasSynced() ? undefined : denied),
    close: () => approvals.close(),
  };
}
