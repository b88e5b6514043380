import { problem } from '../core/model/index.ts';
import { EXIT, must } from './exit.ts';
import { settingsFrom, withRegistryOptions, type RegistryOptions } from './options.ts';
import type { AddCommand, Tools } from './ports.ts';

interface GateOptions extends RegistryOptions {
  readonly policies?: string;
  readonly kubeconfig?: string;
  readonly namespace?: string;
}

const NEEDS_A_CLUSTER = problem(
  'gate.onMissing',
  'asks promotions of a cluster: leave it out with --policies, or leave out --policies',
);

/** `pratique gate`: pulls, judged, until it is asked to stop. */
export const addGate: AddCommand<Tools & Required<Pick<Tools, 'gate'>>> = (
  program,
  tools,
  terminal,
  exit,
) => {
  const command = program
    .command('gate')
    .description('serve pulls of images from registries, judged by the same policies as admission')
    .option(
      '--policies <folder>',
      'ImagePolicies and what they need from this folder; absent = those of the cluster',
    )
    .option('--kubeconfig <file>', 'how to reach the API server (default: as the pod that this is)')
    .option('--namespace <name>', 'namespace of this installation (default: that of the pod)');
  withRegistryOptions(command).action(async (options: GateOptions) => {
    const { policies, kubeconfig, namespace } = options;
    const settings = must(await settingsFrom(options, { cluster: { kubeconfig, namespace } }, tools));
    if (policies !== undefined && typeof settings.gate?.onMissing === 'object') must(NEEDS_A_CLUSTER);
    const serving = must(await tools.gate(settings, policies));
    terminal.err(`pratique ${tools.version}: ${serving.summary}\n`);
    await terminal.stopped();
    await serving.close();
    exit(EXIT.ok);
  });
};
