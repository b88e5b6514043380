import type { Command } from 'commander';
import { definedFields, Fault, oneLine, parsed, type Reason } from '../../core/model/index.ts';
import { durationMs, type FolderPolicies } from '../../core/policy/index.ts';
import type { ImageResult, PlannedImage, Progress } from '../../core/promotion/index.ts';
import { must, stopSignal } from '../exit.ts';
import type { OutputFormat } from '../output.ts';
import { both, mustReadOnce, settingsFrom, withOutput, withRegistryOptions } from '../options.ts';
import type { RegistryOptions } from '../options.ts';
import type { AddCommand, OpenPromotion, Terminal, Tools } from '../ports.ts';
import { showProgress } from './progress-bar.ts';
import { exitOfPlans, exitOfResults, reportPlans, reportResults, type ReportOptions } from './report.ts';

interface PromotionOptions extends RegistryOptions {
  readonly filename: string;
  readonly policies?: string;
  readonly output: OutputFormat;
  readonly dryRun?: boolean;
}

const NO_POLICIES: Pick<FolderPolicies, 'policies'> = { policies: [] };

type PromotionTools = Tools & Required<Pick<Tools, 'openPromotions'>>;

/** `pratique plan`: what a promotion would do now, and why; nothing is written anywhere. */
export const addPlan: AddCommand<PromotionTools> = (program, tools, terminal, exit) => {
  const command = program
    .command('plan')
    .description('say what an ImagePromotion would do now, and change nothing');
  withPromotions(command).action(async (options: PromotionOptions) => {
    const plans: ReportOptions<PlannedImage>[] = [];
    await withOpen(options, tools, terminal, async (promotion, signal) => {
      const how = { records: false, work: (planned: readonly PlannedImage[]) => Promise.resolve(planned) };
      plans.push(await reportOf(promotion, terminal, signal, how));
    });
    terminal.out(reportPlans(plans, options.output));
    exit(exitOfPlans(plans));
  });
};

/** `pratique promote`: one run of a promotion from here, without any cluster. */
export const addPromote: AddCommand<PromotionTools> = (program, tools, terminal, exit) => {
  const command = program
    .command('promote')
    .description('carry out an ImagePromotion once, from here')
    .option('--dry-run', 'plan and report, but move nothing');
  withPromotions(command).action(async (options: PromotionOptions) => {
    const runs: ReportOptions<ImageResult>[] = [];
    await withOpen(options, tools, terminal, async (promotion, signal) => {
      const dryRun = options.dryRun ?? promotion.dryRun;
      const approvals = () => promotion.approvals;
      const { interactive, err } = terminal;
      const run = async (planned: readonly PlannedImage[]): Promise<readonly ImageResult[]> => {
        const shown = showProgress({ images: planned.length, clock: tools.clock, write: err, interactive });
        const progress = { ...shown, onRest: restingOn(terminal, promotion) };
        try {
          return await promotion.execution.run(planned, { progress, dryRun, approvals }, signal);
        } finally {
          shown.end();
        }
      };
      runs.push(await reportOf(promotion, terminal, signal, { records: !dryRun, work: run }));
    });
    terminal.out(reportResults(runs, options.output));
    exit(exitOfResults(runs));
  });
};

function withPromotions(command: Command): Command {
  command
    .requiredOption(
      '-f, --filename <path>',
      'ImagePromotions, with the Secrets and PromotionApprovals they need: a file, a folder, or - for standard input. Their sides may be folders in the OCI image layout: oci:./export',
    )
    .option(
      '--policies <path>',
      'folder (or file) with the ImagePolicies that promotions name, and their keys',
    );
  return withOutput(withRegistryOptions(command));
}

/** Plans a promotion and does something with the plan. What ends it is in its report: the other promotions of the file go on. */
async function reportOf<Row>(
  promotion: OpenPromotion,
  terminal: Terminal,
  signal: AbortSignal,
  {
    records,
    work,
  }: {
    /** Whether the plan is carried out, so that it may write down what it has seen. */
    readonly records: boolean;
    readonly work: (planned: readonly PlannedImage[]) => Promise<readonly Row[]>;
  },
): Promise<ReportOptions<Row>> {
  const { name, source, target, execution } = promotion;
  const head = { name, source, target };
  try {
    const found = await execution.plan(signal, restingOn(terminal, promotion), { records });
    if (found.state === 'refused') return failure(head, { ...found.reason, isUnknown: false }, terminal);
    const { nothing: message, images, leftOut, repositories, rest } = found;
    const rows = await work(images);
    return { ...head, ...definedFields({ message, repositories }), rows, leftOut, rest };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return failure(head, { code: error.code, detail: error.message, isUnknown: true }, terminal);
  }
}

function failure(
  head: Pick<ReportOptions<never>, 'name' | 'source' | 'target'>,
  { code: reason, detail, isUnknown }: Reason & { readonly isUnknown: boolean },
  terminal: Terminal,
): ReportOptions<never> {
  terminal.err(`error: ${oneLine(`ImagePromotion ${head.name}: ${reason}: ${detail}`)}\n`);
  return { ...head, rows: [], reason, message: detail, isUnknown };
}

/** Announces that a registry is left alone, since that may take minutes. */
function restingOn(terminal: Terminal, { name, source, target }: OpenPromotion): Progress['onRest'] {
  return ({ side, ms }) => {
    const where = side === 'source' ? source : target;
    const seconds = String(Math.ceil(ms / 1000));
    terminal.err(
      `${oneLine(`${name}: waits ${seconds} s: RegistryRateLimited: ${where}`)} asks to slow down\n`,
    );
  };
}

/** Opens what the files say, lets each promotion do its work, and closes it all. Ctrl-C ends a run where it stands. */
async function withOpen(
  options: PromotionOptions,
  tools: PromotionTools,
  terminal: Terminal,
  work: (promotion: OpenPromotion, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { filename, policies } = options;
  mustReadOnce([filename, policies, options.settings]);
  const [promotions, rules] = await Promise.all([
    tools.readDocuments(filename),
    policies === undefined ? undefined : tools.readDocuments(policies),
  ]);
  const compiled = rules ? tools.compilePolicies(rules) : parsed(NO_POLICIES);
  const [settings, { policies: named }] = must(both(await settingsFrom(options, {}, tools), compiled));
  const open = must(await tools.openPromotions({ reading: promotions, settings, policies: named }));
  const stopped = stopSignal(terminal);
  try {
    for (const promotion of open.promotions) {
      const timeout = AbortSignal.timeout(durationMs(promotion.timeout));
      await work(promotion, AbortSignal.any([stopped, timeout]));
    }
  } finally {
    await open.close();
  }
}
