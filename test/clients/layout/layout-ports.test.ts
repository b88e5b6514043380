import { folderOf } from '../../../src/core/model/index.ts';
import { createLayouts } from '../../../src/clients/layout/index.ts';
import { describePromotionPorts } from '../../support/contracts/promotion-ports.ts';
import { describeRegistryPorts } from '../../support/contracts/registry-ports.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { image, place, referrer, targetLayouts } from './layout-fixture.ts';

describePromotionPorts('folders in the OCI image layout', async () => {
  const folder = await temporaryFolder({});
  return {
    registry: targetLayouts(),
    home: place(folder.path, 'home'),
    beside: place(folder.path, 'beside'),
    abroad: place(folder.path, 'abroad'),
    toBeside: 'copied',
    done: () => folder.remove(),
  };
});

describeRegistryPorts('a folder in the OCI image layout', async () => {
  const folder = await temporaryFolder({});
  const repository = place(folder.path, 'shop');
  const layouts = targetLayouts();
  const pushed = await image(layouts, repository, ['1.0', '1.1']);
  const note = await referrer(layouts, repository, pushed, { text: 'a note' });
  return {
    source: createLayouts({ side: 'source', folderOf }),
    ...{ repository, image: pushed.digest, referrer: note.digest, text: 'a note' },
    done: () => folder.remove(),
  };
});
