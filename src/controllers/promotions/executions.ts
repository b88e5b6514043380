import type { Cluster } from '../../clients/kubernetes/index.ts';
import type { ReadPullSecrets } from '../../core/evidence/index.ts';
import {
  Fault,
  parsed,
  problem,
  describeProblems,
  type Parsed,
  type Problem,
  type Reason,
} from '../../core/model/index.ts';
import {
  entriesOf,
  openExecution,
  rejudge,
  type OpeningContext,
  type ReadObject,
} from '../../core/promotion/index.ts';
import { RESOURCES } from '../../core/workload/index.ts';
import type { ControllerPorts, Executions, RunSubject } from './ports.ts';

/** Who carries out runs, as records name it. */
const ACTOR = 'pratique';
/** A field whose value is the name of an object that holds a secret. */
const NAMES_A_SECRET = /ecretRef|serviceAccountName|configMapRef/;

/** What promotions of a cluster are opened with. */
export interface ClusterOpening {
  readonly cluster: Pick<Cluster, 'get'>;
  /** Reads pull secrets; remembers nothing from one run to the next. */
  readonly pullSecrets: ReadPullSecrets;
  readonly context: Omit<OpeningContext, 'accountSecrets'>;
}

/** The same, as in the namespace of the promotion: a process there has none of the installation's logins. */
export function withoutLogins({ context, ...rest }: ClusterOpening): ClusterOpening {
  const none = { keychain: () => Promise.resolve(undefined), granting: undefined };
  return { ...rest, context: { ...context, ...none } };
}

/** Opens promotions with what is in their own namespace at this moment. */
export function createExecutions(opening: ClusterOpening): Executions {
  const context = contextOf(opening);
  const { granting } = context;
  const strict = { ...context, granting: granting && { ...granting, alsoReading: true } };
  const open = (subject: RunSubject, signal: AbortSignal, how: OpeningContext = context) => {
    const { namespace, runName, runUID, promotion, spec, failedBefore, startedAt } = subject;
    const name = `${namespace}/${promotion.name}`;
    const run = { name, id: runName, uid: runUID, attempt: failedBefore + 1, actor: ACTOR };
    const read = readerOf(opening.cluster, namespace);
    return openExecution({ spec, namespace, run, promotionUID: promotion.uid, startedAt, read }, how, signal);
  };
  return {
    check: async (given, signal) => {
      const unnamed = { runName: '', promotion: { name: '' }, failedBefore: 0, startedAt: context.clock() };
      try {
        const opened = await open({ ...given, ...unnamed }, signal, strict);
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
      const { namespace, promotion } = subject;
      return openedOr(`open ImagePromotion ${namespace}/${promotion.name}`, await open(subject, signal));
    },
  };
}

/** Judges what lies at targets, with what is in the namespace of the promotion at this moment. */
export function createRejudge(opening: ClusterOpening): NonNullable<ControllerPorts['rejudge']> {
  const context = contextOf(opening);
  return async ({ namespace, name, spec, known }, signal) => {
    const read = readerOf(opening.cluster, namespace);
    const judged = await rejudge({ spec, namespace, known, read }, context, signal);
    return openedOr(`open the target of ImagePromotion ${namespace}/${name}`, judged);
  };
}

function openedOr<T>(operation: string, opened: Parsed<T>): T {
  if (opened.ok) return opened.value;
  throw new Fault({ ...reasonOf(opened.problems), operation, side: 'cluster', transient: false });
}

function reasonOf(problems: readonly Problem[]): Reason {
  const isSecret = problems.every(({ path }) => NAMES_A_SECRET.test(path));
  const [own] = problems.flatMap(({ reason }) => reason ?? []);
  const code = own ?? (isSecret ? 'SecretUnreadable' : 'InvalidPromotion');
  return { code, detail: describeProblems(problems) };
}

/** Reads of one namespace and of no other. */
function readerOf(cluster: Pick<Cluster, 'get'>, namespace: string): ReadObject {
  return async (kind, name, signal) => {
    const resource = kind === 'Secret' ? RESOURCES.secrets : RESOURCES.configMaps;
    const object = await cluster.get({ resource, namespace, name }, signal);
    return object && entriesOf(object, kind);
  };
}

function contextOf({ cluster, pullSecrets, context }: ClusterOpening): OpeningContext {
  return {
    ...context,
    accountSecrets: async ({ namespace, name }, signal) => {
      // A pod with a ServiceAccount that does not exist has no pull secrets; here its name is a mistake.
      const address = { resource: RESOURCES.serviceAccounts, namespace, name };
      if (!(await cluster.get(address, signal))) return problem('', `there is no ServiceAccount "${name}"`);
      const read = await pullSecrets({ namespace, names: [], serviceAccount: name }, signal);
      if (read.unreadable.length === 0) return parsed(read.configs);
      return problem('', read.unreadable.map(({ source, detail }) => `${source} ${detail}`).join('; '));
    },
  };
}
