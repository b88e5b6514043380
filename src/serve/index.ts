// Builds the tools that the commands use, from settings and clients: the only room that imports every other.
import { readDocuments } from '../clients/files/index.ts';
import { createLog } from '../clients/http-server/index.ts';
import { publicGoodRoot, readTrustRoot } from '../clients/sigstore/index.ts';
import type { TrustRoots } from '../core/policy/index.ts';
import { review } from '../webhook/index.ts';
import type { Tools } from '../cli/index.ts';
import { compileDocuments } from '../controllers/policies/index.ts';
import { standalonePorts } from '../webhook/index.ts';
import { approvingTool } from './approving.ts';
import { verifyBundle } from './bundles.ts';
import { openDoctor } from './doctor.ts';
import { serveInCluster } from './in-cluster.ts';
import { openJudging } from './judging.ts';
import { openPromotions } from './promotion-documents.ts';
import { runTool } from './run-opening.ts';
import { serveStandalone } from './standalone.ts';
import { clock, type ProcessContext } from './process-context.ts';

export type { ProcessContext } from './process-context.ts';

/** Builds the tools that the commands use. */
export function createTools(context: ProcessContext): Tools {
  const { version, stdin } = context;
  const log = createLog(context.writeLog);
  const shipped = publicGoodRoot();
  const roots: TrustRoots = { read: readTrustRoot, publicGood: () => shipped };
  const unwatched = {
    onRequest: () => undefined,
    onLookup: () => undefined,
    report: (error: unknown) => {
      log.error({ err: error }, 'internal error');
    },
  };
  const onDecision = (decision: object) => {
    log.info(decision, 'decided');
  };
  const tools: Tools = {
    version,
    clock,
    readDocuments: (path) => readDocuments(path, { stdin }),
    compilePolicies: (reading) => compileDocuments(reading, { now: clock(), roots }),
    openJudge: (settings) => openJudging(settings, context, unwatched),
    review: async (body, policies, judging, budgetMs) => {
      const { status, answer } = await review(
        { body: Buffer.from(body), budgetMs },
        standalonePorts(() => policies, judging, { onDecision, report: unwatched.report }),
      );
      const { allowed, auditAnnotations } = answer.response;
      return { status, answer, allowed, verdict: auditAnnotations?.verdict ?? 'allow' };
    },
    verifyBundle,
    openApproving: approvingTool(context),
    openRun: runTool({ context: context, watching: unwatched, log }),
    openPromotions: (question) => openPromotions(question, { context: context, watching: unwatched, roots }),
    doctor: (options) => openDoctor(options, context, unwatched.report),
    serve: (settings, folder) => {
      const given = { context: context, log };
      return folder === undefined
        ? serveInCluster(settings, given)
        : serveStandalone(settings, folder, given);
    },
  };
  return tools;
}
