import type { Log } from '../adapters/server/index.ts';
import { refreshPublicGoodRoot } from '../adapters/sigstore/index.ts';
import type { Settings } from '../core/settings/index.ts';
import type { RootRefresh } from '../doors/policies/index.ts';

/** How the public-good trust root is refreshed; nothing = the shipped one stays. */
export function rootRefresh({ trust }: Settings, log: Log): RootRefresh | undefined {
  if (!trust.refresh) return undefined;
  const { cache: cachePath, mirror: mirrorURL, root: rootPath, everyMs } = trust.refresh;
  return {
    fetch: () => refreshPublicGoodRoot({ cachePath, mirrorURL, ...(rootPath !== undefined && { rootPath }) }),
    everyMs,
    onOutcome: (status) => {
      if (status.lastFailure === undefined) log.info(status, 'trust root refreshed');
      else log.warn(status, 'trust root could not be refreshed, the last good one stays');
    },
  };
}
