import { failed, inFile, parsed, type Parsed } from '../core/model/index.ts';
import type { TrustRoots } from '../core/policy/index.ts';
import { readPromotions, type OpenPromotion, type PromotionQuestion } from '../cli/index.ts';
import { openJudging, registryOptions, type Watching } from './judging.ts';
import { openExecution } from './promotion-execution.ts';
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
  { context, watching, roots }: DocumentParts,
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
          context,
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
