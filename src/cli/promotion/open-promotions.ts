import { failed, inFile, parsed, type Clock, type Parsed } from '../../core/model/index.ts';
import { openExecution, type OpeningContext } from '../../core/promotion/index.ts';
import type { Settings } from '../../core/settings/index.ts';
import type { OpenPromotion, PromotionQuestion } from '../ports.ts';
import { readPromotions } from './documents.ts';

/** What the promotions of a file are opened with. */
export interface PromotionTools {
  /** Opens what promotions need besides policies. Problems are files that cannot be used. */
  readonly open: (
    settings: Settings,
  ) => Promise<
    Parsed<{ readonly context: Omit<OpeningContext, 'policies'>; readonly close: () => Promise<void> }>
  >;
  /** The user, for records. */
  readonly actor: string;
  readonly clock: Clock;
}

/** Time to read logins and keys, in milliseconds: files and credential helpers, no registry. */
const OPEN_TIMEOUT_MS = 30_000;

/** Opens the promotions of files, with everything they need found beside them; all problems of all of them at once. */
export async function openPromotions(
  { reading, settings, policies }: PromotionQuestion,
  { open, actor, clock }: PromotionTools,
): Promise<Parsed<{ readonly promotions: readonly OpenPromotion[]; readonly close: () => Promise<void> }>> {
  const documents = readPromotions(reading);
  const opening = await open(settings);
  if (!documents.ok || !opening.ok) {
    if (opening.ok) await opening.value.close();
    return failed([documents, opening]);
  }
  const { promotions, approvals, read } = documents.value;
  const startedAt = clock();
  const id = `local-${startedAt.getTime()}`;
  const context = { ...opening.value.context, policies: () => Promise.resolve(policies) };
  const opened = await Promise.all(
    promotions.map(async ({ origin, promotion: { metadata, spec } }): Promise<Parsed<OpenPromotion>> => {
      const { name, namespace = 'default' } = metadata;
      const run = { name: `${namespace}/${name}`, id, attempt: 1, actor, local: true } as const;
      const promotion = { spec, namespace, run, startedAt, read };
      const execution = await openExecution(promotion, context, AbortSignal.timeout(OPEN_TIMEOUT_MS));
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
    await opening.value.close();
  };
  const wrong = failed(opened);
  if (wrong.problems.length === 0)
    return parsed({ promotions: opened.flatMap((one) => (one.ok ? [one.value] : [])), close });
  await close();
  return wrong;
}
