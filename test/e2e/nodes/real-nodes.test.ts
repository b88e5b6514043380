import { reasonsOf, tableOf } from '../support/nodes/disturb.ts';
import { openInstalled, type Installed } from '../support/nodes/installed.ts';
import { openUnderLoad } from '../support/nodes/under-load.ts';
import { describeAdmission } from './real-nodes/admission.ts';
import { describeOutages, describeRestarts } from './real-nodes/disturbances.ts';
import { describePromotions, describeScannerCopy } from './real-nodes/promotions.ts';

/** The cluster, the release and their first start. */
const START_WITHIN_MS = 240_000;

describe('Pratique on nodes with kubelets', () => {
  let opened: Installed | undefined;
  const installed = (): Installed => {
    if (opened === undefined) throw new Error('nothing is installed yet');
    return opened;
  };
  const underLoad = openUnderLoad(installed);
  before(async function () {
    this.timeout(START_WITHIN_MS);
    opened = await openInstalled();
  });
  after(async () => {
    console.error(`\n${tableOf(underLoad.rows)}\n\n${reasonsOf(underLoad.rows)}`);
    await opened?.stop();
  });

  // In this order: a node that died does not come back.
  describeAdmission(installed);
  describeScannerCopy(installed);
  describeRestarts(installed, underLoad);
  describePromotions(installed);
  describeOutages(installed, underLoad);
});
