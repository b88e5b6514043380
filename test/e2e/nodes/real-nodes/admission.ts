import { expect } from 'chai';
import { RELEASE } from '../../support/helm.ts';
import { NAMESPACE, type Installed } from '../../support/nodes/installed.ts';

/** What a user sees right after the installation. */
export function describeAdmission(installed: () => Installed): void {
  describe('as installed', () => {
    it('has its replicas on different nodes', async () => {
      const path = '{range .items[*]}{.spec.nodeName}{"\\n"}{end}';
      const pods = await installed().kubectl('get', 'pods', '-n', RELEASE, '-o', `jsonpath=${path}`);
      expect(pods.trim().split('\n').toSorted()).to.deep.equal(['node1', 'node2']);
    });

    it('admits a signed pod, which runs, and refuses an unsigned one', async () => {
      const { kubectl, push, real } = installed();
      const [signed, unsigned] = await Promise.all([push('shop/signed'), push('shop/unsigned', 'unsigned')]);
      await kubectl('run', 'signed', '-n', NAMESPACE, `--image=${signed}`);
      const refused = await real.cluster.kubectl(['run', 'unsigned', '-n', NAMESPACE, `--image=${unsigned}`]);
      expect(refused.code).to.equal(1);
      expect(refused.stderr).to.include('Unsigned');
      await kubectl('wait', '-n', NAMESPACE, '--for=condition=Ready', 'pod/signed', '--timeout=60s');
    });
  });
}
