import { openInstalled, type Installed } from '../support/nodes/installed.ts';
import { describeAdmission } from './real-nodes/admission.ts';

/** The cluster, the release and their first start. */
const START_WITHIN_MS = 240_000;

describe('Pratique on nodes with kubelets', () => {
  let opened: Installed | undefined;
  before(async function () {
    this.timeout(START_WITHIN_MS);
    opened = await openInstalled();
  });
  after(() => opened?.stop());

  const installed = (): Installed => {
    if (opened === undefined) throw new Error('nothing is installed yet');
    return opened;
  };
  describeAdmission(installed);
});
