import type { Log } from '../core/model/index.ts';
import { publicGoodRoot, refreshPublicGoodRoot } from '../clients/sigstore/index.ts';
import type { Settings } from '../core/settings/index.ts';
import { createPublicRootStore, type PublicRoot, type RootRefresh } from '../controllers/policies/index.ts';
import { clock } from './process-context.ts';

/** The public-good trust root: the shipped one, until a newer one was fetched where the settings want that. */
export function openPublicRoot(settings: Settings, log: Log, onOutcome?: () => void): PublicRoot {
  const refresher = rootRefresh(settings, log);
  return createPublicRootStore(
    publicGoodRoot(),
    clock,
    refresher && {
      ...refresher,
      onOutcome: (status) => {
        refresher.onOutcome(status);
        onOutcome?.();
      },
    },
  );
}

/** How the public-good trust root is refreshed; nothing = the shipped one stays. */
function rootRefresh({ trust }: Settings, log: Log): RootRefresh | undefined {
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
