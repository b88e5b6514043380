import { createPullSecrets, type Cluster } from '../clients/kubernetes/index.ts';
import { Fault, parsed, problem, type Problem, type Reason } from '../core/model/index.ts';
import type { ControllerPorts, Executions, RunSubject } from '../controllers/promotions/index.ts';
import { entriesOf } from '../core/promotion/index.ts';
import { openExecution } from './promotion-execution.ts';
import type { ExecutionContext } from './execution-context.ts';
import type { ReadObject } from '../core/promotion/index.ts';
import { rejudgeTarget } from './promotion-rejudging.ts';
import type { SideParts } from './promotion-sides.ts';
import { RESOURCES } from '../core/workload/index.ts';
import { clock } from './process-context.ts';

/** Who carries out runs, as records tell. */
const ACTOR = 'pratique';
/** A field whose value is the name of something that holds what is secret. */
const NAMES_A_SECRET = /ecretRef|serviceAccountName|configMapRef/;

type Around = Omit<ExecutionContext, 'accountSecrets'>;

/** Opens promotions with what is in their own namespace at this moment: nothing of it is remembered from one run to the next. */
export function createExecutions(cluster: Pick<Cluster, 'get'>, around: Around): Executions {
  const accountSecrets = accountSecretsOver(cluster);
  const open = (subject: RunSubject, signal: AbortSignal) => {
    const { namespace, runName, promotion, spec, failedBefore, startedAt } = subject;
    const run = {
      name: `${namespace}/${promotion.name}`,
      id: runName,
      attempt: failedBefore + 1,
      actor: ACTOR,
    };
    const read = readerOf(cluster, namespace);
    return openExecution({ spec, namespace, run, startedAt, read }, { ...around, accountSecrets }, signal);
  };
  return {
    check: async ({ namespace, spec }, signal) => {
      try {
        const opened = await open(
          { namespace, spec, runName: '', promotion: NO_OBJECT, failedBefore: 0, startedAt: clock() },
          signal,
        );
        if (!opened.ok) return reasonOf(opened.problems);
        await opened.value.close();
        return undefined;
      } catch (error) {
        // What will not pass by itself, such as a right that is missing, is for a person.
        if (!(error instanceof Fault) || error.transient) throw error;
        return { code: error.code, detail: error.message };
      }
    },
    open: async (subject, signal) => {
      const opened = await open(subject, signal);
      if (opened.ok) return opened.value;
      const { namespace, promotion } = subject;
      const operation = `open ImagePromotion ${namespace}/${promotion.name}`;
      throw new Fault({ ...reasonOf(opened.problems), operation, side: 'cluster', transient: false });
    },
  };
}

/** Judges what lies at targets, with what is in the namespace of the promotion at this moment. */
export function rejudgeOver(
  cluster: Pick<Cluster, 'get'>,
  around: Around,
): NonNullable<ControllerPorts['rejudge']> {
  const accountSecrets = accountSecretsOver(cluster);
  return async ({ namespace, name, spec, known }, signal) => {
    const promotion = { spec, namespace, known, read: readerOf(cluster, namespace) };
    const judged = await rejudgeTarget(promotion, { ...around, accountSecrets }, signal);
    if (judged.ok) return judged.value;
    const operation = `open the target of ImagePromotion ${namespace}/${name}`;
    throw new Fault({ ...reasonOf(judged.problems), operation, side: 'cluster', transient: false });
  };
}

const NO_OBJECT = { name: '', uid: '', generation: 0 } as const;

function reasonOf(problems: readonly Problem[]): Reason {
  const detail = problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; ');
  const isSecret = problems.every(({ path }) => NAMES_A_SECRET.test(path));
  return { code: isSecret ? 'SecretUnreadable' : 'InvalidPromotion', detail };
}

/** Reads of one namespace and of no other. */
function readerOf(cluster: Pick<Cluster, 'get'>, namespace: string): ReadObject {
  return async (kind, name, signal) => {
    const resource = kind === 'Secret' ? RESOURCES.secrets : RESOURCES.configMaps;
    const object = await cluster.get({ resource, namespace, name }, signal);
    return object && entriesOf(object, kind);
  };
}

function accountSecretsOver(cluster: Pick<Cluster, 'get'>): NonNullable<ExecutionContext['accountSecrets']> {
  const { read } = createPullSecrets({ cluster, clock, rememberMs: 0 });
  return (namespace): NonNullable<SideParts['accountSecrets']> =>
    async (serviceAccount, signal) => {
      // For a pod one that is not there has no secrets; here somebody has mistyped its name.
      const address = { resource: RESOURCES.serviceAccounts, namespace, name: serviceAccount };
      if (!(await cluster.get(address, signal)))
        return problem('', `there is no ServiceAccount "${serviceAccount}"`);
      const { configs, unreadable } = await read({ namespace, names: [], serviceAccount }, signal);
      if (unreadable.length === 0) return parsed(configs);
      const why = unreadable.map(({ source, detail }) => `${source} ${detail}`).join('; ');
      return problem('', why);
    };
}
