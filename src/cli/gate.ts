import { EXIT, must } from './exit.ts';
import { settingsFrom, withRegistryOptions, type RegistryOptions } from './options.ts';
import type { AddCommand, Tools } from './ports.ts';

interface GateOptions extends RegistryOptions {
  readonly policies: string;
}

/** `pratique gate`: pulls, judged, until it is asked to stop. */
export const addGate: AddCommand<Tools & Required<Pick<Tools, 'gate'>>> = (
  program,
  tools,
  terminal,
  exit,
) => {
  const command = program
    .command('gate')
    .description('serve pulls of images from registries, judged by the policies of a folder')
    .requiredOption('--policies <folder>', 'ImagePolicies and the keys and trust roots that they name');
  withRegistryOptions(command).action(async ({ policies, ...options }: GateOptions) => {
    const settings = must(await settingsFrom(options, {}, tools));
    const serving = must(await tools.gate(settings, policies));
    terminal.err(`pratique ${tools.version}: ${serving.summary}\n`);
    await terminal.stopped();
    await serving.close();
    exit(EXIT.ok);
  });
};
