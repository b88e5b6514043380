// Builds the tools that the commands use, from settings and clients: the only room that imports every other.
import { approvingPorts, openPromotions, verifyBundle, type DoctorPorts, type Tools } from '../cli/index.ts';
import { readBytes, readDocuments, readText } from '../clients/files/index.ts';
import { createLog } from '../clients/http-server/index.ts';
import { openCluster, usualKubeconfig, type Cluster } from '../clients/kubernetes/index.ts';
import { publicGoodRoot, readTrustRoot, verifyArtifactBundle } from '../clients/sigstore/index.ts';
import { compileDocuments } from '../controllers/policies/index.ts';
import { runObject } from '../controllers/promotions/index.ts';
import { tryCanariesOn } from '../controllers/self-test/index.ts';
import { parsed, type Parsed } from '../core/model/index.ts';
import { imagePolicyCrd, type TrustRoots } from '../core/policy/index.ts';
import { promotionCrds } from '../core/promotion/index.ts';
import { review, standalonePorts } from '../webhook/index.ts';
import { serveGate } from './gate.ts';
import { serveInCluster } from './in-cluster.ts';
import { openJudging } from './judging.ts';
import { openOneRun } from './one-run.ts';
import { clock, type ProcessContext, type Watching } from './parts.ts';
import { serveStandalone } from './standalone.ts';

export type { ProcessContext } from './parts.ts';

/** Builds the tools that the commands use. */
export function createTools(context: ProcessContext): Tools {
  const { version, stdin, environment } = context;
  const log = createLog(context.writeLog);
  const shipped = publicGoodRoot();
  const roots: TrustRoots = { read: readTrustRoot, publicGood: () => shipped };
  const unwatched: Watching = {
    onRequest: () => undefined,
    onLookup: () => undefined,
    report: (error) => {
      log.error({ err: error }, 'internal error');
    },
  };
  /** As kubectl would reach the cluster, or as the pod that this is. */
  const openUsual = (kubeconfig: string | undefined): Promise<Parsed<Cluster>> =>
    openCluster({ userAgent: `pratique/${version}`, kubeconfig: kubeconfig ?? usualKubeconfig(environment) });
  return {
    version,
    clock,
    readDocuments: (path) => readDocuments(path, { stdin }),
    compilePolicies: (reading) => compileDocuments(reading, { now: clock(), roots }),
    openJudge: (settings) => openJudging(settings, context, unwatched),
    review: async (body, policies, judging, budgetMs) => {
      const onDecision = (decision: object) => {
        log.info(decision, 'decided');
      };
      const { status, answer, verdict } = await review(
        { body: Buffer.from(body), budgetMs },
        standalonePorts(() => policies, judging, { onDecision, report: unwatched.report }),
      );
      return { status, answer, allowed: answer.response.allowed, verdict };
    },
    verifyBundle: (question) =>
      verifyBundle(question, {
        ...{ readBytes, readText, readTrustRoot, publicGoodRoot, verify: verifyArtifactBundle },
      }),
    openApproving: async ({ kubeconfig }) => {
      const cluster = await openUsual(kubeconfig);
      return cluster.ok ? parsed(approvingPorts(cluster.value, (run) => runObject(run).status)) : cluster;
    },
    openRun: (question) => openOneRun(question, { context, watching: unwatched, log }),
    openPromotions: (question) =>
      openPromotions(question, {
        clock,
        actor: environment.USER ?? environment.LOGNAME ?? 'unknown',
        open: async (settings) => {
          const judging = await openJudging(settings, context, unwatched);
          if (!judging.ok) return judging;
          const { opening, close } = judging.value;
          const layouts = () => import('../clients/layout/index.ts');
          return parsed({ context: { ...opening(roots.publicGood), layouts }, close });
        },
      }),
    doctor: async ({ kubeconfig }) => {
      const cluster = await openUsual(kubeconfig);
      return cluster.ok ? parsed(doctorPorts(cluster.value, unwatched.report)) : cluster;
    },
    gate: (settings, folder) => serveGate(settings, folder, { context, log }),
    serve: (settings, folder) =>
      folder === undefined
        ? serveInCluster(settings, { context, log })
        : serveStandalone(settings, folder, { context, log }),
  };
}

function doctorPorts(cluster: Cluster, report: Watching['report']): DoctorPorts {
  return {
    ...cluster,
    selfTest: (namespace, signal) => tryCanariesOn(cluster, { namespace, signal }, report),
    shippedCrds: [imagePolicyCrd()],
    promotionCrds: [...promotionCrds().values()],
  };
}
