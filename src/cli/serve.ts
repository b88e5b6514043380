import { EXIT, must } from './exit.ts';
import { settingsFrom, withRegistryOptions, withUnmatchedImages } from './options.ts';
import type { RegistryOptions, UnmatchedImages } from './options.ts';
import type { AddCommand } from './ports.ts';

interface ServeOptions extends RegistryOptions, UnmatchedImages {
  readonly standalone?: string;
  readonly kubeconfig?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly listen?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly pathSecret?: string;
}

/** `pratique serve`: webhook, controller and audit, until it is asked to stop. */
export const addServe: AddCommand = (program, tools, terminal, exit) => {
  const command = program
    .command('serve')
    .description('run the admission webhook over HTTPS, and beside it the controller and the audit')
    .option(
      '--standalone <folder>',
      'only the webhook, with ImagePolicies and what they need from this folder; no cluster needed',
    )
    .option('--kubeconfig <file>', 'how to reach the API server (default: as the pod that this is)')
    .option('--namespace <name>', 'namespace of this installation (default: that of the pod)')
    .option('--name <name>', 'name of the Lease and the webhook configurations (default: pratique)')
    .option('--listen <host:port>', 'address to listen on (default: :8443)')
    .option('--tls-cert <file>', 'certificate chain, PEM')
    .option('--tls-key <file>', 'private key, PEM')
    .option(
      '--path-secret <file>',
      'standalone: lines with the SECRET of /validate/SECRET; needed to listen anywhere but on loopback',
    );
  withUnmatchedImages(withRegistryOptions(command)).action(async (options: ServeOptions) => {
    const { standalone, kubeconfig, namespace, name, listen, tlsCert, tlsKey, pathSecret } = options;
    const flags = {
      webhook: { listen, tlsCert, tlsKey, pathSecretFile: pathSecret },
      cluster: { kubeconfig, namespace, name },
    };
    const settings = must(await settingsFrom(options, flags, tools));
    const serving = must(await tools.serve(settings, standalone));
    terminal.err(`pratique ${tools.version}: ${serving.summary}\n`);
    await terminal.stopped();
    await serving.close();
    exit(EXIT.ok);
  });
};
