import type { Command } from 'commander';
import { parsed, problem } from '../../core/model/index.ts';
import { EXIT } from './exit.ts';
import { both, must, settingsFrom, withRegistryOptions, type RegistryOptions } from './options.ts';
import type { Terminal, Tools } from './ports.ts';

interface ServeOptions extends RegistryOptions {
  readonly standalone?: string;
  readonly listen?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** `pratique serve`: the webhook, until it is asked to stop. */
export function addServe(
  program: Command,
  tools: Tools,
  terminal: Terminal,
  exit: (code: number) => void,
): void {
  const command = program
    .command('serve')
    .description('run the admission webhook over HTTPS')
    .option(
      '--standalone <folder>',
      'read ImagePolicies and what they need from this folder; no cluster needed',
    )
    .option('--listen <host:port>', 'address to listen on (default: :8443)')
    .option('--tls-cert <file>', 'certificate chain, PEM')
    .option('--tls-key <file>', 'private key, PEM');
  withRegistryOptions(command).action(
    async ({ standalone, listen, tlsCert, tlsKey, ...rest }: ServeOptions) => {
      const webhook = {
        ...(listen !== undefined && { listen }),
        ...(tlsCert !== undefined && { tlsCert }),
        ...(tlsKey !== undefined && { tlsKey }),
      };
      const [folder, settings] = must(
        both(
          standalone === undefined
            ? problem('--standalone', 'is needed: the folder with ImagePolicies and what they need')
            : parsed(standalone),
          await settingsFrom(rest, webhook, tools),
        ),
      );
      const serving = must(await tools.serve(settings, folder));
      const count = `${String(serving.policies)} ${serving.policies === 1 ? 'policy' : 'policies'}`;
      terminal.err(`pratique ${tools.version}: ${count} from ${folder}, listening on ${serving.url}\n`);
      await terminal.stopped();
      await serving.close();
      exit(EXIT.ok);
    },
  );
}
