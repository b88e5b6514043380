import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { listTags } from '../../support/registry/listings.ts';
import { pushImage, type Pushed, type Target } from '../../support/registry/push.ts';
import { openWorkspace, type Workspace } from '../support/programs/workspace.ts';
import { inShort, openPromoter, promotion, type Promoter } from '../support/promotions/promoter.ts';
import { startDistribution, startOlareg, type Registry } from '../support/promotions/registries.ts';

describe('pratique promote reads its source at a mirror that the settings name', () => {
  let [vendor, mirror, own]: Registry[] = [];
  let promoter: Promoter;
  let workspace: Workspace;
  let settings: string;
  let pushed: Pushed;
  before(async () => {
    [vendor, mirror, own, promoter, workspace] = await Promise.all([
      startOlareg(),
      startDistribution(),
      startDistribution(),
      openPromoter(),
      openWorkspace('mirrors'),
    ]);
    pushed = await pushImage({ ...at(vendor, 'shop/web'), tag: '1.0.0' });
    await pushImage({ ...at(vendor, 'shop/api'), tag: '1.0.0' });
    await pushImage({ ...at(mirror, 'hub/shop/web'), tag: '1.0.0' });
    settings = join(workspace.folder, 'settings.yaml');
    const endpoints = [{ location: `${mirror.host}/hub`, complete: true }];
    // JSON is YAML.
    await writeFile(
      settings,
      JSON.stringify({ registries: { mirrors: [{ prefix: vendor.host, endpoints }] } }),
    );
  });
  after(async () => {
    await Promise.all([vendor?.stop(), mirror?.stop(), own?.stop(), promoter.stop()]);
    await workspace.close();
  });

  const at = (registry: Registry | undefined, repository: string): Target => ({
    registry: registry?.host ?? '',
    repository,
  });
  const bring = (repository: string) =>
    promoter.promote(
      [
        promotion({
          source: { repository: `${vendor?.host ?? ''}/${repository}` },
          target: { repository: `${own?.host ?? ''}/${repository}` },
          mirror: { quarantine: false, provenance: false, history: false },
        }),
      ],
      { flags: [`--settings=${settings}`] },
    );

  it('and its content comes from there', async () => {
    const ran = await bring('shop/web');
    expect(inShort(ran), ran.stderr).to.deep.equal(['1.0.0 Mirrored']);
    expect(await listTags(at(own, 'shop/web'))).to.deep.equal(['1.0.0']);
    const log = (await mirror?.log()) ?? '';
    expect(log)
      .to.include(`/v2/hub/shop/web/manifests/${pushed.digest}`)
      .and.include('/v2/hub/shop/web/blobs/');
  });

  it('and what the mirror lacks comes from the registry itself', async () => {
    const ran = await bring('shop/api');
    expect(inShort(ran), ran.stderr).to.deep.equal(['1.0.0 Mirrored']);
  });
});
