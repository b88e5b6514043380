import { EXIT, must, stopSignal } from '../exit.ts';
import { settingsFrom, withRegistryOptions, type RegistryOptions } from '../options.ts';
import type { AddCommand, RunAnswer, Tools } from '../ports.ts';

type RunTools = Tools & Required<Pick<Tools, 'openRun'>>;

interface RunOptions extends RegistryOptions {
  readonly namespace: string;
  readonly holder: string;
  readonly installation?: string;
  readonly kubeconfig?: string;
}

/**
 * `pratique run`: executes one ImagePromotionRun, as Jobs do. The result is in the status of the run, so it exits with 0
 * also when images were blocked. The Job fails only when the run could not be ended: 2 when it was stopped or the API server
 * cannot be asked, 3 when it was called wrongly.
 */
export const addRun: AddCommand<RunTools> = (program, tools, terminal, exit) => {
  const command = program
    .command('run <name>')
    .description('carry out an ImagePromotionRun of a cluster, as soon as no one else does')
    .option('-n, --namespace <name>', 'its namespace', 'default')
    .option('--holder <name>', 'who holds its lease', 'terminal')
    .option(
      '--installation <namespace>',
      'where Pratique is installed: there are the keys that policies name (default: cluster.namespace of the settings)',
    )
    .option('--kubeconfig <file>', 'how to reach the API server (default: as the pod that this is)');
  withRegistryOptions(command).action(async (name: string, options: RunOptions) => {
    const { namespace, holder, installation, kubeconfig } = options;
    const settings = must(await settingsFrom(options, {}, tools));
    const question = { namespace, name, holder, installation, kubeconfig, settings };
    const run = must(await tools.openRun(question));
    try {
      const answer = await run.execute(stopSignal(terminal));
      terminal.err(`${namespace}/${name}: ${sentence(answer)}\n`);
      exit(answer.end === 'stopped' ? EXIT.unknown : EXIT.ok);
    } finally {
      await run.close();
    }
  });
};

function sentence(answer: RunAnswer): string {
  switch (answer.end) {
    case 'stopped':
      return 'stopped before it was done; the next holder continues it';
    case 'nothing':
      return 'nothing to do: it has ended, or is not there';
    case 'over':
      return `${answer.status.phase ?? ''}: ${countsIn(answer.status)}`;
  }
}

function countsIn({ counts }: Extract<RunAnswer, { end: 'over' }>['status']): string {
  if (!counts) return 'no image was looked at';
  const { promoted, upToDate, blocked, awaitingApproval, failed } = counts;
  const parts = { arrived: promoted, 'up to date': upToDate, blocked, waiting: awaitingApproval, failed };
  const counted = Object.entries(parts).map(([word, count]) => `${count} ${word}`);
  return counted.join(', ');
}
