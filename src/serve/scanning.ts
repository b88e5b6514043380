import type { RegistryOptions } from '../clients/registry/index.ts';
import { createTrivy, type Trivy } from '../clients/scanner/index.ts';
import type { ImagePromotionSpec, Scanner } from '../core/promotion/index.ts';
import type { Settings } from '../core/settings/index.ts';
import type { OpenSide } from './promotion-sides.ts';
import { clock, type ProcessContext } from './process-context.ts';

/** Opens the Trivy of the settings, which reads with the controller's own logins and authorities. */
export function openTrivy(
  { scanner }: Settings,
  { environment }: ProcessContext,
  { keychain, insecureHosts, ca }: Pick<RegistryOptions, 'keychain' | 'insecureHosts' | 'ca'>,
): Trivy {
  const { command, cacheDirectory, server, databaseRepository, javaDatabaseRepository } = scanner;
  const { offline, timeoutMs, parallel } = scanner;
  return createTrivy({
    ...{ command, offline, timeoutMs, parallel, keychain, environment, now: clock },
    ...(cacheDirectory !== undefined && { cacheDirectory }),
    ...(server !== undefined && { serverUrl: server }),
    ...(insecureHosts && { insecureHosts }),
    ...(ca !== undefined && { ca }),
    databases: {
      ...(databaseRepository !== undefined && { vulnerabilities: databaseRepository }),
      ...(javaDatabaseRepository !== undefined && { java: javaDatabaseRepository }),
    },
  });
}

/** Trivy as a promotion asks for it, with what its source brings; `undefined` where nothing is scanned here. */
export function scannerOf(
  { promote }: ImagePromotionSpec,
  { keychain, insecureHosts, ca }: Pick<OpenSide, 'keychain' | 'insecureHosts' | 'ca'>,
  trivy: Trivy,
): Scanner | undefined {
  const scan = promote?.scan;
  if (!scan || scan.from === 'Report') return undefined;
  const { server } = scan;
  return trivy.as({ keychain, insecureHosts, ca, ...(server !== undefined && { serverUrl: server }) });
}
