import { expect } from 'chai';
import { RELEASE } from '../../support/helm.ts';
import { policy } from '../../support/installation/policies.ts';
import { NAMESPACE, type Installed } from '../../support/nodes/installed.ts';
import { pushWaiting } from '../../support/nodes/program-images.ts';

const READY = ['--for=condition=Ready', '--timeout=60s'];
/** Of kube-system, where nothing is judged. */
const NOT_JUDGED = 'kube-system';

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
      await kubectl('wait', '-n', NAMESPACE, 'pod/signed', ...READY);
    });

    it('judges images that are mounted as volumes, and a pod with a signed one runs', async () => {
      const { kubectl, push, real } = installed();
      const [signed, unsigned] = await Promise.all([push('shop/data'), push('shop/other-data', 'unsigned')]);
      const create = (name: string, reference: string) => {
        const container = {
          name: 'main',
          image: signed,
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        };
        const spec = { containers: [container], volumes: [{ name: 'data', image: { reference } }] };
        const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: NAMESPACE }, spec };
        return real.cluster.kubectl(['create', '-f', '-'], { input: JSON.stringify(pod) });
      };
      const refused = await create('unsigned-volume', unsigned);
      expect(refused.stderr).to.include('Unsigned');
      expect((await create('signed-volume', signed)).code).to.equal(0);
      await kubectl('wait', '-n', NAMESPACE, 'pod/signed-volume', ...READY);
    });

    it('a pinned pod runs what was judged, where its node has another image under the tag', async () => {
      const { cosign, kubectl, real, release } = installed();
      const { cluster, registry } = real;
      const from = {
        authorities: [{ name: 'release', key: { secretRef: { name: 'release-key', key: 'cosign.pub' } } }],
      };
      const spec = { ...from, require: { signatures: { from: ['release'] } }, pinDigests: true };
      await cluster.apply(policy('pinned', `${registry.host}/pinned/**`, spec));
      await kubectl('wait', 'imagepolicy/pinned', ...READY);
      const target = { registry: registry.host, repository: 'pinned/web', tag: '1' };
      const image = `${registry.host}/pinned/web:1`;
      const onNode = `--overrides={"spec":{"nodeName":"node1"}}`;
      await pushWaiting(target, 'earlier');
      await kubectl('run', 'earlier', '-n', NOT_JUDGED, `--image=${image}`, onNode);
      await kubectl('wait', '-n', NOT_JUDGED, 'pod/earlier', ...READY);
      const { reference, digest } = await pushWaiting(target, 'signed');
      await cosign.sign(reference, { key: release, format: 'bundle' });
      await kubectl('run', 'pinned', '-n', NAMESPACE, `--image=${image}`, onNode);
      await kubectl('wait', '-n', NAMESPACE, 'pod/pinned', ...READY);
      const running = 'jsonpath={.status.containerStatuses[0].imageID}';
      expect(await kubectl('get', 'pod', 'pinned', '-n', NAMESPACE, '-o', running)).to.include(digest);
    });

    it('passes helm test, which prints what doctor found', async () => {
      const { code, stdout, stderr } = await installed().helm(['test', RELEASE, '--logs']);
      expect(code, stdout + stderr).to.equal(0);
      expect(stdout).to.match(/^ok +webhook/m);
      expect(stdout.match(/^POD LOGS: .*/gm)).to.deep.equal(['POD LOGS: pratique-doctor']);
    });
  });
}
