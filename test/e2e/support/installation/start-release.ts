import type { Outcome } from '../programs/command.ts';

/**
 * Installs a release for the first time. There are no nodes here, so nothing can be installed with --wait, which the docs
 * recommend and which also waits for the definitions that the default policy needs. They are kept, and there the second time.
 */
export async function beginRelease(release: {
  readonly install: () => Promise<Outcome>;
  readonly uninstall: () => Promise<Outcome>;
}): Promise<Outcome> {
  const first = await release.install();
  if (!first.stderr.includes('ensure CRDs are installed first')) return first;
  await release.uninstall();
  return release.install();
}
