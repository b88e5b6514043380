import {
  parseDigest,
  parsed,
  type Parsed,
  type Problem,
  textOf,
  objectOf,
  failed,
  inFile,
} from '../core/model/index.ts';
import { parseTime, type TrustRoots } from '../core/policy/index.ts';
import {
  parseApproval,
  parsePromotion,
  type Approval,
  type ImagePromotion,
  type PromotionApprovalSpec,
} from '../core/promotion/index.ts';
import type { OpenPromotion, PromotionQuestion, Reading } from '../cli/index.ts';
import { openJudging, registryOptions, type Watching } from './judging.ts';
import { entriesOf } from '../core/promotion/index.ts';
import { openExecution } from './promotion-execution.ts';
import type { Entries, ReadObject } from '../core/promotion/index.ts';
import { clock, type ProcessContext } from './process-context.ts';

/** What the commands open promotions with. */
export interface DocumentParts {
  readonly context: ProcessContext;
  readonly watching: Watching;
  readonly roots: TrustRoots;
}

/** Promotions of a file, with everything they need found beside them. */
export async function openPromotions(
  { reading, settings, policies }: PromotionQuestion,
  { context: context, watching, roots }: DocumentParts,
): Promise<Parsed<{ readonly promotions: readonly OpenPromotion[]; readonly close: () => Promise<void> }>> {
  const documents = readPromotions(reading);
  const [judging, options] = [
    await openJudging(settings, context, watching),
    await registryOptions(settings, context, watching),
  ];
  if (!documents.ok || !judging.ok || !options.ok) {
    if (judging.ok) await judging.value.close();
    return failed([documents, judging, options]);
  }
  const { promotions, approvals, read } = documents.value;
  const startedAt = clock();
  const id = `local-${String(startedAt.getTime())}`;
  const opened = await Promise.all(
    promotions.map(async ({ origin, promotion: { metadata, spec } }): Promise<Parsed<OpenPromotion>> => {
      const { name, namespace = 'default' } = metadata;
      const run = {
        name: `${namespace}/${name}`,
        id,
        attempt: 1,
        actor: actorIn(context),
        local: true,
      } as const;
      const execution = await openExecution(
        { spec, namespace, run, startedAt, read },
        {
          settings,
          context: context,
          judging: judging.value,
          registryOptions: options.value,
          policies: () => Promise.resolve(policies),
          roots,
          report: watching.report,
        },
        AbortSignal.timeout(OPEN_TIMEOUT_MS),
      );
      if (!execution.ok) return { ok: false, problems: execution.problems.map((one) => inFile(origin, one)) };
      return parsed({
        name,
        source: spec.source.repository,
        target: spec.target.repository,
        dryRun: spec.dryRun,
        timeout: spec.timeout,
        approvals: approvals.map((one) => ({ ...one, runName: id })),
        execution: execution.value,
      });
    }),
  );
  const close = async (): Promise<void> => {
    await Promise.all(opened.flatMap((one) => (one.ok ? [one.value.execution.close()] : [])));
    await judging.value.close();
  };
  const wrong = failed(opened);
  if (wrong.problems.length === 0)
    return parsed({ promotions: opened.flatMap((one) => (one.ok ? [one.value] : [])), close });
  await close();
  return wrong;
}

/** Time to read logins and keys, in milliseconds: files and credential helpers, no registry. */
const OPEN_TIMEOUT_MS = 30_000;

function actorIn({ environment }: ProcessContext): string {
  return environment.USER ?? environment.LOGNAME ?? 'unknown';
}

interface PromotionDocuments {
  readonly promotions: readonly { readonly origin: string; readonly promotion: ImagePromotion }[];
  readonly approvals: readonly Approval[];
  readonly read: ReadObject;
}

const KINDS = ['ImagePromotion', 'PromotionApproval', 'Secret', 'ConfigMap'];

function readPromotions({ documents, problems: unread }: Reading): Parsed<PromotionDocuments> {
  const problems: Problem[] = [...unread];
  const promotions: { origin: string; promotion: ImagePromotion }[] = [];
  const approvals: Approval[] = [];
  const objects = new Map<string, Entries>();
  const take = <T>(origin: string, read: Parsed<T>, keep: (value: T) => void): void => {
    if (read.ok) keep(read.value);
    else problems.push(...read.problems.map((one) => inFile(origin, one)));
  };
  for (const { origin, value } of documents) {
    const { kind, metadata } = objectOf(value);
    const name = textOf(objectOf(metadata).name);
    if (kind === 'ImagePromotion')
      take(origin, parsePromotion(value), (promotion) => promotions.push({ origin, promotion }));
    else if (kind === 'PromotionApproval')
      take(origin, parseApproval(value), ({ spec }) => approvals.push(...approvalOf(spec)));
    else if (kind === 'Secret' || kind === 'ConfigMap')
      objects.set(`${kind}/${name}`, entriesOf(value, kind));
    else problems.push({ path: `${origin}: kind`, message: strange(textOf(kind)) });
  }
  if (promotions.length === 0 && problems.length === 0)
    problems.push({ path: '--filename', message: 'holds no ImagePromotion' });
  if (problems.length > 0) return { ok: false, problems };
  return parsed({
    promotions,
    approvals,
    read: (kind, name) => Promise.resolve(objects.get(`${kind}/${name}`)),
  });
}

function strange(kind: string): string {
  if (kind === 'ImagePolicy') return 'an ImagePolicy is read from --policies';
  return `"${kind}" is none of ${KINDS.join(', ')}`;
}

/** From here nobody proves who approves: it is whoever may run this with these keys. */
function approvalOf({ until, digest, ...rest }: PromotionApprovalSpec): readonly Approval[] {
  const [end, about] = [parseTime(until), parseDigest(digest)];
  return end && about ? [{ ...rest, digest: about, until: end }] : [];
}
