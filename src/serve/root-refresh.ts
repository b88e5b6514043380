import { publicGoodRoot, refreshPublicGoodRoot } from '../clients/sigstore/index.ts';
import { createPublicRootStore, type PublicRoot } from '../controllers/policies/index.ts';
import type { Log } from '../core/model/index.ts';
import type { Settings } from '../core/settings/index.ts';

/** The public-good trust root: the shipped one, until a newer one was fetched where the settings want that. */
export function openPublicRoot(
  { trust }: Settings,
  { log, clock }: { readonly log: Log; readonly clock: () => Date },
  onOutcome?: () => void,
): PublicRoot {
  if (!trust.refresh) return createPublicRootStore(publicGoodRoot(), clock);
  const { cache: cachePath, mirror: mirrorURL, root: rootPath, everyMs } = trust.refresh;
  return createPublicRootStore(publicGoodRoot(), clock, {
    fetch: () => refreshPublicGoodRoot({ cachePath, mirrorURL, rootPath }),
    everyMs,
    onOutcome: (status) => {
      if (status.lastFailure === undefined) log.info(status, 'trust root refreshed');
      else log.warn(status, 'trust root could not be refreshed, the last good one stays');
      onOutcome?.();
    },
  });
}
