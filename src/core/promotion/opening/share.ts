import type { Fault, Problem, Reason } from '../../model/index.ts';
import type { UnplannedImage } from '../plan.ts';
import type { OpeningContext, SideClient } from './context.ts';
import type { NamespacedPromotion } from './secrets.ts';

/** What the repositories of one promotion share: objects that are read once, a key that is opened once, connections. */
export interface Shared<P extends NamespacedPromotion = NamespacedPromotion> {
  readonly promotion: P;
  readonly context: OpeningContext;
  readonly close: () => Promise<void>;
}

/** Reads and opens once what every repository needs. */
export function sharedBy<P extends NamespacedPromotion>(promotion: P, context: OpeningContext): Shared<P> {
  const { openClient, openKeySigner, openKeylessSigner, accountSecrets } = context;
  const clients = new Map<string, SideClient>();
  const signers = new Map<string, ReturnType<typeof openKeylessSigner>>();
  return {
    promotion: { ...promotion, read: once((kind, name) => `${kind}/${name}`, promotion.read) },
    context: {
      ...context,
      policies: once((names) => JSON.stringify(names), context.policies),
      accountSecrets: accountSecrets && once((account) => JSON.stringify(account), accountSecrets),
      openKeySigner: once((key) => JSON.stringify(key), openKeySigner),
      openKeylessSigner: (given) => {
        const key = JSON.stringify(given);
        const signer = signers.get(key) ?? openKeylessSigner(given);
        signers.set(key, signer);
        return signer;
      },
      openClient: (trust) => {
        const key = JSON.stringify(trust);
        const client = clients.get(key) ?? openClient(trust);
        clients.set(key, client);
        return { ...client, close: () => Promise.resolve() };
      },
    },
    close: async () => {
      await Promise.all([...clients.values()].map((client) => client.close()));
    },
  };
}

/** Calls once for each key; a call that failed is made again. */
function once<A extends readonly unknown[], T>(
  keyOf: (...given: A) => string,
  call: (...given: A) => Promise<T>,
): (...given: A) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (...given) => {
    const key = keyOf(...given);
    const result = known.get(key) ?? call(...given);
    known.set(key, result);
    result.catch(() => known.delete(key));
    return result;
  };
}

/** Why a repository could not be opened or planned. */
export interface RepositoryFailure extends Reason {
  readonly transient: boolean;
}
/** The row of a repository, or of an entry of the spec, about which something broke as a whole. */
export function failedRow(
  repository: string,
  { code: reason, detail: message, transient }: RepositoryFailure,
): UnplannedImage {
  return { repository, tag: '', action: 'Fail', reason, message, transient };
}

/** The same of what was thrown. */
export const failureOf = ({ code, message: detail, transient }: Fault): RepositoryFailure => ({
  code,
  detail,
  transient,
});

/** The same of problems of the spec, or of what it names. */
export function failureIn(problems: readonly Problem[]): RepositoryFailure {
  const [own] = problems.flatMap(({ reason }) => reason ?? []);
  const detail = problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; ');
  return { code: own ?? 'InvalidPromotion', detail, transient: false };
}
